"""What is known to be bounded: by the standard library, or by what its owner states."""

from __future__ import annotations

import collections
import functools
import gc
import threading
import weakref
from typing import Any, cast

import pytest

from pytest_leakcheck.explain.bounds import (
    Bound,
    bound_of,
    is_keyed_weakly,
    links_back,
    refers_weakly,
)
from pytest_leakcheck.explain.graph import Hop
from pytest_leakcheck.explain.introspect import is_dead_reference
from pytest_leakcheck.explain.path_naming import name_chain


class Cache:
    """States its limit in its own dict."""

    def __init__(self, **stated: Any) -> None:
        self.__dict__.update(stated)
        self.data: dict[Any, Any] = {}


class Slotted:
    __slots__ = ("_items", "_local", "_max_size")

    def __init__(self) -> None:
        self._max_size = 100
        self._items: list[Any] = []
        self._local = threading.local()
        self._local.cache = collections.OrderedDict()


class Private(dict):  # type: ignore[type-arg]
    def __init__(self) -> None:
        super().__init__()
        self.__maxsize = 100


class Lying(Cache):
    """Would run code of its own if it were asked in the ordinary way."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)

    def __len__(self) -> int:
        raise AssertionError


class Number(int):
    """An int that may have an opinion on comparisons."""


@functools.lru_cache(maxsize=3)
def kept(_: object) -> list[Any]:
    return []


@functools.cache
def kept_for_ever(_: object) -> list[Any]:
    return []


def bound(*chain: Any) -> Bound:
    """Of the last of these objects, each of which refers to the next."""
    steps = name_chain(list(chain))
    return bound_of(chain[0], [Hop(node, *edge) for node, edge in steps])


def test_what_the_standard_library_bounds() -> None:
    """A deque with a maxlen and an lru_cache with a maxsize; not those without."""
    kept("something")
    assert bound({}, kept).room == 2
    (inner,) = (o for o in gc.get_referents(kept) if type(o) is dict and o and "something" in o)
    assert bound(kept, inner).room == 2
    assert bound({}, kept_for_ever).room is None
    assert bound(collections.deque([1], maxlen=4)).room == 3
    assert bound(collections.deque()).room is None


def test_what_grows_inside_an_item_is_not_bounded() -> None:
    """The list that a cached function has returned gathers as much as it likes."""
    rows = kept("settings")
    assert bound(kept, rows) == Bound()
    queue: collections.deque[Any] = collections.deque([rows], maxlen=3)
    assert bound(queue, rows) == Bound()
    cache = Cache(maxsize=10)
    cache.data["x"] = rows
    assert bound(cache, vars(cache), cache.data, rows) == Bound()


@pytest.mark.parametrize("name", ["capacity", "maxsize", "_max_size", "max_entries"])
def test_a_limit_in_the_owners_dict(name: str) -> None:
    """An exact number under a telling name."""
    cache = Cache(**{name: 10})
    assert bound(cache, vars(cache), cache.data) == Bound(stated=10)


@pytest.mark.parametrize(
    "stated",
    [
        *({"maxsize": None}, {"maxsize": 0}, {"maxsize": True}, {"maxsize": Number(9)}),
        *({"maxsize": 1 << 62}, {"maxsize": "9"}, {"limit": 9}),
    ],
    ids=str,
)
def test_what_states_no_limit(stated: dict[str, Any]) -> None:
    """No number, a number of a class of the user's, none worth the name, or another name."""
    cache = Cache(**stated)
    assert bound(cache, vars(cache), cache.data) == Bound()


def test_a_limit_in_slots_and_past_a_threads_own() -> None:
    """Slots, and what a cache keeps for each thread."""
    cache = Slotted()
    assert bound(cache, cache._items) == Bound(stated=100)
    own = cache._local.__dict__
    assert bound(cache, cache._local, own, own["cache"]) == Bound(stated=100)


def test_a_limit_of_a_mapping_itself() -> None:
    """A subclass of dict with a private attribute."""
    assert bound({}, Private()) == Bound(stated=100)


def test_a_container_far_beyond_the_limit_is_not_bounded() -> None:
    """What is stated has to be true."""
    cache = Cache(maxsize=10)
    cache.data.update(dict.fromkeys(range(15)))
    assert bound(cache, vars(cache), cache.data) == Bound(stated=10)
    cache.data.update(dict.fromkeys(range(25)))
    assert bound(cache, vars(cache), cache.data) == Bound()


def test_no_code_of_the_owner_runs() -> None:
    """Attributes are read past ``__getattribute__``."""
    cache = Lying.__new__(Lying)
    data: dict[Any, Any] = {}
    object.__getattribute__(cache, "__dict__").update({"maxsize": 10, "data": data})
    own = object.__getattribute__(cache, "__dict__")
    assert bound(cache, own, data) == Bound(stated=10)


class Subject:
    """Something to refer to."""


class Reference(weakref.ref):  # type: ignore[type-arg]
    def __call__(self) -> Any:
        raise AssertionError


def test_a_reference_is_dead_when_its_object_is_gone() -> None:
    """Asked past a subclass's own call."""
    subject = Subject()
    references = [weakref.ref(subject), Reference(subject)]
    assert not any(map(is_dead_reference, [*references, subject, None]))
    del subject
    assert all(map(is_dead_reference, references))


class Target:
    """Something to refer to weakly."""


ALIVE = Target()


@pytest.mark.parametrize(
    ("owned", "expected"),
    [
        ([weakref.ref(ALIVE)], True),
        ([{weakref.ref(ALIVE): 1}], True),
        ([{"name": (weakref.ref(ALIVE), 3)}], True),
        ([{"name": (weakref.ref(ALIVE), ALIVE)}], False),
        ([{"name": 1}], False),
        ([{weakref.ref(ALIVE): b"content"}], False),
        ([{weakref.ref(ALIVE): ALIVE}], False),
        ([Target()], False),
    ],
)
def test_what_refers_weakly(owned: list[object], expected: bool) -> None:
    assert refers_weakly(owned) is expected


def test_a_container_and_what_is_owned_with_it_may_refer_weakly() -> None:
    pair = (weakref.ref(ALIVE), 3)
    assert refers_weakly([{"name": pair}, pair])


def test_a_value_of_a_weak_key_dictionary_goes_with_its_key() -> None:
    key, weakly = Target(), cast(Any, weakref.WeakKeyDictionary())
    weakly[key] = [1]
    data, value = weakly.data, weakly[key]
    assert is_keyed_weakly([weakly, weakly.__dict__, data, value])
    assert is_keyed_weakly([weakly, data, value])
    assert not is_keyed_weakly([weakly, data])
    by_value = cast(Any, weakref.WeakValueDictionary(name=key))
    assert not is_keyed_weakly([by_value, by_value.data, value])


def test_a_chain_links_back_and_a_pair_does_not() -> None:
    older: list[object] = []
    assert links_back([[older]])
    assert not links_back([(older, 1)])
