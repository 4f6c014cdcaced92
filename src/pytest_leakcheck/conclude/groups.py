"""What tests that were repeated say of others: groups, instances of a function, wider fixtures."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

import msgspec

from pytest_leakcheck.model.results import TestVerdict, VerdictName
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.settings import Thresholds
from pytest_leakcheck.model.signals import Outcome
from pytest_leakcheck.screen.fixtures import FixtureCandidate, fixture_candidates
from pytest_leakcheck.screen.floor import Floor
from pytest_leakcheck.screen.nodeids import function_of
from pytest_leakcheck.screen.telling import telling_files, telling_types


def not_judged(nodeid: str, reason: str, outcome: Outcome | Literal["crashed"]) -> TestVerdict:
    return TestVerdict(
        nodeid=nodeid,
        verdict="not judged",
        reason=reason,
        outcome=outcome,
        slopes={},
        basis="one run",
    )


def settle_groups(run: Run, tests: dict[str, TestVerdict], floor: Floor) -> None:
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
    """Whether a candidate has no verdict of repeats yet."""
    return test.basis == "one run" and test.verdict == "unconfirmed"


def _stays_each_time(run: Run, nodeid: str) -> set[str]:
    """The types that a test left on each of its repeats, and what it was seen to leave open."""
    steady = [r for r in run.repeats.get(nodeid, []) if r.phase == "steady"]
    types = set.intersection(*(set(record.types) for record in steady)) if steady else set()
    return types | {resource.what for resource in run.opened_by(nodeid)}


def doubt_kin(tests: dict[str, TestVerdict]) -> None:
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


def spare_fixtures(run: Run, tests: dict[str, TestVerdict], limits: Thresholds) -> None:
    """A wider fixture is not accused of what the test that sets it up leaves by itself, nor of what
    a fixture leaves that runs with it and kept more: each repeat of it runs those, too."""
    leaking = {
        name: candidate
        for name, candidate in fixture_candidates(run.fixtures.values(), limits).items()
        if name in tests and tests[name].verdict == "leak" and tests[name].fingerprints
    }
    for name, candidate in leaking.items():
        prints = set(tests[name].fingerprints)
        kept = _kept_by(candidate)
        others = [n for n, other in leaking.items() if n != name and _kept_by(other) > kept]
        for other in (candidate.nodeid, *others):
            test = tests.get(other)
            if test and test.verdict == "leak" and prints <= set(test.fingerprints):
                why = f"what grows on its repeats is what {other} leaves"
                tests[name] = not_judged(name, why, "passed")
                break


def _kept_by(candidate: FixtureCandidate) -> int:
    """Descriptors, threads and children that a fixture kept after its end, by its own account; its
    C heap tells too little, being full of first uses."""
    balance = candidate.balance
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
    """A candidate that grew like a test of another function, which was accused."""
    what = "leaks" if witness.verdict == "leak" else "leaves what a wider fixture holds"
    return msgspec.structs.replace(
        mine,
        reason=f"{mine.reason}; {witness.nodeid}, which {what}, grew like it",
        resembles=witness.nodeid,
    )


def _third_person(witness: TestVerdict) -> str:
    return witness.reason if witness.reason.startswith("grew") else f"shows: {witness.reason}"
