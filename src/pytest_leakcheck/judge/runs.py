"""A whole run: the rule applied to every test, and the causes with their witnesses. Pure."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Literal

import msgspec

from pytest_leakcheck.journal import Run
from pytest_leakcheck.judge.lasting import maps_more
from pytest_leakcheck.judge.leftovers import left_open
from pytest_leakcheck.judge.native import native_cause, with_compiled_code
from pytest_leakcheck.judge.repeats import Repeats, floor_of, grows_never, median_late
from pytest_leakcheck.judge.statistics import median_growth, slope
from pytest_leakcheck.judge.suspects import (
    DISTURBED,
    FixtureSuspect,
    Floor,
    fixture_suspects,
    function_of,
    reasons,
    span_reasons,
    sweep_floor,
    telling_files,
    telling_types,
)
from pytest_leakcheck.judge.verdict import cut_off, judge_repeats
from pytest_leakcheck.records import (
    Cause,
    CauseSummary,
    Growth,
    JudgedRun,
    Outcome,
    RepeatRecord,
    ResourceRecord,
    Slope,
    TestRecord,
    TestVerdict,
    VerdictName,
)
from pytest_leakcheck.settings import Settings, Thresholds

_NOT_RUN = {
    "failed": "it failed, and its traceback keeps its locals",
    "error": "its set-up or teardown failed",
    "skipped": "it was skipped",
    "xfailed": "it failed as expected, and its traceback keeps its locals",
    "xpassed": "it was expected to fail and passed; correct the mark to have it judged",
}


def judge_run(run: Run) -> JudgedRun:
    """Every test's verdict, and every cause with its witnesses."""
    limits = settings_of(run).thresholds
    floor = sweep_floor(run.tests, limits, run.spans)
    together = span_reasons(run.spans, floor)
    repeated = _judge_repeated(run, limits)
    tests: dict[str, TestVerdict] = {}
    for record in run.tests:
        test = _judge_test(run, record, floor, repeated, together, limits)
        hidden = test.basis == "repeated" and record.nodeid not in run.assigned
        tests[record.nodeid] = msgspec.structs.replace(test, hidden=True) if hidden else test
    for nodeid, left in left_open(run, _NOT_RUN).items():
        test = tests[nodeid]
        if test.verdict == "not judged":
            tests[nodeid] = msgspec.structs.replace(test, reason=f"{test.reason}; {left}")
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
    _settle_groups(run, tests, floor)
    _doubt_kin(tests)
    _spare_fixtures(run, tests, limits)
    ordered = [tests[nodeid] for nodeid in sorted(tests)]
    return JudgedRun(info=run.info, tests=ordered, causes=summarise_causes(run, ordered))


def cause_verdicts(judged: JudgedRun) -> dict[str, VerdictName]:
    """By fingerprint: ``leak`` where a leaking test shows the cause, else ``held``: a wider fixture
    lets go what every witness left."""
    leaking = {test.nodeid for test in judged.tests if test.verdict == "leak"}
    return {
        found.cause.fingerprint: "held" if leaking.isdisjoint(found.witnesses) else "leak"
        for found in judged.causes
    }


def settings_of(run: Run) -> Settings:
    """How a run was measured, thresholds included."""
    return msgspec.convert(run.info.settings, Settings)


def causes_of(run: Run, nodeid: str) -> list[Cause]:
    """The causes of a test: who holds what stays; else who allocated it, where memray saw that."""
    nodeid = run.alike.get(nodeid, nodeid)
    watched = run.watched.get(nodeid)
    causes = [with_compiled_code(record.cause, watched) for record in run.causes.get(nodeid, [])]
    if causes:
        return causes
    steady = [r for r in run.repeats.get(nodeid, []) if r.phase == "steady"]
    traced = [r for r in run.repeats.get(nodeid, []) if r.phase == "traced"]
    if not steady:
        return []
    null = null_floor(run)
    heap = statistics.median(r.growth.heap_bytes or 0 for r in steady) - (null.heap_bytes or 0)
    # The first traced run fills caches that tracing itself needs.
    left = min((r.growth.python_bytes or 0 for r in traced), default=0)
    python = float(left - (null.python_bytes or 0))
    if statistics.median(r.growth.blocks or 0 for r in steady) <= floor_of(null, "blocks"):
        # Python objects that stay are in the C heap then; the others were there for that run.
        python = min(python, heap)
    sites = [site for record in run.captures.get(nodeid, []) for site in record.sites]
    if maps_more(Repeats(steady, null), settings_of(run).thresholds):
        heap = statistics.median(r.growth.mapped_bytes or 0 for r in steady)
    cause = native_cause(sites, heap, python, watched)
    return [] if cause is None else [cause]


