"""Slopes, intervals and floors: pure functions over short series of numbers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pytest_leakcheck.model.signals import Growth, Slope

#: Two-sided 95 % quantiles of Student's t by degrees of freedom, 1 to 30; beyond, the normal's.
_T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def slope(deltas: Sequence[float], floor: float = 0.0) -> Slope:
    """Mean growth per run above ``floor``, with its 95 % interval.

    Args:
        deltas: growth of each run; at least one.

    Raises:
        ValueError: ``deltas`` is empty.
    """
    if not deltas:
        raise ValueError("a slope needs at least one run")
    if len(deltas) == 1:  # of each test that ran once, so without the detour
        return Slope(per_run=deltas[0] - floor)
    mean = statistics.fmean(deltas) - floor
    freedom = len(deltas) - 1
    quantile = _T_95[freedom - 1] if freedom <= len(_T_95) else 1.96
    half = quantile * statistics.stdev(deltas) / len(deltas) ** 0.5
    return Slope(per_run=mean, low=mean - half, high=mean + half, runs=len(deltas))


def median_growth(growths: Sequence[Growth]) -> Growth:
    """Signal by signal the median of those that saw it, rounded; ``None`` where none did."""
    values: dict[str, int | None] = {}
    for name in Growth.__struct_fields__:
        seen = [value for g in growths if (value := getattr(g, name)) is not None]
        values[name] = round(statistics.median(seen)) if seen else None
    return Growth(**values)
