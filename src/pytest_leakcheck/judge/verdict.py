"""The rule: readings → verdict, with its reason in words.

:func:`judge_repeats` is the rule for a test that was repeated; :func:`judge_run` applies it to a
whole run and settles every other test. Both are pure: the same records give the same verdicts.

A leak grows on *every* repeat, and is seen by an exact signal (objects, descriptors, threads,
children) or by two independent ones. RSS never decides anything alone.
"""

from __future__ import annotations

import hashlib
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from pytest_leakcheck.journal import Run
from pytest_leakcheck.judge.statistics import falls, slope, spread
from pytest_leakcheck.judge.suspects import (
    DISTURBED,
    Floor,
    reasons,
    sweep_floor,
)
from pytest_leakcheck.records import (
    Cause,
    CauseSummary,
    Growth,
    JudgedRun,
    Late,
    Outcome,
    RepeatRecord,
    Site,
    Slope,
    TestRecord,
    TestVerdict,
    VerdictName,
)
from pytest_leakcheck.settings import Settings, Thresholds

#: Signals that count things and have no noise of their own, with their words.
EXACT = {
    "survivors": "objects",
    "fds": "file descriptors",
    "threads": "threads",
    "children": "child processes",
}

#: A cause held by these packages is the test runner's own retention.
RUNNERS = ("_pytest.", "pytest.", "pluggy.", "xdist.", "execnet.")

_NOT_RUN = {
    "failed": "it failed, and its traceback keeps its locals",
    "error": "its set-up or teardown failed",
    "skipped": "it was skipped",
    "xfailed": "it failed as expected, and its traceback keeps its locals",
    "xpassed": "it was expected to fail and passed; correct the mark to have it judged",
}


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
    """The same of the empty test."""
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
    """Whether some signal grew on every repeat, be it ever so little: a holder may be found."""
    return bool(_always(repeats, limits))


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
    floor = max(0, getattr(repeats.null_net, name) or 0) / repeats.net_runs
    return bool(total / repeats.net_runs - floor > noise)


def _signs(repeats: Repeats, limits: Thresholds) -> _Signs:
    always = _always(repeats, limits)
    if "survivors" in always and _replaced(repeats, always):
        always.remove("survivors")
    if any(name in EXACT for name in always):
        return _Signs(always, enough=True)
    if "blocks" in always and any(cause.kind == "container" for cause in repeats.causes):
        return _Signs(always, enough=True)
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


# --- a whole run ---------------------------------------------------------------------------------


def judge_run(run: Run) -> JudgedRun:
    """Every test's verdict, and every cause with its witnesses."""
    limits = _settings(run).thresholds
    floor = sweep_floor(run.tests, limits)
    repeated = _judge_repeated(run, limits)
    tests: dict[str, TestVerdict] = {}
    for record in run.tests:
        tests[record.nodeid] = _judge_test(run, record, floor, repeated, limits)
    for nodeid, verdict in repeated.items():
        if nodeid not in tests:  # a wider fixture, judged in its own name
            tests[nodeid] = verdict
    for nodeid, skip in run.skips.items():
        if nodeid not in tests or tests[nodeid].basis == "repeated":
            tests[nodeid] = _not_judged(nodeid, skip.reason, "passed")
    for start in run.cut_off.values():
        if start is not None and start.nodeid not in tests:
            tests[start.nodeid] = _not_judged(
                start.nodeid, "its process died while running it", "crashed"
            )
    _settle_groups(run, tests)
    ordered = [tests[nodeid] for nodeid in sorted(tests)]
    return JudgedRun(info=run.info, tests=ordered, causes=summarise_causes(run, ordered))


def _settings(run: Run) -> Settings:
    return msgspec.convert(run.info.settings, Settings)


def causes_of(run: Run, nodeid: str) -> list[Cause]:
    """The causes of a test: who holds what stays; else who allocated it, where memray saw that."""
    causes = [record.cause for record in run.causes.get(nodeid, [])]
    if causes:
        return causes
    sites = [site for record in run.captures.get(nodeid, []) for site in record.sites]
    heap = [r.growth.heap_bytes or 0 for r in run.repeats.get(nodeid, []) if r.phase == "steady"]
    cause = native_cause(sites, statistics.median(heap)) if sites and heap else None
    return [] if cause is None else [cause]


