"""How many repeats decide: the stopping rule on series of readings."""

from __future__ import annotations

import pytest
from readings import steady

from pytest_leakcheck.judge.stopping import (
    enough,
    is_decided,
    is_slow_and_calm,
    lately_only_replaces,
    runs_that_grew,
)
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth, Outcome

SETTINGS = Settings()
EXACTLY, MOST, WEAK = SETTINGS.repeats, SETTINGS.most_repeats, SETTINGS.weak_repeats
QUICK, SLOW = 0.01, 0.2
Series = dict[str, tuple[int, ...]]
#: Blocks of a test that leaves one a run, beside what its first runs leave (Python 3.13).
ONE_BLOCK = (2, 13, 3, 8, 1, 1, 7, 1, 1, 1, 1, 1)


def runs(series: Series, seconds: float = QUICK, outcome: Outcome = "passed") -> list[RepeatRecord]:
    """Runs from one series a signal, that all took as long and ended alike."""
    count = len(next(iter(series.values())))
    return steady("steady", **series, duration_s=[seconds] * count, outcome=[outcome] * count)


@pytest.mark.parametrize(
    ("seconds", "series", "times"),
    [
        (QUICK, {"survivors": (1,) * 6, "blocks": (1,) * 6}, EXACTLY),
        (SLOW, {"survivors": (1,) * 6, "blocks": (1,) * 6}, EXACTLY),
        (QUICK, {"blocks": (1,) * 12}, WEAK),
        (QUICK, {"blocks": ONE_BLOCK}, WEAK),
        (SLOW, {"blocks": ONE_BLOCK}, MOST),
        (QUICK, {"blocks": (*ONE_BLOCK[:-1], 0)}, MOST),
        (QUICK, {"heap_bytes": (9_000, 4_000, 2_000, 900)}, WEAK),
        (QUICK, {"heap_bytes": (9_000, 0, 0, 0)}, WEAK),
        (SLOW, {"heap_bytes": (9_000, 0, 0, 0)}, MOST),
        (QUICK, {"heap_bytes": (199, 199, 199, 199)}, MOST),
        (SLOW, {"heap_bytes": (199, 199, 199, 199)}, EXACTLY),
    ],
)
def test_the_less_exact_and_the_quicker_the_more_repeats(
    seconds: float, series: Series, times: int
) -> None:
    """Growth on every repeat that only lessens has not ended: beside what came first, a small leak
    shows on the later ones."""
    assert enough(runs(series, seconds), Growth(), SETTINGS) == times


def test_calm_repeats_let_go_and_patience_asks_for_more() -> None:
    """A slow test is let go as soon either way: the sweep saw enough of it."""
    calm: Series = {"blocks": (0,) * SETTINGS.calm_repeats}
    assert is_decided(runs(calm), Growth(), SETTINGS)
    assert not is_decided(runs(calm)[1:], Growth(), SETTINGS)
    assert not is_decided(runs(calm), Growth(), SETTINGS, patient=True)
    assert is_decided(runs({"blocks": (0,) * MOST}), Growth(), SETTINGS, patient=True)
    assert is_decided(runs(calm, SLOW), Growth(), SETTINGS, patient=True)


def test_a_repeat_that_fails_is_the_last() -> None:
    """What it leaves says nothing of one that passes."""
    assert is_decided(runs({"survivors": (5,)}, outcome="failed"), Growth(), SETTINGS)


def test_a_slow_test_may_calm_down_with_its_warm_up() -> None:
    """Its first run does not count; a quick test's repeats cost less than a mistake."""
    series: Series = {"heap_bytes": (9_000, 0, 0, 0)}
    assert is_slow_and_calm(runs(series, SLOW), Growth(), SETTINGS)
    assert not is_slow_and_calm(runs(series, QUICK), Growth(), SETTINGS)
    assert not is_slow_and_calm(runs({"heap_bytes": (0, 0, 9_000, 0)}, SLOW), Growth(), SETTINGS)


def test_the_last_repeats_tell_what_is_only_replaced() -> None:
    """Blocks that came with an earlier one do not matter, and too few repeats tell nothing."""
    steady = runs({"survivors": (5, 5, 5, 5), "blocks": (40, 0, 0, 0)})
    assert lately_only_replaces(steady, Growth(), SETTINGS)
    assert not lately_only_replaces(steady[:3], Growth(), SETTINGS)
    assert not lately_only_replaces(steady[2:], Growth(), SETTINGS)


@pytest.mark.parametrize(
    ("seconds", "grown", "count"),
    [
        (SLOW, (9, 5, 5, 5), 3),  # the last warm-up and two repeats
        (SLOW, (9, 0, 5, 5), 0),
        (SLOW, (9, 0, 5, 5, 5), 3),
        (SLOW, (9, 5, 5, 0), 0),
        (QUICK, (9, 5, 5, 5), 0),
    ],
)
def test_who_holds_it_is_asked_early_of_what_takes_a_while(
    seconds: float, grown: tuple[int, ...], count: int
) -> None:
    """Of all runs in a row that grew; the first of all never counts."""
    records = runs({"survivors": grown}, seconds)
    asked = runs_that_grew(records, Growth(), SETTINGS)
    assert len(asked) == count
    assert list(asked) == records[len(records) - count :]
