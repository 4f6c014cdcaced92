"""How many repeats the next soak window has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from readings import evidence, repeat, window

from pytest_leakcheck.judge.evidence import Evidence
from pytest_leakcheck.judge.soak import next_window
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Settings

SETTINGS = Settings()


def repeats(duration_s: float = 0.001, **values: Any) -> list[RepeatRecord]:
    """Six repeats that grew alike."""
    return [repeat("steady", number, duration_s=duration_s, **values) for number in range(6)]


def cause(**changes: Any) -> Cause:
    """A list that gains an item a repeat."""
    plain: dict[str, Any] = {"fingerprint": "0", "kind": "held", "head": "x", "holder": "app.X[*]"}
    return Cause(**{**plain, **changes})


def sizes(found: Evidence, *, undecided: bool = False) -> list[int]:
    """Repeats of all windows that come to be asked for."""
    told: list[int] = []
    while True:
        number = next_window(found, ["survivors"], ["survivors"] if undecided else [], SETTINGS)
        if not number or len(told) > 30:
            return told
        told.append(number)
        found = replace(found, soak=(*found.soak, window(number)))


def test_a_quick_test_is_repeated_hundreds_of_times() -> None:
    """A first window, which most often clears it, and then as many as were planned."""
    told = sizes(evidence(repeats(survivors=1)))
    assert told[0] == SETTINGS.first_window_repeats
    assert len(told) == 1 + SETTINGS.soak_windows
    assert sum(told[1:]) == pytest.approx(SETTINGS.soak_repeats, rel=0.05)


def test_windows_differ_in_length() -> None:
    """What comes and goes in step with windows of one length would look like growth."""
    told = sizes(evidence(repeats(survivors=1)), undecided=True)[1:]
    assert len(set(told)) >= 8


@pytest.mark.parametrize(
    ("found", "most"),
    [
        (evidence(repeats(0.02)), 150),  # three seconds
        (evidence(repeats(fds=1)), 200),  # descriptors that a process may have
        (evidence(repeats(threads=1)), 60),
        (evidence(repeats(heap_bytes=1 << 20)), 64),
    ],
)
def test_time_and_what_it_leaves_bound_a_soak(found: Evidence, most: int) -> None:
    assert 0.6 * most <= sum(sizes(found)) <= 1.3 * most + SETTINGS.first_window_repeats


def test_what_grows_on_some_repeats_only_is_bounded_too() -> None:
    """Its median is none."""
    some = [repeat("steady", n, duration_s=0.001, threads=int(n < 2)) for n in range(6)]
    assert sum(sizes(evidence(some))) < 300


@pytest.mark.parametrize(
    ("values", "undecided", "told"),
    [
        ({"heap_bytes": 5000}, True, [6, 6]),
        ({"heap_bytes": 5000}, False, [6]),
        ({"fds": 1}, True, [3, 3]),
    ],
)
def test_a_test_that_takes_a_while_has_few_repeats_more(
    values: dict[str, int], undecided: bool, told: list[int]
) -> None:
    """A second window where the first left it open; fewer where descriptors grow."""
    found = evidence(repeats(1.0, **values))
    if "fds" in values:
        number = next_window(found, ["fds"], ["fds"], SETTINGS)
        assert number == told[0]
        return
    assert sizes(found, undecided=undecided) == told


@pytest.mark.parametrize(
    "held",
    [cause(), cause(kind="container"), cause(bounded=True, room=700)],
    ids=["gains few items", "container", "full soon"],
)
def test_what_may_fill_slowly_is_soaked_longer(held: Cause) -> None:
    """As long as its end may be seen."""
    assert sum(sizes(evidence(repeats(survivors=1), causes=[held]))) > 700


def test_what_gains_many_items_would_have_been_full_before() -> None:
    held = cause(per_run=100.0)
    assert len(sizes(evidence(repeats(survivors=100), causes=[held]))) == 1 + SETTINGS.soak_windows


def test_a_window_in_which_it_failed_is_the_last() -> None:
    """It may have run out of what it leaks."""
    found = evidence(repeats(fds=1), soak=[window(20, outcome="failed")])
    assert next_window(found, ["fds"], [], SETTINGS) == 0