def native_cause(sites: Sequence[Site], heap_bytes: float) -> Cause | None:
    """A cause that nothing in Python holds, named by the frame whose allocations come nearest to
    what the C heap grew by per run.

    ``None`` where the allocations that memray saw do not account for half of it: a library that
    finds ``malloc`` by itself is not seen, and naming another would accuse the innocent.
    """
    if sum(site.bytes for site in sites) < heap_bytes / 2:
        return None
    first = min(sites, key=lambda site: (abs(site.bytes - heap_bytes), site.file, site.line))
    sites = [first, *(site for site in sites if site is not first)]
    place = first.function or "?"
    if first.file != "?":
        place += f" ({first.file})"
    digest = hashlib.sha1(f"native\n{place}".encode(), usedforsecurity=False).hexdigest()
    return Cause(fingerprint=digest[:12], kind="native", head=place, holder="", sites=sites)


def read_repeats(run: Run, nodeid: str) -> Repeats:
    """What the confirming process recorded of one test, sorted by phase."""
    records = run.repeats.get(nodeid, [])
    by_phase: dict[str, list[RepeatRecord]] = defaultdict(list)
    for record in records:
        by_phase[record.phase].append(record)
    return Repeats(
        steady=by_phase["steady"],
        null=null_floor(run),
        traced=by_phase["traced"],
        release=by_phase["release"],
        causes=causes_of(run, nodeid),
        net=by_phase["net"][-1].growth if by_phase["net"] else None,
        net_runs=by_phase["net"][-1].number if by_phase["net"] else 0,
        null_net=null_net(run),
        kept=by_phase["kept"][-1].growth.survivors if by_phase["kept"] else None,
    )


def null_floor(run: Run) -> Growth:
    """Growth of the empty test in the confirming process: the median of its repeats."""
    nulls = [r for rs in run.repeats.values() for r in rs if r.phase == "null"]
    values: dict[str, int | None] = {}
    for name in Growth.__struct_fields__:
        seen = [v for v in (getattr(r.growth, name) for r in nulls) if v is not None]
        values[name] = round(statistics.median(seen)) if seen else None
    return Growth(**values)


def null_net(run: Run) -> Growth:
    """Net growth of the empty test in the last confirming process."""
    nets = [r for rs in run.repeats.values() for r in rs if r.phase == "null-net"]
    return nets[-1].growth if nets else Growth()


def _judge_repeated(run: Run, limits: Thresholds) -> dict[str, TestVerdict]:
    judged: dict[str, TestVerdict] = {}
    for nodeid, records in run.repeats.items():
        if all(record.phase in ("null", "null-net") for record in records):
            continue
        repeats = read_repeats(run, nodeid)
        judgement = judge_repeats(repeats, limits)
        judged[nodeid] = TestVerdict(
            nodeid=nodeid,
            verdict=judgement.verdict,
            reason=judgement.reason,
            outcome="passed",
            slopes=judgement.slopes,
            basis="repeated",
            fingerprints=[cause.fingerprint for cause in _ordered(repeats.causes)],
            late=median_late(repeats.steady),
            repeats=[record.growth for record in repeats.steady],
        )
    return judged


def _judge_test(
    run: Run,
    record: TestRecord,
    floor: Floor,
    repeated: dict[str, TestVerdict],
    limits: Thresholds,
) -> TestVerdict:
    once = _one_run(record, floor)
    unfit = _why_not_judged(run, record)
    if unfit:
        return once("not judged", unfit)
    if record.nodeid in repeated:
        return repeated[record.nodeid]
    why = reasons(record, floor)
    if why:
        return once("unconfirmed", f"{'; '.join(why)}; it was not repeated")
    if (record.late.heap_bytes or 0) >= limits.late_bytes:
        return once(
            "late", f"{record.late.objects} objects waited for the cyclic collector; nothing stays"
        )
    return once("clean", "nothing beyond pytest's own share stays")


def _why_not_judged(run: Run, record: TestRecord) -> str:
    if record.outcome in _NOT_RUN:
        return _NOT_RUN[record.outcome]
    disturbed = [why for note, why in DISTURBED.items() if note in record.notes]
    if disturbed:
        return disturbed[0]
    skipped = run.skips.get(record.nodeid)
    return "" if skipped is None else skipped.reason


def _one_run(record: TestRecord, floor: Floor) -> Callable[[VerdictName, str], TestVerdict]:
    floors = {"heap_bytes": floor.heap_bytes, "blocks": floor.blocks}
    slopes = {
        name: slope([value], floors.get(name, 0.0))
        for name in Growth.__struct_fields__
        if (value := getattr(record.growth, name)) is not None
    }

    def make(verdict: VerdictName, reason: str) -> TestVerdict:
        return TestVerdict(
            nodeid=record.nodeid,
            verdict=verdict,
            reason=reason,
            outcome=record.outcome,
            slopes=slopes,
            basis="one run",
            late=record.late,
        )

    return make


