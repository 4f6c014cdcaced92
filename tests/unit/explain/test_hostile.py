"""Objects that answer, lie or fail when asked are never asked."""

from __future__ import annotations

import gc
import sys
from typing import Any, NoReturn
from unittest.mock import MagicMock

import pytest
from leaks import left_by

from pytest_leakcheck.explain import describe, edges, introspect
from pytest_leakcheck.explain.causes import explain_survivors
from pytest_leakcheck.explain.cycles import describe_garbage
from pytest_leakcheck.explain.path_naming import name_chain

ASKED: list[str] = []


def asked(*args: object, **_: object) -> NoReturn:
    ASKED.append("asked")
    raise AssertionError("user code ran")


class Meta(type):
    __eq__ = asked
    __hash__ = type.__hash__
    __instancecheck__ = asked
    __subclasscheck__ = asked
    __getattribute__ = asked
    __module__ = property(asked)
    __len__ = asked
    __repr__ = asked
    __call__ = type.__call__


class Hostile(metaclass=Meta):
    """Every question to an instance or to its class fails."""

    __eq__ = asked
    __hash__ = object.__hash__
    __len__ = asked
    __bool__ = asked
    __iter__ = asked
    __repr__ = asked
    __str__ = asked
    __sizeof__ = asked
    __getattribute__ = asked
    __class__ = property(asked)
    __dir__ = asked
    __reduce_ex__ = asked


class HostileDict(dict):  # type: ignore[type-arg]
    __getattribute__ = asked
    __len__ = asked
    __iter__ = asked
    __getitem__ = asked
    __contains__ = asked
    __eq__ = asked
    __hash__ = None
    items = asked
    keys = asked
    values = asked
    get = asked
    __sizeof__ = asked


class HostileList(list):  # type: ignore[type-arg]
    __getattribute__ = asked
    __len__ = asked
    __iter__ = asked
    __getitem__ = asked
    __eq__ = asked
    __hash__ = None
    __sizeof__ = asked


class HostileText(str):
    __slots__ = ()
    __eq__ = asked
    __hash__ = str.__hash__
    __repr__ = asked
    __str__ = asked
    __format__ = asked
    __len__ = asked


def hostile() -> Any:
    """An instance, made without asking its class."""
    return object.__new__(Hostile)


KEPT: list[Any] = []
HOLDERS: list[Any] = [HostileDict(), HostileList(), hostile()]


@pytest.fixture(autouse=True)
def _never_asked() -> Any:
    ASKED.clear()
    yield
    assert ASKED == []


def held_by_hostile() -> None:
    dict.__setitem__(HOLDERS[0], HostileText(f"key {dict.__len__(HOLDERS[0])}"), [hostile()])
    list.append(HOLDERS[1], [hostile()])
    object.__setattr__(HOLDERS[2], "x", [hostile()])


def test_hostile_heads_and_holders_are_explained_without_being_asked() -> None:
    survivors = left_by(held_by_hostile)
    causes = explain_survivors(survivors)
    holders = {c.holder for c in causes}
    assert holders == {
        f"{__name__}.HOLDERS[*][*]",
        f"{__name__}.HOLDERS[*].keys()[*]",
        f"{__name__}.HOLDERS[*].x",
    }
    assert sum(c.per_run for c in causes) == 4


def test_a_hostile_head_has_its_real_name() -> None:
    survivors = left_by(lambda: KEPT.append(hostile()))
    assert [c.head for c in explain_survivors(survivors)] == [f"{__name__}.Hostile"]
    KEPT.clear()


def test_a_mock_is_not_called_and_does_not_grow() -> None:
    mock = MagicMock()
    before = len(vars(mock)["_mock_children"])
    survivors = left_by(lambda: KEPT.append([mock]))
    explain_survivors(survivors)
    describe_garbage([mock])
    edges.name_edge(mock, None)
    describe.label(mock)
    describe.stuck(mock)
    assert len(vars(mock)["_mock_children"]) == before
    assert mock.mock_calls == []
    KEPT.clear()


def test_sizes_ask_no_python_code() -> None:
    sizes = introspect.Sizes()
    assert sizes.of(hostile()) > 0
    assert sizes.of(HostileDict()) > 0
    assert sizes.of([1, 2]) == sys.getsizeof([1, 2])
    assert sizes.of("text") == sys.getsizeof("text")
    assert sizes.of(bytearray(100)) == sys.getsizeof(bytearray(100))


def test_names_of_types_past_a_metaclass() -> None:
    assert introspect.type_name(hostile()) == f"{__name__}.Hostile"
    assert introspect.type_name([]) == "list"


def test_a_module_name_that_is_no_text() -> None:
    odd = type("Odd", (), {"__module__": MagicMock()})
    assert introspect.class_name(odd) == "?.Odd"


def test_hostile_keys_are_named_by_type() -> None:
    assert edges.key_text(HostileText("x")) == f"<{__name__}.HostileText>"
    assert edges.key_text(hostile()) == f"<{__name__}.Hostile>"


def test_garbage_that_is_hostile() -> None:
    gc.collect()
    gc.disable()
    try:
        a, b = hostile(), HostileDict()
        object.__setattr__(a, "b", b)
        dict.__setitem__(b, "a", a)
        namespace = [r for r in gc.get_referents(a) if type(r) is dict]
        steps = describe_garbage([a, b, *namespace]).cycles[0]
        assert [s.edge for s in steps] == ["", ".b", "['a']"]
    finally:
        gc.enable()


def test_naming_makes_no_dict_in_an_instance_that_is_only_passed() -> None:
    class Inline:
        pass

    o = Inline()
    o.x = [1]  # type: ignore[attr-defined]
    before = sys.getsizeof(o), len(gc.get_referents(o))
    introspect.instance_dict(o)
    introspect.attribute(o, "x")
    introspect.members(o)
    assert (sys.getsizeof(o), len(gc.get_referents(o))) == before


def test_a_chain_through_hostile_objects_is_named() -> None:
    inner = [1]
    holder = hostile()
    object.__setattr__(holder, "y", inner)
    chain = [[holder], holder, inner]
    assert [edge.edge for _, edge in name_chain(chain)] == ["[0]", ".y"]
