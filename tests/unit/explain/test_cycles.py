"""Late garbage as readable cycles."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest

from pytest_leakcheck.explain.cycles import Garbage, describe_garbage
from pytest_leakcheck.model.causes import Step

HERE = re.escape(__name__)


class Parent:
    def __init__(self) -> None:
        self.children = [Child(self)]


class Child:
    def __init__(self, parent: Parent) -> None:
        self.parent = parent


def garbage_of(make: Callable[[], Any], limit: int = 3) -> Garbage:
    gc.collect()
    gc.disable()
    try:
        make()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return describe_garbage(gc.garbage, limit)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.collect()


def written(cycle: list[Step]) -> str:
    return cycle[0].type + "".join(f" {s.edge} {s.type}" for s in cycle[1:])


def own_list() -> None:
    a: list[object] = []
    a.append(a)


def three_shapes() -> None:
    Parent()
    own_list()
    recursive_closure()


def recursive_closure() -> None:
    def inner() -> Any:
        return inner


def kept_by_its_frame() -> None:
    try:
        int("x")
    except ValueError as error:
        kept = error  # noqa: F841 - the frame holds the exception that holds the frame


@pytest.mark.parametrize(
    ("make", "cycle"),
    [
        (Parent, f"{HERE}.Parent .children list \\[0\\] {HERE}.Child .parent {HERE}.Parent"),
        (own_list, r"list \[0\] list"),
        (recursive_closure, r"function closure cell inner of \S+inner function"),
        (
            kept_by_its_frame,
            r"ValueError .__traceback__ traceback .tb_frame frame local kept in \S+ ValueError",
        ),
        (
            lambda: MagicMock().child(1),
            r"\S+MagicMock \._mock_\w+ unittest.mock.MagicMock \S+ unittest.mock.MagicMock",
        ),
    ],
    ids=["parent", "list", "closure", "exception", "mock"],
)
def test_a_cycle_reads_as_a_person_would_write_it(make: Callable[[], Any], cycle: str) -> None:
    found = garbage_of(make)
    assert re.fullmatch(cycle, written(found.cycles[0])), written(found.cycles[0])


def test_a_cycle_is_a_closed_walk() -> None:
    for cycle in garbage_of(three_shapes).cycles:
        assert cycle[0].edge == ""
        assert cycle[0].type == cycle[-1].type
        assert len(cycle) > 1


def test_cycles_of_one_shape_are_shown_once() -> None:
    found = garbage_of(lambda: [Parent() for _ in range(20)], limit=5)
    assert len(found.cycles) == 1
    assert found.types[f"{__name__}.Parent"] == 20


def test_no_more_cycles_than_asked_for() -> None:
    found = garbage_of(three_shapes, limit=2)
    assert len(found.cycles) == 2


def test_counts_and_bytes() -> None:
    def make() -> None:
        big: list[object] = [bytearray(10_000)]
        big.append(big)

    found = garbage_of(make)
    assert found.objects >= 1
    assert found.types["list"] == 1
    assert 10_000 < found.python_bytes < 12_000


def test_no_garbage_is_no_cycles() -> None:
    assert describe_garbage([]) == Garbage(0, 0, {}, [])


def test_what_a_cycle_merely_keeps_alive_is_no_cycle() -> None:
    found = garbage_of(lambda: Parent().children.append(Child.__new__(Child)))
    assert [written(c) for c in found.cycles] == [
        f"{__name__}.Parent .children list [0] {__name__}.Child .parent {__name__}.Parent"
    ]