def read_repeats(run: Run, nodeid: str) -> Repeats:
    """What the confirming process recorded of one test, sorted by phase."""
    records = run.repeats.get(nodeid, [])
    by_phase: dict[str, list[RepeatRecord]] = defaultdict(list)
    for record in records:
        by_phase[record.phase].append(record)
    net_of_null, runs_of_null = null_net(run)
    return Repeats(
        steady=by_phase["steady"],
        null=null_floor(run),
        traced=by_phase["traced"],
        release=by_phase["release"],
        release_net=by_phase["release-net"][-1] if by_phase["release-net"] else None,
        causes=causes_of(run, nodeid),
        net=by_phase["net"][-1].growth if by_phase["net"] else None,
        net_runs=by_phase["net"][-1].number if by_phase["net"] else 0,
        null_net=net_of_null,
        null_net_runs=runs_of_null,
        kept=by_phase["kept"][-1].growth.survivors if by_phase["kept"] else None,
        windows=by_phase["long"],
        dropped_of=run.dropped.get(nodeid, ""),
    )


def null_floor(run: Run) -> Growth:
    """Growth of the empty test in the confirming process: the median of its repeats."""
    return median_growth([r.growth for r in _of_the_empty_test(run) if r.phase == "null"])


def null_net(run: Run) -> tuple[Growth, int]:
    """Net growth of the empty test in the last confirming process, and over how many runs."""
    nets = [r for r in _of_the_empty_test(run) if r.phase == "null-net"]
    return (nets[-1].growth, nets[-1].number) if nets else (Growth(), 0)


def _of_the_empty_test(run: Run) -> list[RepeatRecord]:
    """Its records in all confirming processes. O(1) in most runs, where it comes first: every
    test that is judged asks for them."""
    return next((found for found in run.repeats.values() if _is_empty_tests(found)), [])


def _is_empty_tests(records: Sequence[RepeatRecord]) -> bool:
    return records[0].phase in ("null", "null-net")


def _judge_repeated(run: Run, limits: Thresholds) -> dict[str, TestVerdict]:
    judged: dict[str, TestVerdict] = {}
    silent = {test.nodeid for test in run.tests} - run.assigned.keys()
    for nodeid, records in run.repeats.items():
        if _is_empty_tests(records):
            continue
        repeats = read_repeats(run, nodeid)
        judgement = judge_repeats(repeats, limits)
        if nodeid in run.unfinished:
            judgement = cut_off(judgement)
        verdict = judgement.verdict
        silently = verdict == "settles" and nodeid in silent
        if silently and grows_never(repeats.steady, repeats.null, limits):
            verdict = "clean"
        judged[nodeid] = TestVerdict(
            nodeid=nodeid,
            verdict=verdict,
            reason=judgement.reason,
            outcome="passed",
            slopes=judgement.slopes,
            basis="repeated",
            fingerprints=[cause.fingerprint for cause in _guilty(repeats.causes)],
            late=median_late(repeats.steady),
            repeats=[record.growth for record in repeats.steady],
        )
    return judged


def _judge_test(
    run: Run,
    record: TestRecord,
    floor: Floor,
    repeated: dict[str, TestVerdict],
    together: Mapping[str, list[str]],
    limits: Thresholds,
) -> TestVerdict:
    once = _one_run(record, floor)
    unfit = _why_not_judged(run, record)
    if unfit:
        return once("not judged", unfit)
    if record.nodeid in repeated:
        return repeated[record.nodeid]
    why = [*reasons(record, floor), *together.get(record.nodeid, ())]
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


