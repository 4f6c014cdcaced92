"""What many runs say together: does growth add up, last, and come from one place?"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pytest_leakcheck.judge.repeats import (
    LARGEST_BLOCK,
    WORDS,
    Repeats,
    beyond,
    floor_of,
    grows_always,
    noises,
    share_grown,
    without_imports,
)
from pytest_leakcheck.judge.statistics import falls, slope, spread
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Thresholds
from pytest_leakcheck.model.signals import Growth, Slope


def repeat_slopes(repeats: Repeats) -> dict[str, Slope]:
    """Growth per run of each signal that was seen in every steady repeat, less the null test's.

    What single repeats show may be replaced by the next one: where many runs were measured
    together, they say how much stays.
    """
    slopes: dict[str, Slope] = {}
    for name in Growth.__struct_fields__:
        windows = _per_window(repeats, name)
        if windows:
            slopes[name] = slope(windows, net_floor(repeats, name))
            continue
        source = repeats.traced if name == "python_bytes" else repeats.steady
        deltas = [getattr(r.growth, name) for r in source]
        if name == "python_bytes" and all(r.number > 1 for r in source):
            # A container's own table grows now and then: the trace without that tells.
            deltas = deltas and [min(deltas)]
        if deltas and None not in deltas:
            slopes[name] = slope(deltas, floor_of(repeats.null, name) + _replaced(repeats, name))
    return slopes


def _per_window(repeats: Repeats, name: str) -> list[float]:
    """Growth per run in each window of many runs; empty where it was not seen in all."""
    if name in ("python_bytes", "rss_bytes"):
        return []
    seen = [(getattr(window.growth, name), window.number) for window in repeats.windows]
    return [] if any(total is None for total, _ in seen) else [t / n for t, n in seen]


def _replaced(repeats: Repeats, name: str) -> float:
    """Of what a typical repeat leaves, the part that the next one replaces, where known."""
    if name in ("python_bytes", "rss_bytes") or (name == "survivors" and repeats.kept is None):
        return 0.0
    return max(0.0, _typical(repeats, name) - lasting(repeats, name))


def mostly_grows(repeats: Repeats) -> bool:
    """Whether Python blocks grow on a typical repeat, though not on each: they have noise."""
    deltas = beyond(repeats.steady, repeats.null, "blocks")
    return bool(deltas) and statistics.median(deltas) >= 1 and not falls(deltas)


def still_undecided(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether some signal grew on some repeats, but not on all, or tails off: more repeats may
    tell. Blocks have noise, and count where they grew on most."""
    for name, noise in noises(limits).items():
        grown = share_grown(repeats.steady, repeats.null, name, noise)
        if 0 < grown < 1 and (name != "blocks" or mostly_grows(repeats)):
            return True
    return tails_off(repeats, limits)