def _not_judged(nodeid: str, reason: str, outcome: Outcome | Literal["crashed"]) -> TestVerdict:
    return TestVerdict(
        nodeid=nodeid,
        verdict="not judged",
        reason=reason,
        outcome=outcome,
        slopes={},
        basis="one run",
    )


def _settle_groups(run: Run, tests: dict[str, TestVerdict]) -> None:
    """Give the members of a signature the verdict of their witnesses, where those agree."""
    groups: dict[str, list[str]] = defaultdict(list)
    for nodeid, assigned in run.assigned.items():
        groups[assigned.signature].append(nodeid)
    for members in groups.values():
        judged = [tests[n] for n in members if n in tests and tests[n].basis == "repeated"]
        found = [verdict for verdict in judged if verdict.verdict != "not judged"]
        if not found or len({shown(verdict) for verdict in found}) != 1:
            continue
        best = max(found, key=lambda v: v.nodeid)
        for nodeid in members:
            mine = tests.get(nodeid)
            if mine is not None and mine.basis == "one run" and mine.verdict == "unconfirmed":
                tests[nodeid] = _by_signature(mine, best)


def shown(verdict: TestVerdict) -> tuple[str, frozenset[str]]:
    """What the witnesses of one signature must agree in, to speak for the others: the verdict, and
    of a leak its causes too."""
    causes = verdict.fingerprints if verdict.verdict in ("leak", "held") else ()
    return verdict.verdict, frozenset(causes)


def _by_signature(mine: TestVerdict, witness: TestVerdict) -> TestVerdict:
    return TestVerdict(
        nodeid=mine.nodeid,
        verdict=witness.verdict,
        reason=f"grew like {witness.nodeid}, which {_third_person(witness)}",
        outcome=mine.outcome,
        slopes=witness.slopes,
        basis="by signature",
        like=witness.nodeid,
        fingerprints=witness.fingerprints,
        late=mine.late,
    )


def _third_person(witness: TestVerdict) -> str:
    return witness.reason if witness.reason.startswith("grew") else f"shows: {witness.reason}"


# --- causes --------------------------------------------------------------------------------------


def _ordered(causes: Sequence[Cause]) -> list[Cause]:
    """Causes of one test, the one that carries its native growth first."""
    return sorted(causes, key=lambda c: (not c.extension, -c.python_bytes, -c.objects, c.holder))


def summarise_causes(run: Run, tests: Sequence[TestVerdict]) -> list[CauseSummary]:
    """Each cause of leaking tests with its witnesses, worst first."""
    shown: dict[str, list[TestVerdict]] = defaultdict(list)
    for test in tests:
        if test.verdict in ("leak", "held"):
            for fingerprint in test.fingerprints:
                shown[fingerprint].append(test)
    summaries = [
        _summarise(run, fingerprint, witnesses) for fingerprint, witnesses in shown.items()
    ]
    return sorted(summaries, key=lambda s: (-_worst(s.total), s.cause.fingerprint))


def _summarise(run: Run, fingerprint: str, witnesses: list[TestVerdict]) -> CauseSummary:
    causes: dict[str, Cause] = {}
    for witness in witnesses:
        for cause in causes_of(run, witness.nodeid):
            if cause.fingerprint == fingerprint:
                causes[witness.nodeid] = cause
    best = max(
        (w for w in witnesses if w.nodeid in causes),
        key=lambda w: (w.fingerprints[0] == fingerprint, -len(w.fingerprints), w.nodeid),
        default=witnesses[0],
    )
    cause = causes.get(best.nodeid) or next(iter(causes.values()))
    total: dict[str, float] = defaultdict(float)
    for witness in witnesses:
        for name, value in moves_with(cause, witness).items():
            total[name] += value.per_run
    return CauseSummary(
        cause=cause,
        witnesses=[w.nodeid for w in witnesses],
        slopes=moves_with(cause, best),
        total=dict(total),
    )


def moves_with(cause: Cause, witness: TestVerdict) -> dict[str, Slope]:
    """The growth of a witness that is this cause's: all of it where the cause comes first."""
    own = {
        "survivors": Slope(per_run=cause.objects, runs=1),
        "python_bytes": Slope(per_run=cause.python_bytes, runs=1),
    }
    if witness.fingerprints[:1] != [cause.fingerprint]:
        return own
    carried = {
        name: value
        for name, value in witness.slopes.items()
        if name in ("heap_bytes", "rss_bytes", "fds", "threads", "children", "blocks")
    }
    return {**carried, **own}


def _worst(total: dict[str, float]) -> float:
    return max(total.get("heap_bytes", 0.0), total.get("python_bytes", 0.0))
