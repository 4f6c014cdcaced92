"""Lists and tuples that compiled code made and never filled: nothing reads their empty slots."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any

import pytest

from pytest_leakcheck.explain.causes import explain_survivors
from pytest_leakcheck.explain.describe import label
from pytest_leakcheck.explain.edges import name_edge
from pytest_leakcheck.explain.introspect import filled, slots

_api = ctypes.pythonapi


def _maker(name: str, *arguments: Any) -> Callable[..., Any]:
    function = getattr(_api, name)
    function.restype, function.argtypes = ctypes.py_object, list(arguments)
    made: Callable[..., Any] = function
    return made


_new_list = _maker("PyList_New", ctypes.c_ssize_t)
_new_tuple = _maker("PyTuple_New", ctypes.c_ssize_t)
_new_record = _maker("PyStructSequence_New", ctypes.py_object)


class Thing:
    """What fills a slot."""


def half_filled() -> list[Any]:
    """A list of three slots, of which the second one has something."""
    made: list[Any] = _new_list(3)
    thing = Thing()
    _api.Py_IncRef(ctypes.py_object(thing))
    at = ctypes.c_void_p.from_address(id(made) + list.__basicsize__ - 16).value
    assert at is not None
    ctypes.c_void_p.from_address(at + 8).value = id(thing)
    return made


EMPTY: dict[str, Callable[[], Any]] = {
    "list": lambda: _new_list(3),
    "tuple": lambda: _new_tuple(2),
    "record": lambda: _new_record(time.struct_time),
    "list, half filled": half_filled,
}


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
def test_what_lies_in_slots(make: Callable[[], Any]) -> None:
    made = make()
    things = filled(made)
    assert all(type(thing) is Thing for thing in things)
    assert len(slots(made)) == len(made)
    assert sum(address != 0 for address in slots(made)) == len(things)
    assert filled(made, last=1) == []


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
def test_such_a_container_is_explained_like_any_other(make: Callable[[], Any]) -> None:
    """As what is kept, as its holder, and as one of the steps to it."""
    kept = [make()]
    label(kept[0])
    causes = explain_survivors(kept, ignore={id(kept)})
    assert len(causes) == 1
    assert name_edge(kept[0], Thing()).generic != "[*]"


def test_the_place_of_what_lies_between_empty_slots() -> None:
    made = half_filled()
    (thing,) = filled(made)
    assert name_edge(made, thing).edge == "[1]"


@pytest.mark.parametrize("whole", [[], [1, 2, 3], (), (4, 5)])
def test_whole_containers_are_read_as_they_are(whole: Any) -> None:
    assert filled(whole) == list(whole)
    assert filled(whole, last=2) == list(whole)[-2:]
    assert filled(whole, last=0) == []
