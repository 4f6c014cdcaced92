"""Does growth go on? A cache that fills slowly looks like a leak until it is full.

No number of equal steps proves a leak: a quick test is run hundreds of times more, in windows, and
what grew on each repeat has to grow in each window, too. Pure.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

from pytest_leakcheck.judge.repeats import LARGEST_BLOCK, RESOURCES, Repeats, floor_of
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Settings, Thresholds

#: How much a test may leave behind in the process over all further runs, signal by signal.
_ROOM = {
    "heap_bytes": 64 * 1024 * 1024,
    "rss_bytes": 64 * 1024 * 1024,
    "mapped_bytes": 1024 * 1024 * 1024,
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
    runs = _affordable(steady, settings.long_runs, settings.long_s)
    return runs // settings.long_windows if runs >= settings.least_long_runs else 0


def further_windows(
    steady: Sequence[RepeatRecord], causes: Sequence[Cause], settings: Settings
) -> int:
    """How many more windows of the same length are worth it where growth went on in the first.

    Only where each cause is a container that gains few items a run, since caches fill like that: a
    thousand runs see the end of most. Anything else would have ended earlier.
    """
    each = window_runs(steady, settings)
    limits = settings.thresholds
    if not each or not causes or not all(_gathers_few(cause, limits) for cause in causes):
        return 0
    runs = _affordable(steady, settings.longer_runs, long_time(causes, settings))
    return max(0, runs // each - settings.long_windows)


def long_time(causes: Sequence[Cause], settings: Settings) -> float:
    """Seconds for all windows: more where it takes a while until what gathers is dropped."""
    doubtful = any(cause.dead or cause.limit for cause in causes)
    all_are = all(c.dead or c.weak or c.limit or c.bounded for c in causes)
    return settings.doubtful_s if doubtful and all_are else settings.long_s


def keeps_to_limit(cause: Cause, windows: Sequence[RepeatRecord], limits: Thresholds) -> bool:
    """Whether a cause's owner states a limit, and the further runs do not refute it."""
    gained = sum(window.number for window in windows) * cause.per_run
    return cause.limit > 0 and gained <= limits.limit_slack * cause.limit


def runs_until_full(causes: Sequence[Cause]) -> int | None:
    """After how many runs all that has a limit is full; ``None`` where something has none, or one
    that is not known."""
    runs = [_until_full(cause) for cause in causes]
    known = [number for number in runs if number is not None]
    return max(known) if known and len(known) == len(runs) else None


def fills_still(causes: Sequence[Cause], windows: Sequence[RepeatRecord]) -> bool:
    """Whether what grew may be all that of caches with a limit: they may still have been filling in
    the last window of further runs."""
    return len(full_caches(causes, windows)) < len(causes)


def full_caches(causes: Sequence[Cause], windows: Sequence[RepeatRecord]) -> list[Cause]:
    """Those with a limit that have been full since before the last window of further runs."""
    before_last = sum(window.number for window in windows[:-1])
    until = ((cause, _until_full(cause)) for cause in causes)
    return [cause for cause, runs in until if windows and runs is not None and runs <= before_last]


def _until_full(cause: Cause) -> int | None:
    if not cause.bounded or cause.room is None:
        return None
    return math.ceil(cause.room / max(cause.per_run, 1.0))


def may_hide_growth(repeats: Repeats, settings: Settings) -> bool:
    """Whether more C heap grows than what full caches will drop again explains, and further runs
    would see them full."""
    full = runs_until_full(repeats.causes)
    each = window_runs(repeats.steady, settings)
    if full is None or full > each * (settings.long_windows - 1):
        return False
    heap = statistics.median(record.growth.heap_bytes or 0 for record in repeats.steady)
    heap -= floor_of(repeats.null, "heap_bytes")
    explained = sum(cause.python_bytes for cause in repeats.causes if cause.room)
    return heap - explained > settings.thresholds.native_least_bytes


def _gathers_few(cause: Cause, limits: Thresholds) -> bool:
    gathers = cause.kind == "container" or cause.holder.endswith("[*]")
    return gathers and cause.per_run <= limits.few_items


