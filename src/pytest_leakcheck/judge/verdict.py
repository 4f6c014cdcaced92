"""The rule: readings → verdict, with its reason in words.

:func:`judge_repeats` is the rule for a test that was repeated. It is pure: the same records give
the same verdict. ``judge/runs.py`` applies it to a whole run.

A leak grows on *every* repeat, and is seen by an exact signal (objects, descriptors, threads,
children) or by two independent ones. RSS never decides anything alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_leakcheck.judge.statistics import falls, slope, spread
from pytest_leakcheck.records import (
    Cause,
    Growth,
    Late,
    RepeatRecord,
    Slope,
    VerdictName,
)
from pytest_leakcheck.settings import Thresholds

#: Signals that count things and have no noise of their own, with their words.
EXACT = {
    "survivors": "objects",
    "fds": "file descriptors",
    "threads": "threads",
    "children": "child processes",
}

#: A cause held by these packages is the test runner's own retention.
RUNNERS = ("_pytest.", "pytest.", "pluggy.", "xdist.", "execnet.")


@dataclass(frozen=True, slots=True)
class Repeats:
    """What the confirming process recorded of one test."""

    steady: Sequence[RepeatRecord]
    null: Growth = field(default_factory=Growth)
    """Growth of an empty test in the same process: pytest's own floor."""
    traced: Sequence[RepeatRecord] = ()
    release: Sequence[RepeatRecord] = ()
    """Repeats in which all fixtures but the session's ended each time."""
    causes: Sequence[Cause] = ()
    net: Growth | None = None
    """Growth over ``net_runs`` repeats between two collections of the whole heap."""
    net_runs: int = 0
    null_net: Growth = field(default_factory=Growth)
    """The same of the empty test …"""
    null_net_runs: int = 0
    """… over so many runs."""
    long: Sequence[RepeatRecord] = ()
    """Long stretches of further runs, each measured as a whole."""
    kept: int | None = None
    """Objects that one run left and the next run neither replaced nor dropped."""


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
    words = f"grew on {runs} of {runs} repeats: {_amounts(slopes, found.signals)}"
    if _stopped(repeats, found.signals, limits):
        more = sum(record.number for record in repeats.long)
        return Judgement("settles", f"{words}; over {more} further runs it stopped", slopes)
    if _released(repeats, found.signals, limits):
        return Judgement("held", f"{words}; released when its wider fixtures ended", slopes)
    excuse = _excuse(repeats.causes)
    return Judgement("settles", excuse, slopes) if excuse else Judgement("leak", words, slopes)


def _excuse(causes: Sequence[Cause]) -> str:
    """Why growth on every repeat is no leak after all; empty where it is one."""
    if causes and all(cause.bounded for cause in causes):
        return f"it fills a cache that has a limit: {causes[0].holder}"
    if causes and all(cause.holder.startswith(RUNNERS) for cause in causes):
        return f"the test runner keeps it: {causes[0].holder}"
    return ""


def repeat_slopes(repeats: Repeats) -> dict[str, Slope]:
    """Growth per run of each signal that was seen in every steady repeat, less the null test's."""
    slopes: dict[str, Slope] = {}
    for name in Growth.__struct_fields__:
        source = repeats.traced if name == "python_bytes" else repeats.steady
        deltas = [getattr(r.growth, name) for r in source]
        if deltas and None not in deltas:
            slopes[name] = slope(deltas, _floor(repeats.null, name))
    return slopes


def grows_always(steady: Sequence[RepeatRecord], null: Growth, name: str, noise: float) -> bool:
    """Whether a signal grew beyond noise on every repeat."""
    floor = _floor(null, name)
    deltas = [getattr(r.growth, name) for r in steady]
    if not deltas or any(d is None or d - floor <= noise for d in deltas):
        return False
    return name in EXACT or not falls([d - floor for d in deltas])


def still_undecided(steady: Sequence[RepeatRecord], null: Growth, limits: Thresholds) -> bool:
    """Whether some signal grew on some repeats, but not on all: more repeats may tell."""
    for name, noise in _noises(limits).items():
        grown = _share_grown(steady, null, name, noise)
        if 0 < grown < 1:
            return True
        if grown == 1 and not grows_always(steady, null, name, noise):
            return True
    return False


def grows_never(steady: Sequence[RepeatRecord], null: Growth, limits: Thresholds) -> bool:
    """Whether no signal grew on any repeat."""
    return all(
        _share_grown(steady, null, name, noise) == 0 for name, noise in _noises(limits).items()
    )


