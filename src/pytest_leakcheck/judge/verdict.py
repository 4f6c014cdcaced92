"""The rule: readings → verdict, with its reason in words.

:func:`judge_repeats` is the rule for a test that was repeated. It is pure: the same records give
the same verdict. ``judge/runs.py`` applies it to a whole run.

A leak grows on *every* repeat, and is seen by an exact signal (objects, descriptors, threads,
children) or by two independent ones. RSS never decides anything alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_leakcheck.judge.net_growth import (
    adds_up,
    allocated_on_each,
    at_least,
    few_blocks_add_up,
    intermittent,
    maps_more,
    mostly_grows,
    net_floor,
    repeat_slopes,
)
from pytest_leakcheck.judge.repeats import (
    EXACT,
    WORDS,
    Repeats,
    floor_of,
    grows_always,
    median_late,
    noises,
    usual_amount,
)
from pytest_leakcheck.judge.soak import (
    fills_still,
    full_caches,
    grows_evenly,
    has_ended,
    keeps_to_limit,
)
from pytest_leakcheck.judge.statistics import spread
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.results import VerdictName
from pytest_leakcheck.model.settings import Thresholds
from pytest_leakcheck.model.signals import Growth, Slope

#: A cause held by these packages is the test runner's own retention.
RUNNERS = ("_pytest.", "pytest.", "pluggy.", "xdist.", "execnet.")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on."""

    verdict: VerdictName
    reason: str
    slopes: dict[str, Slope]


def judge_repeats(repeats: Repeats, limits: Thresholds) -> Judgement:
    """The verdict of a test from its repeats."""
    slopes = repeat_slopes(repeats)
    runs = len(repeats.steady)
    bad = [r for r in repeats.steady if r.outcome != "passed"]
    if bad:
        return Judgement(
            "not judged", f"it does not pass when it runs again ({bad[0].outcome})", slopes
        )
    if not runs:
        return Judgement("unconfirmed", "it was not repeated", slopes)
    found = _signs(repeats, limits)
    if not found.enough:
        return _judge_less(repeats, found, limits, slopes)
    return _judge_growth(repeats, found.signals, limits, slopes)


def cut_off(judgement: Judgement) -> Judgement:
    """A judgement on repeats that ended before all was heard: it neither accuses nor acquits."""
    if judgement.verdict in ("not judged", "unconfirmed"):
        return judgement
    return Judgement(
        "unconfirmed",
        f"its repeats were cut off; until then: {judgement.reason}",
        judgement.slopes,
    )


def _judge_growth(
    repeats: Repeats, signals: Sequence[str], limits: Thresholds, slopes: dict[str, Slope]
) -> Judgement:
    """What growth on every repeat means, of signals that are enough for a leak."""
    grown = _times(repeats, signals)
    words = f"grew on {grown} of {len(repeats.steady)} repeats: {_amounts(slopes, signals)}"
    if _released(repeats, signals, limits):
        return Judgement("held", f"{words}; released when its wider fixtures ended", slopes)
    if excuse := _excuse(repeats, limits) or _end_of_growth(repeats, signals, words, limits):
        return Judgement("settles", excuse, slopes)
    if repeats.dropped_of and _only_dead(repeats, signals):
        told = f"dead weak references, which {repeats.dropped_of} shows to be dropped again"
        return Judgement("settles", f"{words}; {told}", slopes)
    if doubt := _only_weak(repeats, limits):
        return Judgement("unconfirmed", f"{words}; {doubt}", slopes)
    return Judgement("leak", words, slopes)


