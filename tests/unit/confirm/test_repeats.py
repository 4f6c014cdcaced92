"""What repeats left is told by ids, without a reference to anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.confirm.repeats import IdsOfRepeats, LeftIds


class Thing:
    """What a repeat may leave."""


THINGS = [Thing() for _ in range(6)]
#: What each repeat left, by index; several may have lain at one address.
lefts = st.lists(st.sets(st.sampled_from(range(len(THINGS)))), min_size=2, max_size=6)


def ids_of(left: set[int]) -> set[int]:
    return {id(THINGS[index]) for index in left}


@given(lefts, lefts)
def test_the_first_two_and_the_last_but_one_are_told(
    before: list[set[int]], repeats: list[set[int]]
) -> None:
    """Whatever was noted of another item, and less what later ones left at the same place."""
    ids = IdsOfRepeats()
    for item in (before, repeats):
        ids.begin()
        for left in item:
            ids.keep([THINGS[index] for index in left])
    first, second, *_ = [
        ids_of(left.difference(*repeats[number + 1 :])) for number, left in enumerate(repeats)
    ]
    assert ids.told() == LeftIds((first, second), ids_of(repeats[-2]))


@given(lefts, lefts)
def test_what_comes_between_leaves_the_first_two(
    repeats: list[set[int]], more: list[set[int]]
) -> None:
    """Of the last but one it is known again after two repeats in a row."""
    whole, interrupted = IdsOfRepeats(), IdsOfRepeats()
    for number, left in enumerate([*repeats, *more]):
        if number == len(repeats):
            interrupted.interrupt()
            assert interrupted.told() is None
        for ids in (whole, interrupted):
            ids.keep([THINGS[index] for index in left])
    assert whole.told() == interrupted.told()


def test_one_repeat_tells_nothing() -> None:
    ids = IdsOfRepeats()
    assert ids.told() is None
    ids.keep(list(THINGS))
    assert ids.told() is None


def test_room_grows_for_what_is_more() -> None:
    many = [Thing() for _ in range(40_000)]
    ids = IdsOfRepeats()
    ids.keep([])
    ids.keep(list(many))
    ids.keep([])
    assert ids.told() == LeftIds((set(), set(map(id, many))), set(map(id, many)))
