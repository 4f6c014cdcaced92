"""Slopes, intervals and floors."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.judge.statistics import falls, slope, spread
from pytest_leakcheck.screen.floor import median_floor

QUICK = settings(max_examples=60, deadline=None)
numbers = st.integers(-(10**9), 10**9)
series = st.lists(numbers, min_size=2, max_size=60)


def test_no_runs_have_no_slope() -> None:
    """Nothing measured is an error of the caller, not a slope of zero."""
    with pytest.raises(ValueError, match="at least one run"):
        slope([])


def test_one_run_has_no_interval() -> None:
    """A single measurement says nothing about its own spread."""
    found = slope([100], floor=30)
    assert (found.per_run, found.low, found.high, found.runs) == (70, None, None, 1)


@QUICK
@given(series)
def test_the_interval_holds_the_mean(deltas: list[int]) -> None:
    """low <= mean <= high, symmetric about it."""
    found = slope(deltas)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.per_run <= found.high
    assert found.per_run == statistics.fmean(deltas)
    assert found.per_run - found.low == pytest.approx(found.high - found.per_run, abs=1e-3)
    assert found.runs == len(deltas)


@QUICK
@given(value=numbers, runs=st.integers(2, 40))
def test_equal_runs_leave_no_room(value: int, runs: int) -> None:
    """Without variance both ends are the mean."""
    found = slope([value] * runs)
    assert found.low == found.per_run == found.high == value


@QUICK
@given(deltas=series, floor=numbers)
def test_the_floor_moves_the_slope_and_not_its_width(deltas: list[int], floor: int) -> None:
    """Taking the empty test's growth off shifts mean and ends alike."""
    plain, lowered = slope(deltas), slope(deltas, floor)
    assert plain.low is not None
    assert lowered.low is not None
    assert lowered.per_run == pytest.approx(plain.per_run - floor, abs=1e-3)
    assert lowered.per_run - lowered.low == pytest.approx(plain.per_run - plain.low, abs=1e-3)


@QUICK
@given(deltas=series, order=st.randoms(use_true_random=False))
def test_the_order_of_the_runs_does_not_matter(deltas: list[int], order: object) -> None:
    """A slope is a property of the set of runs."""
    mixed = list(deltas)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    assert slope(mixed) == slope(deltas)


def test_the_interval_is_students() -> None:
    """Six runs: 2.571 standard errors on either side."""
    found = slope([10, 12, 11, 9, 10, 8])
    error = statistics.stdev([10, 12, 11, 9, 10, 8]) / math.sqrt(6)
    assert found.high == pytest.approx(10 + 2.571 * error)


def test_many_runs_use_the_normal_quantile() -> None:
    """Beyond 31 runs the table ends at 1.96."""
    deltas = [0, 2] * 20
    assert slope(deltas).high == pytest.approx(1 + 1.96 * statistics.stdev(deltas) / math.sqrt(40))


def test_the_floor_of_a_suite_is_its_median() -> None:
    """A few heavy tests move neither the median nor the deviation; none gives zero."""
    assert median_floor([]) == (0.0, 0.0)
    assert median_floor([30, 32, 31, 10_000_000]) == (31.5, 1.0)


@QUICK
@given(series.map(lambda values: [abs(v) + 1 for v in values]))
def test_equal_growth_has_no_spread(deltas: list[int]) -> None:
    """Spread is zero where all runs agree, and positive where they do not."""
    assert (spread(deltas) == 0) == (len(set(deltas)) == 1)


def test_spread_is_half_the_range_as_a_share_of_the_median() -> None:
    """90 to 110 about 100 is a tenth; what does not grow has no finite spread."""
    assert spread([90, 100, 110]) == pytest.approx(0.1)
    assert spread([-5, 0, 5]) == math.inf
    assert spread([-1, -1]) == math.inf


@pytest.mark.parametrize(
    ("deltas", "dies_down"),
    [
        ([43, 21, 20, 13, 9, 4], True),
        ([100, 100, 10, 10], True),
        ([100, 100, 50, 50], False),
        ([5, 5, 5, 5, 5, 5], False),
        ([1, 2, 3, 4, 5, 6], False),
        ([100, 1, 1], False),
        ([], False),
    ],
)
def test_growth_that_dies_down_falls(deltas: list[float], dies_down: bool) -> None:
    """The later half is under half of the earlier one, over four runs at least."""
    assert falls(deltas) == dies_down


@QUICK
@given(value=st.integers(1, 10**6), runs=st.integers(1, 30))
def test_a_steady_leak_never_falls(value: int, runs: int) -> None:
    """The same growth on each run is no cache that fills."""
    assert not falls([value] * runs)