def only_dead_gather(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether weak references to what is gone are all that gathers, without a limit of its own."""
    found = _signs(repeats, limits)
    return found.enough and _only_dead(repeats, found.signals)


def _only_dead(repeats: Repeats, signals: Sequence[str]) -> bool:
    """Whether dead weak references explain all of this growth."""
    causes = repeats.causes
    if not causes or not all(c.dead and not (c.limit or c.bounded) for c in causes):
        return False
    gathered = sum(cause.per_run for cause in causes)
    return set(signals) <= {"survivors", "blocks"} and all(
        at_least(repeats, name) <= gathered for name in signals
    )


def _only_weak(repeats: Repeats, limits: Thresholds) -> str:
    """Why growth is no proof, where all that gathers, what has a limit aside, only refers weakly;
    empty where that is not so.

    Dead references are no proof while they are not so many over all further runs that whoever holds
    them would have dropped them by now; beside a cache that fills, their own growth cannot be told.
    Entries for what is alive go when it goes, and the cache may be what keeps it.
    """
    dead = [cause for cause in repeats.causes if cause.dead]
    fills = [cause for cause in repeats.causes if not (cause.dead or cause.weak or cause.bounded)]
    if not all(keeps_to_limit(cause, repeats.windows, limits) for cause in fills):
        return ""
    if any(cause.weak and not cause.dead for cause in repeats.causes):
        why = "beside a cache with a limit only weak references gather, to what it may still hold"
        return why if fills or any(cause.bounded for cause in repeats.causes) else ""
    gained = sum(window.number for window in repeats.windows) * sum(c.per_run for c in dead)
    few = dead and (fills or gained < limits.dead_references)
    why = "only dead weak references gather, which may be dropped once there are many"
    return why if few else ""


def _end_of_growth(repeats: Repeats, signals: Sequence[str], words: str, limits: Thresholds) -> str:
    """In words, that growth on every repeat ended with many more runs; empty where it did not."""
    before = {name: at_least(repeats, name) for name in signals if name != "python_bytes"}
    floor = {name: net_floor(repeats, name) for name in (*before, "blocks")}
    full = full_caches(repeats.causes, repeats.windows)
    before = _beside_caches(before, full, limits) if full else before
    if not has_ended(before, repeats.windows, floor, limits):
        return ""
    more = sum(window.number for window in repeats.windows)
    return f"{words}; that ended within {more} further runs"


def _beside_caches(
    before: dict[str, float], causes: Sequence[Cause], limits: Thresholds
) -> dict[str, float]:
    """What signals grew by on a repeat beyond what went into caches that have been full since; one
    that was full before took nothing in."""
    filling = [cause for cause in causes if cause.room]
    objects = sum(cause.objects for cause in filling)
    kept = {
        "survivors": objects,
        "blocks": objects,
        "heap_bytes": limits.noise_heap_bytes + sum(cause.python_bytes for cause in filling),
    }
    return {name: max(0.0, amount - kept.get(name, 0)) for name, amount in before.items()}


def _times(repeats: Repeats, signals: Sequence[str]) -> int:
    """On how many repeats the signal grew that did so most often."""
    times: list[int] = [
        sum(
            (getattr(record.growth, name) or 0) > floor_of(repeats.null, name)
            for record in repeats.steady
        )
        for name in signals
    ]
    return max(times)


#: What a cause that is excused explains; descriptors, threads and children are held by others.
_HELD = ("survivors", "heap_bytes")


def _excuse(repeats: Repeats, limits: Thresholds) -> str:
    """Why growth is no leak after all; empty where it is one."""
    causes = repeats.causes
    if not causes:
        return ""
    if all(cause.bounded for cause in causes):
        if not fills_still(causes, repeats.windows):
            return ""  # whether the growth has ended, the windows tell
        fills = next((cause for cause in causes if cause.holder.endswith("[*]")), causes[0])
        return f"it fills a cache that has a limit: {fills.holder}"
    stated = [cause for cause in causes if keeps_to_limit(cause, repeats.windows, limits)]
    if all(cause.bounded or cause in stated for cause in causes):
        first = stated[0]
        return f"it fills what states a limit of {first.limit:,}: {first.holder}"
    if all(cause.holder.startswith(RUNNERS) for cause in causes):
        return f"the test runner keeps it: {causes[0].holder}"
    return ""


def grows_exactly(steady: Sequence[RepeatRecord], null: Growth) -> bool:
    """Whether a signal that counts things grew on every repeat, objects that add up included."""
    always = [name for name in EXACT if grows_always(steady, null, name, 0.0)]
    if always == ["survivors"]:
        return not _replaced(Repeats(steady=steady, null=null), always)
    return bool(always)


@dataclass(frozen=True, slots=True)
class _Signs:
    """The signals that grew on every repeat, and whether they are enough for a leak."""

    signals: list[str]
    enough: bool


def worth_explaining(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether some signal grew on every repeat, be it ever so little, or blocks on nearly every
    one: a holder may be found."""
    return bool(_always(repeats, limits)) or mostly_grows(repeats) or maps_more(repeats, limits)


def _always(repeats: Repeats, limits: Thresholds) -> list[str]:
    """The signals that grew on every repeat."""
    return [
        name
        for name, noise in noises(limits).items()
        if grows_always(repeats.steady, repeats.null, name, noise)
    ]


def _signs(repeats: Repeats, limits: Thresholds) -> _Signs:
    always = _always(repeats, limits)
    always = [name for name in always if name not in EXACT or _stays(repeats, name, always, limits)]
    if any(name in EXACT for name in always):
        return _Signs(always, enough=True)
    if few_blocks_add_up(repeats, limits) and (
        any(cause.kind == "container" for cause in repeats.causes)
        or allocated_on_each(repeats, limits)
    ):
        return _Signs(list(dict.fromkeys([*always, "blocks"])), enough=True)
    noise = {**noises(limits), "blocks": limits.noise_blocks}
    always = [
        name
        for name in always
        if grows_always(repeats.steady, repeats.null, name, noise[name])
        and adds_up(repeats, name, noise[name], limits)
    ]
    if "blocks" in always and _traced(repeats, limits):
        return _Signs([*always, "python_bytes"], enough=True)
    if maps_more(repeats, limits):
        return _Signs([*always, "mapped_bytes"], enough=True)
    agree = "blocks" in always and "heap_bytes" in always
    believed = "heap_bytes" in always and _heap_supported(repeats, limits)
    return _Signs(always, enough=agree or believed)


def _stays(repeats: Repeats, name: str, always: Sequence[str], limits: Thresholds) -> bool:
    """Whether what a signal counts is not only replaced on each run.

    Old cycles, which only a collection of the whole heap finds, may have files open.
    """
    if name == "survivors":
        return not _replaced(repeats, always)
    return adds_up(repeats, name, 0.0, limits)


def _traced(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether traced Python memory grew on each traced repeat."""
    floor = floor_of(repeats.null, "python_bytes") + limits.noise_python_bytes
    grown = [r.growth.python_bytes or 0 for r in repeats.traced]
    return bool(grown) and min(grown) > floor


def _replaced(repeats: Repeats, always: Sequence[str]) -> bool:
    """Whether each run's survivors only take the place of the run's before.

    Every object costs a block, and a collection empties the free lists: where the survivors add
    up, the blocks do too.
    """
    if repeats.kept == 0:
        return True
    blocks = [r.growth.blocks for r in repeats.steady]
    if None in blocks or "heap_bytes" in always:
        return False
    # Medians: a pool that fills on the first of the repeats says nothing of the others.
    grown = statistics.median(block or 0 for block in blocks) - floor_of(repeats.null, "blocks")
    objects = statistics.median(r.growth.survivors or 0 for r in repeats.steady)
    objects -= floor_of(repeats.null, "survivors")
    net = repeats.net.blocks if repeats.net is not None else None
    if repeats.kept is not None and net is not None:
        # Beside objects that are replaced, a few may stay.
        return at_least(repeats, "blocks") < 0.5 * min(objects, repeats.kept)
    return grown < 0.5 * objects


def _heap_supported(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether C heap that grows alone is believed: it is steady, but for one repeat at most to the
    byte, or RSS follows it."""
    if grows_evenly("heap_bytes", repeats.windows, net_floor(repeats, "heap_bytes"), limits):
        return True
    heap = [
        (r.growth.heap_bytes or 0) - floor_of(repeats.null, "heap_bytes") for r in repeats.steady
    ]
    if len(heap) >= limits.steady_runs and (
        spread(heap) <= limits.steady_spread or usual_amount(repeats.steady, "heap_bytes")
    ):
        return True
    rss = sum(
        (r.growth.rss_bytes or 0) - floor_of(repeats.null, "rss_bytes") for r in repeats.steady
    )
    return rss >= max(limits.rss_least_bytes, limits.rss_support * sum(heap))


def _judge_less(
    repeats: Repeats, found: _Signs, limits: Thresholds, slopes: dict[str, Slope]
) -> Judgement:
    runs = len(repeats.steady)
    if found.signals:
        words = f"{_amounts(slopes, found.signals)} on each of {runs} repeats"
        ended = _end_of_growth(repeats, found.signals, words, limits)
        if excuse := _excuse(repeats, limits) or ended:
            return Judgement("settles", excuse, slopes)
        return Judgement("unconfirmed", f"{words}, and no second signal agrees", slopes)
    for name, words in EXACT.items():
        if grows_always(repeats.steady, repeats.null, name, 0.0):
            grown = statistics.fmean(getattr(record.growth, name) for record in repeats.steady)
            count = grown - floor_of(repeats.null, name)
            told = f"{count:,.0f} {words} are replaced on each run"
            return Judgement("settles", told, slopes)
    now_and_then = intermittent(repeats, limits)
    excuse = _excuse(repeats, limits) if now_and_then else ""
    unexplained = [words for name, words in now_and_then.items() if not excuse or name not in _HELD]
    if unexplained:
        return Judgement("unconfirmed", unexplained[0], slopes)
    late = median_late(repeats.steady)
    if (late.heap_bytes or 0) >= limits.late_bytes:
        return Judgement(
            "late",
            f"{late.objects} objects wait for the cyclic collector after each run; nothing stays",
            slopes,
        )
    calm = f"no growth in {runs} repeats"
    if excuse:
        calm = excuse
    elif repeats.windows:
        further = sum(window.number for window in repeats.windows)
        calm = f"what grew on some of {runs} repeats does not add up over {further} further runs"
    return Judgement("settles", calm, slopes)


def _released(repeats: Repeats, signals: Sequence[str], limits: Thresholds) -> bool:
    """Whether the growth is gone where wider fixtures end after each run."""
    if not repeats.release:
        return False
    for name in signals:
        if name == "python_bytes":
            continue
        floor = floor_of(repeats.null, name)
        grown = statistics.fmean(getattr(r.growth, name) or 0 for r in repeats.steady) - floor
        if _still_grows(repeats, name, limits) > (1 - limits.released_share) * grown:
            return False
    return True


def _still_grows(repeats: Repeats, name: str, limits: Thresholds) -> float:
    """What a signal grows by per run where wider fixtures end after each."""
    net = repeats.release_net
    if name == "blocks" and net is not None:
        return (net.growth.blocks or 0) / net.number - net_floor(repeats, name, net.number)
    # What one of them leaves for the first time is not what each leaves.
    still = statistics.median(getattr(r.growth, name) or 0 for r in repeats.release)
    own = limits.own_blocks if name == "blocks" else 0
    return still - floor_of(repeats.null, name) - own


def only_blocks_grow(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether Python blocks alone are what a test is accused of: of a few, single repeats cannot
    tell whether they are let go."""
    return set(_signs(repeats, limits).signals) - {"python_bytes"} == {"blocks"}


def release_is_unclear(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether the growth is gone on some of the repeats that ended wider fixtures, and not on
    others: one more of an even number tells."""
    signals = _signs(repeats, limits).signals
    told = {
        _released(replace(repeats, release=[record]), signals, limits) for record in repeats.release
    }
    return len(told) > 1


def _amounts(slopes: dict[str, Slope], signals: Sequence[str]) -> str:
    parts = [
        f"{slopes[name].per_run:+,.0f} {WORDS[name]}"
        if float(slopes[name].per_run).is_integer() or abs(slopes[name].per_run) >= 100
        else f"{slopes[name].per_run:+,.1f} {WORDS[name]}"
        for name in signals
        if name in slopes
    ]
    return ", ".join(parts) + " per run"
