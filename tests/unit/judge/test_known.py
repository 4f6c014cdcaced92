"""Of which causes it is known whether they go on, and where they come from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.judge.known import fingerprints, goes_on, made_up_of
from pytest_leakcheck.model.causes import Cause

PRINTS = st.lists(st.sampled_from("abcde"), max_size=4, unique=True)


@pytest.mark.parametrize(
    ("prints", "groups", "known"),
    [
        (["a"], [["a"]], True),
        (["a", "b"], [["a"], ["b"]], True),
        (["a", "b"], [["a", "b"]], True),
        (["a"], [["a", "b"]], False),  # which of the two went on is not known
        (["a", "b"], [["a"]], False),
        (["a", "b", "c"], [["a", "b"], ["b", "c"]], True),
        (["a", "b", "c"], [["a", "b"], ["c", "d"]], False),
        ([], [["a"]], False),
        ([], [], False),
    ],
)
def test_what_smaller_groups_make_up_is_known(
    prints: list[str], groups: list[list[str]], known: bool
) -> None:
    """Never by a group that holds something else, too."""
    assert made_up_of(prints, groups) is known


@settings(max_examples=80, deadline=None)
@given(prints=PRINTS, groups=st.lists(PRINTS, max_size=5), more=PRINTS)
def test_more_groups_never_make_less_known(
    prints: list[str], groups: list[list[str]], more: list[str]
) -> None:
    """And what was looked into as it is, is known."""
    if made_up_of(prints, groups):
        assert made_up_of(prints, [*groups, more])
    assert made_up_of(prints, [*groups, prints]) is bool(prints)


def cause(print_: str, *, endless: bool = False) -> Cause:
    """A cause with a name of its own."""
    holder = f"app.{print_}"
    return Cause(fingerprint=print_, kind="held", head="app.Thing", holder=holder, endless=endless)


@pytest.mark.parametrize(
    ("causes", "endured", "known"),
    [
        ([cause("a", endless=True)], [], True),
        ([cause("a", endless=True), cause("b")], [], False),
        ([cause("a", endless=True), cause("b")], [["b"]], True),
        ([cause("a", endless=True), cause("b")], [["a", "b"]], True),
        ([cause("a", endless=True), cause("b")], [["b", "c"]], False),
        ([cause("a")], [["a"]], True),
        ([], [["a"]], False),
    ],
)
def test_growth_goes_on_by_nature_or_where_it_was_seen_to(
    causes: list[Cause], endured: list[list[str]], known: bool
) -> None:
    assert goes_on(causes, endured) is known


def test_fingerprints_do_not_depend_on_the_order_of_causes() -> None:
    """Nor on how often one comes."""
    assert fingerprints(map(cause, "bab")) == fingerprints(map(cause, "ab")) == ["a", "b"]
