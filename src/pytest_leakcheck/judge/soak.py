"""How many repeats the next soak window has: bounded by time and by what they leave behind. Pure.

A cache that fills slowly looks like a leak until it is full; a table that its owner empties now and
then looks like one until it is emptied. No number of equal steps proves a leak, so a quick test is
repeated hundreds of times more, window by window, while that may still tell.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Sequence

from pytest_leakcheck.judge.evidence import Evidence
from pytest_leakcheck.judge.nuisances import nuisances_of
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Settings

#: How much a test may leave behind in the process over a whole soak, signal by signal.
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
#: Windows of a test that takes a while, at most: the second where the first left it open.
_SLOW_WINDOWS = 2
#: Windows differ in length by these factors, by turns: what comes and goes in step with windows of
#: one length would look like growth, or like none.
_LENGTHS = (1.13, 0.71, 1.29, 0.87, 0.79, 1.21, 0.67, 1.33)
#: A container that gains more items a repeat than this is no cache that fills slowly.
_FEW_ITEMS = 64


def next_window(
    evidence: Evidence, growing: Collection[str], undecided: Collection[str], settings: Settings
) -> int:
    """Repeats in the next soak window; 0 where none is worth it, or none can be afforded.

    Args:
        growing: signals whose growth goes on, as far as that was looked at.
        undecided: signals of which more windows would tell.
    """
    windows = evidence.soak
    if any(window.outcome != "passed" for window in windows):
        return 0
    each = _affordable(evidence.steady, settings.soak_repeats, settings.soak_s)
    each //= settings.soak_windows
    if each * settings.soak_windows < settings.least_soak_repeats:
        return _slow_window(evidence, growing, undecided, settings)
    if not windows:
        return min(settings.first_window_repeats, each)
    each = round(each * _LENGTHS[(len(windows) - 1) % len(_LENGTHS)])
    if len(windows) <= settings.soak_windows:
        return each
    return each if _more_would_tell(evidence, undecided, each, settings) else 0


def _slow_window(
    evidence: Evidence, growing: Collection[str], undecided: Collection[str], settings: Settings
) -> int:
    """A window of a test that takes a while: as few repeats as may tell."""
    done = len(evidence.soak)
    if done >= _SLOW_WINDOWS or (done and not undecided):
        return 0
    opened = {"fds", "threads", "children"}.intersection((*growing, *undecided))
    return settings.net_sure_repeats if opened else settings.net_repeats


def _more_would_tell(
    evidence: Evidence, undecided: Collection[str], each: int, settings: Settings
) -> bool:
    """Whether windows beyond the planned ones are worth it: something is open still, a cache is
    predicted to be full soon, or each cause gains few items a repeat, as caches do that fill."""
    done = evidence.soaked
    ends = [found.end for found in nuisances_of(evidence.causes, settings.policy, evidence.soaked)]
    seconds = settings.doubtful_s if ends else settings.soak_s
    most = _affordable(evidence.steady, settings.longest_soak_repeats, seconds)
    if done + each > most:
        return False
    fills = any(math.isfinite(end) and done < end + each for end in ends)
    slowly = bool(evidence.causes) and all(map(_gathers_few, evidence.causes))
    return bool(undecided) or fills or slowly


def _gathers_few(cause: Cause) -> bool:
    gathers = cause.kind == "container" or cause.holder.endswith("[*]")
    return gathers and cause.per_run <= _FEW_ITEMS


def _affordable(steady: Sequence[RepeatRecord], most: int, seconds: float) -> int:
    """Repeats within this number and time, and within the room for what they would leave."""
    duration = statistics.median(record.duration_s for record in steady)
    repeats = min(most, int(seconds / max(duration, 1e-6)))
    for name, room in _ROOM.items():
        amounts = [getattr(record.growth, name) or 0 for record in steady]
        # What grows on some repeats only has a median of none.
        grown = max(statistics.median(amounts), statistics.fmean(amounts))
        if grown > 0:
            repeats = min(repeats, int(room / grown))
    return repeats
