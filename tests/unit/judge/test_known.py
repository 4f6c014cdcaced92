"""Causes that were looked into once, and what that spares the tests after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.journal import Run
from pytest_leakcheck.judge.known import LookedInto, fingerprints, goes_on, looked_into, made_up_of
from pytest_leakcheck.records import (
    Cause,
    CauseRecord,
    Growth,
    RepeatRecord,
    RunInfo,
    TestVerdict,
)

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


def verdict(nodeid: str, name: Any, basis: Any = "repeated") -> TestVerdict:
    """One test's verdict."""
    return TestVerdict(
        nodeid=nodeid, verdict=name, reason="", outcome="passed", slopes={}, basis=basis
    )


def a_run(phases: dict[str, tuple[Any, ...]], causes: dict[str, str]) -> Run:
    """A run whose tests were repeated in these phases, and showed these causes."""
    return Run(
        folder=Path("run"),
        info=cast("RunInfo", None),  # it is not asked for
        repeats={
            nodeid: [
                RepeatRecord(nodeid=nodeid, phase=phase, number=0, growth=Growth())
                for phase in names
            ]
            for nodeid, names in phases.items()
        },
        causes={
            nodeid: [CauseRecord(nodeid=nodeid, cause=cause(p)) for p in prints]
            for nodeid, prints in causes.items()
        },
    )


def test_only_tests_that_leak_or_would_have_looked_into_their_causes() -> None:
    """Each for what was done with it; once for each group."""
    run = a_run(
        {
            "t::leak": ("steady", "long", "traced"),
            "t::same": ("steady", "long"),
            "t::held": ("steady", "traced"),
            "t::settles": ("steady", "long", "traced"),
            "t::nobody": ("steady", "long", "traced"),
        },
        {"t::leak": "ba", "t::same": "ab", "t::held": "c", "t::settles": "d"},
    )
    tests = [
        verdict("t::leak", "leak"),
        verdict("t::same", "leak"),
        verdict("t::held", "held"),
        verdict("t::settles", "settles"),
        verdict("t::nobody", "leak"),
        verdict("t::like", "leak", "by signature"),
    ]
    assert looked_into(run, tests) == LookedInto(endured=[["a", "b"]], traced=[["a", "b"], ["c"]])


def test_fingerprints_do_not_depend_on_the_order_of_causes() -> None:
    """Nor on how often one comes."""
    assert fingerprints(map(cause, "bab")) == fingerprints(map(cause, "ab")) == ["a", "b"]