def tails_off(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether some signal grew on every repeat, but less and less: a cache that fills, or a small
    leak beside what the first repeats happened to leave. More repeats tell."""
    return any(
        share_grown(repeats.steady, repeats.null, name, noise) == 1
        and not grows_always(repeats.steady, repeats.null, name, noise)
        for name, noise in noises(limits).items()
    )


def adds_up(repeats: Repeats, name: str, noise: float, limits: Thresholds) -> bool:
    """Whether a signal grew over several runs taken together, where that was looked at."""
    total = None if repeats.net is None else getattr(repeats.net, name)
    if total is None or not repeats.net_runs:
        return True
    typical = _typical(repeats, name)
    if name == "blocks":
        typical -= limits.own_blocks
    least = max(noise, limits.net_share * typical)
    return lasting(repeats, name) > least


def lasting(repeats: Repeats, name: str) -> float:
    """What a signal grows by per run, without what the next run takes the place of, where known."""
    if name == "survivors" and repeats.kept is not None:
        return repeats.kept
    if repeats.net is not None and repeats.net_runs:
        return float(getattr(repeats.net, name) or 0) / repeats.net_runs - net_floor(repeats, name)
    return _typical(repeats, name)


def at_least(repeats: Repeats, name: str) -> float:
    """What a signal grows by per run, at the least: as single runs and several together agree.

    Something else may happen once while several runs are measured; that is no growth that ends.
    """
    return min(lasting(repeats, name), _typical(repeats, name))


def _typical(repeats: Repeats, name: str) -> float:
    grown = statistics.median(getattr(r.growth, name) or 0 for r in repeats.steady)
    return grown - floor_of(repeats.null, name)


def net_floor(repeats: Repeats, name: str, over: int | None = None) -> float:
    """Growth per run of the empty test over several runs together.

    Part of it comes with looking, however few the runs: over fewer than the empty test had, each
    bears more of it.

    Args:
        over: so many runs; else those over which the test's net growth was measured.
    """
    over = repeats.net_runs if over is None else over
    runs = repeats.null_net_runs or over or 1
    return max(0, getattr(repeats.null_net, name) or 0) / min(runs, over or runs)


def few_blocks_add_up(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether Python blocks grow by ever so few: on every repeat, or over many runs together."""
    if not grows_always(repeats.steady, repeats.null, "blocks", 0.0) and not (
        repeats.net_runs >= limits.adding_runs and mostly_grows(repeats)
    ):
        return False
    return adds_up(repeats, "blocks", limits.adding_share, limits)


def allocated_on_each(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether, in each of two traces of several runs, one place left a block on every run."""
    if len(repeats.traced) < 2 or any(
        record.number < limits.traced_runs_tell for record in repeats.traced
    ):
        return False
    places = [
        {(site.file, site.line) for site in record.sites if site.blocks >= 1}
        for record in repeats.traced
    ]
    return bool(set.intersection(*places))


def maps_more(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether the address space grew on every repeat, steadily, and by what neither the C heap nor
    Python's own arenas explain: an allocator of an extension's own, or maps never given back."""
    deltas = [r.growth.mapped_bytes for r in repeats.steady]
    if len(deltas) < limits.steady_runs or any(not d or d < 0 for d in deltas):
        return False
    mapped = [float(d or 0) for d in deltas]
    if spread(mapped) > limits.steady_spread:
        return False
    typical = statistics.median(mapped)
    heap = max(0.0, _typical(repeats, "heap_bytes"))
    blocks = max(0.0, _typical(repeats, "blocks") - limits.own_blocks) * LARGEST_BLOCK
    explained = heap + blocks
    return explained < limits.net_share * typical and adds_up(repeats, "mapped_bytes", 0.0, limits)


def comes_and_goes(repeats: Repeats, limits: Thresholds, times: int = 1) -> bool:
    """Whether an exact signal or the C heap grew on so many repeats, imports aside: it may do so
    again."""
    for name, noise in noises(limits).items():
        floor = floor_of(repeats.null, name)
        deltas = [(getattr(r.growth, name) or 0) - floor for r in without_imports(repeats.steady)]
        if name != "blocks" and sum(delta > noise for delta in deltas) >= times:
            return True
    return False


def intermittent(repeats: Repeats, limits: Thresholds) -> dict[str, str]:
    """The signals that grew on some repeats and not on others, each with that in words.

    Runs that import modules for the first time are left out. Growth must come back and not be
    given back, and where several runs were measured together it must add up there as well.
    """
    told: dict[str, str] = {}
    steady = without_imports(repeats.steady)
    for name, noise in noises(limits).items():
        if name == "blocks":
            continue
        floor = floor_of(repeats.null, name)
        deltas = [(getattr(r.growth, name) or 0) - floor for r in steady]
        grown = [delta for delta in deltas if delta > noise]
        total = sum(deltas)
        if name == "survivors" and _cost_no_blocks(steady, repeats.null):
            continue
        if len(grown) < 2 or sum(grown) > 2 * total:
            continue
        if _comes_back(repeats, name, noise, len(grown) / len(deltas), limits):
            told[name] = (
                f"{WORDS[name]} grew on {len(grown)} of {len(deltas)} repeats, "
                f"by {total:,.0f} in all"
            )
    return told


def _cost_no_blocks(steady: Sequence[RepeatRecord], null: Growth) -> bool:
    """Whether Python blocks never grew where objects did: as every object costs a block, as many
    went."""
    floor = floor_of(null, "survivors")
    grown = [record for record in steady if (record.growth.survivors or 0) > floor]
    seen = all(record.growth.blocks is not None for record in grown)
    return seen and share_grown(grown, null, "blocks", 0.0) == 0


def _comes_back(
    repeats: Repeats, name: str, noise: float, share: float, limits: Thresholds
) -> bool:
    """Whether the growth that came and went adds up over the longest stretch of runs that was
    measured; where there was none, whether a good share of the repeats grew.

    Objects cost blocks, which are counted over all of these runs.
    """
    seen = "blocks" if name == "survivors" else name
    windows = _per_window(repeats, seen)
    total = None if repeats.net is None else getattr(repeats.net, seen)
    if windows:
        lasts = statistics.median(windows) - net_floor(repeats, seen)
    elif total is not None and repeats.net_runs:
        lasts = lasting(repeats, seen)
    else:
        return share >= limits.intermittent_share
    floor = floor_of(repeats.null, seen)
    steady = without_imports(repeats.steady)
    mean = statistics.fmean((getattr(r.growth, seen) or 0) - floor for r in steady)
    if name == "survivors":
        # Each run that grew kept an object at least.
        mean = max(mean, share)
    # As in `adds_up`: what the runs together show has to be more than noise.
    return lasts > max(noise, limits.net_share * mean)
