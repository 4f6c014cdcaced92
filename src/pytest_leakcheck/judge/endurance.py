"""Does growth go on? A cache that fills slowly looks like a leak until it is full.

No number of equal steps proves a leak: a quick test is run hundreds of times more, in windows, and
what grew on each repeat has to grow in each window, too. Pure.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from pytest_leakcheck.records import RepeatRecord
from pytest_leakcheck.settings import Settings, Thresholds

#: How much a test may leave behind in the process over all further runs, signal by signal.
_ROOM = {
    "heap_bytes": 64 * 1024 * 1024,
    "rss_bytes": 64 * 1024 * 1024,
    "mapped_bytes": 256 * 1024 * 1024,
    "blocks": 2_000_000,
    "survivors": 500_000,
    "fds": 200,
    "threads": 60,
    "children": 20,
}


def window_runs(steady: Sequence[RepeatRecord], settings: Settings) -> int:
    """How many runs make a window of a test that was repeated; 0 where too few would fit.

    Bounded by time, and by what the runs would leave behind if they go on like the repeats.
    """
    duration = statistics.median(record.duration_s for record in steady)
    runs = min(settings.long_runs, int(settings.long_s / max(duration, 1e-6)))
    for name, room in _ROOM.items():
        grown = statistics.median(getattr(record.growth, name) or 0 for record in steady)
        if grown > 0:
            runs = min(runs, int(room / grown))
    return runs // settings.long_windows if runs >= settings.least_long_runs else 0


def has_ended(
    before: Mapping[str, float],
    windows: Sequence[RepeatRecord],
    floor: Mapping[str, float],
    limits: Thresholds,
) -> bool:
    """Whether none of the signals that grew on each repeat grows in every window, too.

    Args:
        before: each of these signals with what it grew by on a repeat, beyond the floor.
        floor: what an empty test leaves per run, over many runs together.
    """
    if not windows:
        return False
    return not any(
        all(_per_run(window, floor, name) >= limits.long_share * amount for window in windows)
        for name, amount in before.items()
    )


def _per_run(window: RepeatRecord, floor: Mapping[str, float], name: str) -> float:
    grown: int = getattr(window.growth, name) or 0
    return grown / window.number - floor.get(name, 0.0)