_SIGNALS = Growth.__struct_fields__
_growths = attrgetter(*_SIGNALS)


def _one_run(record: TestRecord, floor: Floor) -> Callable[[VerdictName, str], TestVerdict]:
    floors = {"heap_bytes": floor.heap_bytes, "blocks": floor.blocks_of(record)}
    slopes = {
        name: slope([value], floors.get(name, 0.0))
        for name, value in zip(_SIGNALS, _growths(record.growth), strict=True)
        if value is not None
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


def _settle_groups(run: Run, tests: dict[str, TestVerdict], floor: Floor) -> None:
    """Give the members of a signature the verdict of their witnesses, where those agree.

    Nobody is accused by a signature while a witness has still to be heard, nor by a witness that
    leaves something else on each run than what the two had in common, nor by tests of other
    functions: what those keep anew on each run it may have kept once.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for nodeid, assigned in run.assigned.items():
        groups[assigned.signature].append(nodeid)
    left = {
        record.nodeid: telling_types(floor.beyond(record)) | set(telling_files(record.opened))
        for record in run.tests
        if record.nodeid in run.assigned
    }
    for members in groups.values():
        judged = [tests[n] for n in members if n in tests and tests[n].basis == "repeated"]
        found = [verdict for verdict in judged if verdict.verdict != "not judged"]
        if not found or len({_shown(verdict) for verdict in found}) != 1:
            continue
        best = max(found, key=lambda v: v.nodeid)
        waiting = [n for n in members if n in tests and _waits(tests[n])]
        accuses = best.verdict in ("leak", "held")
        if accuses:
            if any(run.assigned[nodeid].witness for nodeid in waiting):
                continue
            stays = _stays_each_time(run, best.nodeid)
            waiting = [n for n in waiting if not left[n] or left[n] & stays]
        kin = {function_of(verdict.nodeid): verdict for verdict in found}
        for nodeid in waiting:
            mine = tests[nodeid]
            speaks = kin.get(function_of(nodeid)) if accuses else best
            tests[nodeid] = _by_signature(mine, speaks) if speaks else _doubted(mine, best)


def _waits(test: TestVerdict) -> bool:
    """Whether a suspect has no verdict of repeats yet."""
    return test.basis == "one run" and test.verdict == "unconfirmed"


def _stays_each_time(run: Run, nodeid: str) -> set[str]:
    """The types that a test left on each of its repeats, and what it was seen to leave open."""
    steady = [r for r in run.repeats.get(nodeid, []) if r.phase == "steady"]
    types = set.intersection(*(set(record.types) for record in steady)) if steady else set()
    return types | {resource.what for resource in run.opened_by(nodeid)}


def _doubt_kin(tests: dict[str, TestVerdict]) -> None:
    """A test that ran once is not cleared where all repeated instances of its function leak."""
    repeated: dict[str, set[VerdictName]] = defaultdict(set)
    for nodeid, test in tests.items():
        if test.basis == "repeated":
            repeated[function_of(nodeid)].add(test.verdict)
    for nodeid, test in tests.items():
        if test.verdict == "clean" and repeated.get(function_of(nodeid)) == {"leak"}:
            tests[nodeid] = msgspec.structs.replace(
                test,
                verdict="unconfirmed",
                reason="it was not repeated, and other instances of its function leak",
            )


def _spare_fixtures(run: Run, tests: dict[str, TestVerdict], limits: Thresholds) -> None:
    """A wider fixture is not accused of what the test that sets it up leaves by itself, nor of what
    a fixture leaves that runs with it and kept more: each repeat of it runs those, too."""
    leaking = {
        name: suspect
        for name, suspect in fixture_suspects(run.fixtures.values(), limits).items()
        if name in tests and tests[name].verdict == "leak" and tests[name].fingerprints
    }
    for name, suspect in leaking.items():
        prints = set(tests[name].fingerprints)
        kept = _kept_by(suspect)
        others = [n for n, other in leaking.items() if n != name and _kept_by(other) > kept]
        for other in (suspect.nodeid, *others):
            test = tests.get(other)
            if test and test.verdict == "leak" and prints <= set(test.fingerprints):
                why = f"what grows on its repeats is what {other} leaves"
                tests[name] = _not_judged(name, why, "passed")
                break


def _kept_by(suspect: FixtureSuspect) -> int:
    """Descriptors, threads and children that a fixture kept after its end, by its own account; its
    C heap tells too little, being full of first uses."""
    balance = suspect.balance
    return (balance.fds or 0) + (balance.threads or 0) + (balance.children or 0)


def _shown(verdict: TestVerdict) -> tuple[str, frozenset[str]]:
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


def _doubted(mine: TestVerdict, witness: TestVerdict) -> TestVerdict:
    """A suspect that grew like a test of another function, which was accused."""
    what = "leaks" if witness.verdict == "leak" else "leaves what a wider fixture holds"
    return msgspec.structs.replace(
        mine,
        reason=f"{mine.reason}; {witness.nodeid}, which {what}, grew like it",
        resembles=witness.nodeid,
    )


def _third_person(witness: TestVerdict) -> str:
    return witness.reason if witness.reason.startswith("grew") else f"shows: {witness.reason}"


# --- causes --------------------------------------------------------------------------------------


def _guilty(causes: Sequence[Cause]) -> list[Cause]:
    """Causes of one test, in order; a cache that takes in so many more and no others is none where
    there are others."""
    return _ordered([cause for cause in causes if cause.room is None] or causes)


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
    explained = [w for w in witnesses if w.nodeid in causes]
    best = _typical(explained, causes, fingerprint) or witnesses[0]
    cause = causes.get(best.nodeid) or next(iter(causes.values()))
    total: dict[str, float] = defaultdict(float)
    for witness in witnesses:
        for name, value in moves_with(causes.get(witness.nodeid, cause), witness).items():
            total[name] += value.per_run
    return CauseSummary(
        cause=cause,
        witnesses=[best.nodeid, *(w.nodeid for w in witnesses if w is not best)],
        slopes=moves_with(cause, best),
        total=dict(total),
        opened=_opened(run, [best, *witnesses], fingerprint),
        shared=_shared(run, best),
    )


def _shared(run: Run, witness: TestVerdict) -> int:
    """Objects that stay after each run beside those that each of several causes keeps alone."""
    causes = causes_of(run, witness.nodeid)
    if witness.basis != "repeated" or len(causes) < 2:
        return 0
    stay = witness.slopes.get("survivors", _NONE).per_run
    return max(0, round(stay - sum(cause.objects for cause in causes)))


def _opened(run: Run, witnesses: list[TestVerdict], fingerprint: str) -> list[ResourceRecord]:
    """What the first watched witness opens and leaves open, where the cause carries its growth."""
    carried = (w.nodeid for w in witnesses if w.fingerprints[:1] == [fingerprint])
    return next(filter(None, map(run.opened_by, carried)), [])


def _typical(
    witnesses: Sequence[TestVerdict], causes: Mapping[str, Cause], fingerprint: str
) -> TestVerdict | None:
    """The repeated witness with the fewest other causes; of equal ones the middle by the objects
    of this cause, then by C heap: objects are the same in the next run."""
    if not witnesses:
        return None

    def rank(witness: TestVerdict) -> tuple[bool, int]:
        return witness.fingerprints[0] != fingerprint, len(witness.fingerprints)

    lowest = min(map(rank, witnesses))
    alike = [w for w in witnesses if rank(w) == lowest]
    alike.sort(
        key=lambda w: (
            causes[w.nodeid].objects,
            w.slopes.get("heap_bytes", _NONE).per_run,
            w.nodeid,
        )
    )
    return alike[len(alike) // 2]


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
        if name not in ("survivors", "python_bytes")
    }
    return {**carried, **own}


_NONE = Slope(per_run=0.0)


def _worst(total: dict[str, float]) -> float:
    return max(total.get("heap_bytes", 0.0), total.get("python_bytes", 0.0))