def grows_exactly(steady: Sequence[RepeatRecord], null: Growth) -> bool:
    """Whether a signal that counts things grew on every repeat, objects that add up included."""
    always = [name for name in EXACT if grows_always(steady, null, name, 0.0)]
    if always == ["survivors"]:
        return not _replaced(Repeats(steady=steady, null=null), always)
    return bool(always)


def noise_of(name: str, limits: Thresholds) -> float:
    """Growth per run of a signal that a single repeat cannot tell from none."""
    return _noises(limits)[name]


def _noises(limits: Thresholds) -> dict[str, float]:
    return {**dict.fromkeys(EXACT, 0.0), "blocks": 0.0, "heap_bytes": limits.noise_heap_bytes}


def _share_grown(steady: Sequence[RepeatRecord], null: Growth, name: str, noise: float) -> float:
    deltas = [d for d in (getattr(r.growth, name) for r in steady) if d is not None]
    floor = _floor(null, name)
    return sum(d - floor > noise for d in deltas) / len(deltas) if deltas else 0.0


@dataclass(frozen=True, slots=True)
class _Signs:
    """The signals that grew on every repeat, and whether they are enough for a leak."""

    signals: list[str]
    enough: bool


def worth_explaining(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether some signal grew on every repeat, be it ever so little, or blocks on nearly every
    one: a holder may be found."""
    return bool(_always(repeats, limits)) or _mostly_grows(repeats)


def worth_tracing(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether so few blocks add up that only a trace of where they come from can tell."""
    return not _stopped(repeats, ["blocks"], limits) and _few_blocks_add_up(repeats, limits)


def _mostly_grows(repeats: Repeats) -> bool:
    """Whether Python blocks grow on a typical repeat, though not on each: they have noise."""
    floor = _floor(repeats.null, "blocks")
    seen = [r.growth.blocks for r in repeats.steady if r.growth.blocks is not None]
    deltas = [blocks - floor for blocks in seen]
    return bool(deltas) and statistics.median(deltas) >= 1 and not falls(deltas)


def _always(repeats: Repeats, limits: Thresholds) -> list[str]:
    """The signals that grew on every repeat."""
    return [
        name
        for name, noise in _noises(limits).items()
        if grows_always(repeats.steady, repeats.null, name, noise)
    ]


def _adds_up(repeats: Repeats, name: str, noise: float) -> bool:
    """Whether a signal grew over several runs taken together, where that was looked at."""
    total = None if repeats.net is None else getattr(repeats.net, name)
    if total is None or not repeats.net_runs:
        return True
    return bool(total / repeats.net_runs - _net_floor(repeats, name) > noise)


def _net_floor(repeats: Repeats, name: str) -> float:
    """Growth per run of the empty test over several runs together."""
    runs = repeats.null_net_runs or repeats.net_runs or 1
    return max(0, getattr(repeats.null_net, name) or 0) / runs


def _stopped(repeats: Repeats, signals: Sequence[str], limits: Thresholds) -> bool:
    """Whether the growth died down over a long stretch of further runs, in all that grew.

    Objects cost blocks, which are counted over the whole stretch.
    """
    if not repeats.long:
        return False
    last = repeats.long[-1]
    seen = {"blocks" if name in ("survivors", "python_bytes") else name for name in signals}
    told = False
    for name in seen:
        total = getattr(last.growth, name)
        deltas = [d for r in repeats.steady if (d := getattr(r.growth, name)) is not None]
        grown = statistics.median(deltas) - _floor(repeats.null, name) if deltas else 0
        if total is None or grown <= 0:
            continue
        told = True
        still = total / last.number - _net_floor(repeats, name)
        if still >= limits.lasting_share * grown:
            return False
    return told


def _signs(repeats: Repeats, limits: Thresholds) -> _Signs:
    always = _always(repeats, limits)
    if "survivors" in always and _replaced(repeats, always):
        always.remove("survivors")
    if any(name in EXACT for name in always):
        return _Signs(always, enough=True)
    if _few_blocks_add_up(repeats, limits) and (
        any(cause.kind == "container" for cause in repeats.causes)
        or _allocated_on_each(repeats, limits)
    ):
        return _Signs(list(dict.fromkeys([*always, "blocks"])), enough=True)
    noises = {**_noises(limits), "blocks": limits.noise_blocks}
    always = [
        name
        for name in always
        if grows_always(repeats.steady, repeats.null, name, noises[name])
        and _adds_up(repeats, name, noises[name])
    ]
    if "blocks" in always and _traced(repeats, limits):
        return _Signs([*always, "python_bytes"], enough=True)
    if "blocks" in always and "heap_bytes" in always:
        return _Signs(always, enough=True)
    if "heap_bytes" in always and _heap_supported(repeats, limits):
        return _Signs(always, enough=True)
    return _Signs(always, enough=False)


def _few_blocks_add_up(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether Python blocks grow by ever so few: on every repeat, or over many runs together."""
    if not grows_always(repeats.steady, repeats.null, "blocks", 0.0) and not (
        repeats.net_runs >= limits.adding_runs and _mostly_grows(repeats)
    ):
        return False
    return _adds_up(repeats, "blocks", limits.adding_share)


def _allocated_on_each(repeats: Repeats, limits: Thresholds) -> bool:
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


def _traced(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether traced Python memory grew on each traced repeat."""
    floor = _floor(repeats.null, "python_bytes") + limits.noise_python_bytes
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
    grown = statistics.median(block or 0 for block in blocks) - _floor(repeats.null, "blocks")
    objects = statistics.median(r.growth.survivors or 0 for r in repeats.steady)
    objects -= _floor(repeats.null, "survivors")
    return grown < 0.5 * objects


def _heap_supported(repeats: Repeats, limits: Thresholds) -> bool:
    """Whether C heap that grows alone is believed: it is steady, or RSS follows it."""
    heap = [(r.growth.heap_bytes or 0) - _floor(repeats.null, "heap_bytes") for r in repeats.steady]
    if len(heap) >= limits.steady_runs and spread(heap) <= limits.steady_spread:
        return True
    rss = sum((r.growth.rss_bytes or 0) - _floor(repeats.null, "rss_bytes") for r in repeats.steady)
    return rss >= max(limits.rss_least_bytes, limits.rss_support * sum(heap))


def _judge_less(
    repeats: Repeats, found: _Signs, limits: Thresholds, slopes: dict[str, Slope]
) -> Judgement:
    runs = len(repeats.steady)
    if found.signals:
        words = _amounts(slopes, found.signals)
        return Judgement(
            "unconfirmed",
            f"{words} on each of {runs} repeats, and no second signal agrees",
            slopes,
        )
    if grows_always(repeats.steady, repeats.null, "survivors", 0.0):
        count = slopes["survivors"].per_run
        return Judgement("settles", f"{count:,.0f} objects are replaced on each run", slopes)
    for name, words in EXACT.items():
        share = _share_grown(repeats.steady, repeats.null, name, 0.0)
        total = sum(getattr(r.growth, name) or 0 for r in repeats.steady)
        total -= runs * round(_floor(repeats.null, name))
        if share >= limits.intermittent_share and total >= limits.intermittent_share * runs:
            return Judgement(
                "unconfirmed",
                f"{words} grew on {round(share * runs)} of {runs} repeats, by {total} in all",
                slopes,
            )
    late = median_late(repeats.steady)
    if (late.heap_bytes or 0) >= limits.late_bytes:
        return Judgement(
            "late",
            f"{late.objects} objects wait for the cyclic collector after each run; nothing stays",
            slopes,
        )
    return Judgement("settles", f"no growth in {runs} repeats", slopes)


def median_late(steady: Sequence[RepeatRecord]) -> Late:
    """The late garbage of a typical repeat."""
    if not steady:
        return Late()
    heap = [r.late.heap_bytes for r in steady if r.late.heap_bytes is not None]
    return Late(
        objects=round(statistics.median(r.late.objects for r in steady)),
        heap_bytes=round(statistics.median(heap)) if heap else None,
    )


def _released(repeats: Repeats, signals: Sequence[str], limits: Thresholds) -> bool:
    """Whether the growth is gone where wider fixtures end after each run."""
    if not repeats.release:
        return False
    for name in signals:
        if name == "python_bytes":
            continue
        floor = _floor(repeats.null, name)
        grown = statistics.fmean(getattr(r.growth, name) or 0 for r in repeats.steady) - floor
        still = statistics.fmean(getattr(r.growth, name) or 0 for r in repeats.release) - floor
        if still > (1 - limits.released_share) * grown:
            return False
    return True


def _floor(null: Growth, name: str) -> float:
    return max(0.0, getattr(null, name) or 0)


def _amounts(slopes: dict[str, Slope], signals: Sequence[str]) -> str:
    words = {**EXACT, "blocks": "Python blocks", "heap_bytes": "bytes of C heap"}
    words["python_bytes"] = "bytes of Python memory"
    parts = [
        f"{slopes[name].per_run:+,.0f} {words[name]}"
        if float(slopes[name].per_run).is_integer() or abs(slopes[name].per_run) >= 100
        else f"{slopes[name].per_run:+,.1f} {words[name]}"
        for name in signals
        if name in slopes
    ]
    return ", ".join(parts) + " per run"
