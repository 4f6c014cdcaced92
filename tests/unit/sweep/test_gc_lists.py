"""Objects found by their address: those that are alive, and no others."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.sweep import gc_lists as by_address
from pytest_leakcheck.sweep.gc_lists import tracked_at

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/mem")


@pytest.fixture(name="alone", scope="module", autouse=True)
def _alone() -> Iterator[None]:
    """As in a process without other threads: a worker of pytest-xdist has one that waits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_address, "_current_frames", lambda: {0: None})
        yield


class Node:
    """An object with a dict of its own."""


class Slim:
    """One without, and without a place for weak references."""

    __slots__ = ("other",)


class Large:
    """One that is not among Python's small blocks."""

    def __init__(self) -> None:
        self.names = dict.fromkeys(map(str, range(50)))


MAKERS: tuple[Callable[[], object], ...] = (
    *(Node, Slim, Large, dict, set),
    lambda: [1],
    lambda: ([],),
    lambda: [None] * 300,
    lambda: lambda: None,
    lambda: iter([]),
)


OURS = (Node, Slim, Large)


@given(st.lists(st.tuples(st.sampled_from(MAKERS), st.booleans()), max_size=300), st.booleans())
def test_the_living_are_found_and_the_dead_are_not(
    made: list[tuple[Callable[[], object], bool]], frozen: bool
) -> None:
    """Objects of many kinds, some of which are gone, in the open or frozen."""
    objects = [make() for make, _ in made]
    ids = set(map(id, objects))
    kept = [o for o, (_, stays) in zip(objects, made, strict=True) if stays and gc.is_tracked(o)]
    objects.clear()
    if frozen:
        gc.freeze()
    try:
        found = tracked_at(ids)
    finally:
        gc.unfreeze()
    assert found is not None
    assert set(map(id, kept)) <= set(map(id, found))
    # Another object may stand where one was; none of these was made since.
    assert [o for o in found if type(o) in OURS and not any(o is k for k in kept)] == []


def test_what_is_no_object_is_none() -> None:
    """Places in the middle of one, of an untracked one, and where nothing is mapped."""
    node, number, filled = Node(), 12345678901234567890, b"\xff" * 128
    assert tracked_at({id(node) + 8, id(number), 16, 1 << 40, 1 << 63}) == []
    assert tracked_at({id(node), id(number)}) == [node]
    # What stands there leads beyond all memory.
    assert tracked_at({id(node), id(filled) + 96}) == [node]


def test_its_own_objects_are_not_taken_for_survivors() -> None:
    """Though they stand where objects of the same size were."""
    for size in range(0, 200, 3):
        gone = [[None] * size for _ in range(50)]
        # Lists come from a store of those that were let go, the last one first: that is this one.
        ids = {id(gone), *map(id, gone)}
        del gone
        found = tracked_at(ids)
        assert found is not None
        assert [o for o in found if type(o).__name__ in ("array", "list")] == []


def open_now() -> int:
    """Descriptors of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_collector_is_left_as_it_was() -> None:
    """Switched on or off, and no descriptor stays open."""
    opened = open_now()
    for switch in (gc.disable, gc.enable):
        switch()
        was_on = gc.isenabled()
        tracked_at({id(opened)})
        assert gc.isenabled() == was_on
    assert open_now() == opened


def test_nothing_is_told_where_something_else_may_run_or_hides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another thread could free what has just been looked at; too many are found sooner in a list;
    a process may hide its memory."""
    node = Node()
    assert tracked_at({id(node)}) == [node]
    with monkeypatch.context() as patch:
        patch.setattr(by_address, "_current_frames", sys._current_frames)
        go_on = threading.Event()
        thread = threading.Thread(target=go_on.wait)
        thread.start()
        assert tracked_at({id(node)}) is None
        go_on.set()
        thread.join()
    assert tracked_at(set(range(16, 16 * 2000, 16))) is None

    def refuse(*_: object) -> int:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(by_address, "_open", refuse)
        assert tracked_at({id(node)}) is None
    # Where the memory could be read and said nothing, everything would seem gone.
    monkeypatch.setattr(by_address, "_pread", lambda *_: bytes(8))
    assert tracked_at({id(node)}) is None
