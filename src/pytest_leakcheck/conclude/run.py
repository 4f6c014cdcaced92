"""A whole run: the rule applied to every test, the causes with the tests that show them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter

import msgspec

from pytest_leakcheck.conclude.causes import ordered, summarise_causes
from pytest_leakcheck.conclude.evidence import causes_of, evidence_of, is_blank_tests, settings_of
from pytest_leakcheck.conclude.groups import (
    doubt_kin,
    not_judged,
    settle_groups,
    spare_fixtures,
)
from pytest_leakcheck.conclude.unjudged_resources import left_open
from pytest_leakcheck.judge.nuisances import own_causes
from pytest_leakcheck.judge.statistics import slope
from pytest_leakcheck.judge.verdict import cut_off, judge, median_late, never_grew
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.results import JudgedRun, TestVerdict, VerdictName
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth
from pytest_leakcheck.screen.candidates import DISTURBED
from pytest_leakcheck.screen.floor import Floor, sweep_floor
from pytest_leakcheck.screen.reasons import reasons, span_reasons

_NOT_RUN = {
    "failed": "it failed, and its traceback keeps its locals",
    "error": "its set-up or teardown failed",
    "skipped": "it was skipped",
    "xfailed": "it failed as expected, and its traceback keeps its locals",
    "xpassed": "it was expected to fail and passed; correct the mark to have it judged",
}


def judge_run(run: Run) -> JudgedRun:
    """Every test's verdict, and every cause with its witnesses."""
    settings = settings_of(run)
    limits = settings.thresholds
    floor = sweep_floor(run.tests, limits, run.spans)
    together = span_reasons(run.spans, floor)
    repeated = _judge_repeated(run, settings)
    tests: dict[str, TestVerdict] = {}
    for record in run.tests:
        test = _judge_test(run, record, floor, repeated, together, settings)
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
            tests[nodeid] = not_judged(nodeid, skip.reason, "passed")
    for start in run.cut_off.values():
        if start is not None and start.nodeid not in tests:
            tests[start.nodeid] = not_judged(
                start.nodeid, "its process died while running it", "crashed"
            )
    settle_groups(run, tests, floor)
    doubt_kin(tests)
    spare_fixtures(run, tests, limits)
    by_nodeid = [tests[nodeid] for nodeid in sorted(tests)]
    return JudgedRun(info=run.info, tests=by_nodeid, causes=summarise_causes(run, by_nodeid))


def cause_verdicts(judged: JudgedRun) -> dict[str, VerdictName]:
    """By fingerprint: ``leak`` where a leaking test shows the cause, else ``held``: a wider fixture
    lets go what every witness left."""
    leaking = {test.nodeid for test in judged.tests if test.verdict == "leak"}
    return {
        found.cause.fingerprint: "held" if leaking.isdisjoint(found.witnesses) else "leak"
        for found in judged.causes
    }


def _judge_repeated(run: Run, settings: Settings) -> dict[str, TestVerdict]:
    judged: dict[str, TestVerdict] = {}
    silent = {test.nodeid for test in run.tests} - run.assigned.keys()
    for nodeid, records in run.repeats.items():
        if is_blank_tests(records):
            continue
        evidence = evidence_of(run, nodeid)
        judgement = judge(evidence, settings)
        if nodeid in run.unfinished:
            judgement = cut_off(judgement)
        verdict = judgement.verdict
        if verdict == "settles" and nodeid in silent and never_grew(evidence, settings):
            verdict = "clean"
        judged[nodeid] = TestVerdict(
            nodeid=nodeid,
            verdict=verdict,
            reason=judgement.reason,
            outcome="passed",
            slopes=judgement.slopes,
            windows=judgement.windows,
            basis="repeated",
            fingerprints=_fingerprints(run, nodeid, verdict, settings),
            late=median_late(evidence.steady),
            repeats=[record.growth for record in evidence.counted],
        )
    return judged


def _judge_test(
    run: Run,
    record: TestRecord,
    floor: Floor,
    repeated: dict[str, TestVerdict],
    together: Mapping[str, list[str]],
    settings: Settings,
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
    if (record.late.heap_bytes or 0) >= settings.policy.late_bytes:
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


# --- causes --------------------------------------------------------------------------------------


def _fingerprints(run: Run, nodeid: str, verdict: VerdictName, settings: Settings) -> list[str]:
    """The causes of one test, in order: of a leak those that are no nuisance."""
    causes = causes_of(run, nodeid)
    if verdict in ("leak", "held"):
        soaked = evidence_of(run, nodeid).soaked
        own = own_causes(causes, settings.policy, soaked)
        # What a running call's variable holds is told beside: its thread may be what leaks.
        causes = [c for c in causes if c in own or _is_variable(c)] if own else []
    return [cause.fingerprint for cause in ordered(causes)]


def _is_variable(cause: Cause) -> bool:
    """Whether a cause is a variable of a running call, which has one value at a time."""
    return cause.bounded and cause.room is None and cause.holder.startswith("stack ")
