"""What is known of single objects, carried along a path."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.explain.status import State, Status, propagate

STATUSES: st.SearchStrategy[Status] = st.sampled_from(["expected", "stuck", "unknown"])
PATHS = st.lists(STATUSES, min_size=1, max_size=9)


def states(path: list[Status]) -> list[State]:
    own = [
        (status, f"reason {at}" if status != "unknown" else "") for at, status in enumerate(path)
    ]
    return propagate(own, [f"object {at}" for at in range(len(path))])


@given(PATHS)
def test_a_path_is_expected_then_unknown_then_stuck(path: list[Status]) -> None:
    """Never the other way round."""
    order = {"expected": 0, "unknown": 1, "stuck": 2}
    found = [order[state.status] for state in states(path)]
    assert found == sorted(found)
    assert len(found) == len(path)


@given(PATHS)
def test_what_is_above_an_expected_object_is_expected(path: list[Status]) -> None:
    """And nothing below the last one is."""
    last = max((at for at, status in enumerate(path) if status == "expected"), default=-1)
    assert [s.status == "expected" for s in states(path)] == [at <= last for at in range(len(path))]


@given(PATHS)
def test_what_is_below_a_stuck_object_is_stuck_unless_in_use(path: list[Status]) -> None:
    """Being in use is the stronger claim."""
    last = max((at for at, status in enumerate(path) if status == "expected"), default=-1)
    first = next((at for at in range(last + 1, len(path)) if path[at] == "stuck"), len(path))
    assert [s.status == "stuck" for s in states(path)] == [at >= first for at in range(len(path))]


@given(PATHS)
def test_suspects_lie_between_the_last_expected_and_the_first_stuck(path: list[Status]) -> None:
    """A suspect leads from an object that is not stuck to one that is not expected."""
    found = states(path)
    for above, below in pairwise(found):
        assert below.suspect == (above.status != "stuck" and below.status != "expected")
    assert not found[0].suspect


@given(PATHS)
def test_a_fault_that_is_proven_is_found(path: list[Status]) -> None:
    """Where something in use leads to something stuck, at least one reference is at fault."""
    found = [state.status for state in states(path)]
    if "expected" in found and "stuck" in found:
        assert any(state.suspect for state in states(path))


@given(PATHS)
def test_every_claim_has_a_reason(path: list[Status]) -> None:
    """One's own reason, or the object from which it follows."""
    for at, (state, own) in enumerate(zip(states(path), path, strict=True)):
        assert bool(state.reason) == (state.status != "unknown")
        assert (state.reason == f"reason {at}") == (state.status == own != "unknown")


@given(PATHS)
def test_what_is_carried_along_stays_when_it_is_carried_again(path: list[Status]) -> None:
    """The rule is a closure."""
    once = [state.status for state in states(path)]
    assert [state.status for state in states(once)] == once


def test_reasons_name_the_object_that_they_follow_from() -> None:
    """In words."""
    own: list[tuple[Status, str]] = [
        ("unknown", ""),
        ("expected", "a loaded module"),
        ("unknown", ""),
        ("stuck", "closed file"),
        ("unknown", ""),
    ]
    assert propagate(own, ["the dict", "the module app", "the list", "the File", "the Page"]) == [
        State("expected", "it leads to the module app, which is expected"),
        State("expected", "a loaded module"),
        State("unknown", "", suspect=True),
        State("stuck", "closed file", suspect=True),
        State("stuck", "it hangs on the File, which is stuck"),
    ]