def _affordable(steady: Sequence[RepeatRecord], most: int, seconds: float) -> int:
    """Runs within this number and time, and within the room for what they would leave behind."""
    duration = statistics.median(record.duration_s for record in steady)
    runs = min(most, int(seconds / max(duration, 1e-6)))
    for name, room in _ROOM.items():
        amounts = [getattr(record.growth, name) or 0 for record in steady]
        # What grows on some repeats only has a median of none.
        grown = max(statistics.median(amounts), statistics.fmean(amounts))
        if grown > 0:
            runs = min(runs, int(room / grown))
    return runs


def has_ended(
    before: Mapping[str, float],
    windows: Sequence[RepeatRecord],
    floor: Mapping[str, float],
    limits: Thresholds,
) -> bool:
    """Whether none of the signals that grew on each repeat grows in every window, too: about as
    much as on the repeats, or less, but evenly at last, when what had a limit is full.

    Args:
        before: each of these signals with what it grew by on a repeat, beyond the floor.
        floor: what an empty test leaves per run, over many runs together.
    """
    if not windows:
        return False
    # What others held goes with their threads, and makes room where nothing was replaced.
    calm = [window for window in windows if not _saw_others_end(window)] or windows
    for name, amount in before.items():
        rates = [_per_run(window, floor, name) for window in calm]
        as_before = all(rate >= limits.long_share * amount for rate in rates)
        if amount > 0 and (as_before or _ends_evenly(name, rates, calm, limits)):
            return False
    return True


def grows_evenly(
    name: str, windows: Sequence[RepeatRecord], floor: float, limits: Thresholds
) -> bool:
    """Whether a signal, less what an empty test leaves per run, grew alike in all further runs."""
    rates = [_per_run(window, {name: floor}, name) for window in windows]
    return len(rates) > limits.even_windows and _are_even(name, rates, windows, limits)


def _ends_evenly(
    name: str, rates: Sequence[float], windows: Sequence[RepeatRecord], limits: Thresholds
) -> bool:
    """Whether growth was even in the last of some windows."""
    last = slice(-limits.even_windows, None)
    many = len(rates) > limits.even_windows
    return many and _are_even(name, rates[last], windows[last], limits)


def _are_even(
    name: str, rates: Sequence[float], windows: Sequence[RepeatRecord], limits: Thresholds
) -> bool:
    """Whether windows, of many runs in all, each show the same growth, of more than noise."""
    least = {"blocks": limits.noise_blocks, "heap_bytes": limits.noise_heap_bytes}
    enough = least.get(name, 1 - limits.even_spread)
    # What gets less from window to window may be about to end.
    falling = all(before > after for before, after in itertools.pairwise(rates))
    spread = limits.even_spread if falling else limits.steady_spread
    many = sum(window.number for window in windows) >= limits.even_runs
    return many and min(rates) > enough and max(rates) - min(rates) <= spread * max(rates)


def _saw_others_end(window: RepeatRecord) -> bool:
    """Whether threads, children or descriptors went that had been there before the window."""
    return any((getattr(window.growth, name) or 0) < 0 for name in RESOURCES)


def _per_run(window: RepeatRecord, floor: Mapping[str, float], name: str) -> float:
    grown: float = getattr(window.growth, name) or 0
    if name == "survivors":
        grown = min(grown, _room_for_objects(window, floor))
    return grown / window.number - floor.get(name, 0.0)


def _room_for_objects(window: RepeatRecord, floor: Mapping[str, float]) -> float:
    """How many more objects there can be after a window than before it.

    What survives a window is new, and may have taken the place of as many older objects: a full
    cache still takes in new ones. Each object that there is more takes a block of Python's own, or
    more than :data:`LARGEST_BLOCK` bytes of C heap.
    """
    growth = window.growth
    if growth.blocks is None or growth.heap_bytes is None:
        return float("inf")
    blocks = growth.blocks - floor.get("blocks", 0.0) * window.number
    return max(0.0, blocks) + max(0, growth.heap_bytes) / LARGEST_BLOCK
