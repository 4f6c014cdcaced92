"""Slopes, intervals and floors."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.judge.statistics import slope
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
