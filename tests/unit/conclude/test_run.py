"""A whole run: the rule applied to every test, the causes with the tests that show them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from readings import QUIET, repeat, steady

from pytest_leakcheck.conclude.evidence import causes_of
from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import (
    AssignRecord,
    CaptureRecord,
    CauseRecord,
    FixtureRecord,
    RepeatRecord,
    ResourceRecord,
    SkipRecord,
    StartRecord,
    TestRecord,
)
from pytest_leakcheck.model.results import JudgedRun, TestVerdict, VerdictName
from pytest_leakcheck.model.run import Run, Span
from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth, Late, Reading


def cause(holder: str = "app.CACHE[*]", **changes: Any) -> Cause:
    """A cause of a leak."""
    plain: dict[str, Any] = {"fingerprint": "0123456789ab", "kind": "held", "head": "app.Item"}
    return Cause(**{**plain, "holder": holder, **changes})


def traced(*left: int) -> list[RepeatRecord]:
    """Runs under tracemalloc, with the bytes that stayed."""
    return [repeat("traced", n, python_bytes=size) for n, size in enumerate(left)]


def info() -> RunInfo:
    """A run's description."""
    return RunInfo(
        schema=SCHEMA,
        label="before",
        created="2026-01-02T03:04:05Z",
        argv=[],
        rootdir="project",
        settings=msgspec.to_builtins(Settings()),
        python="3.11.7",
        implementation="CPython",
        platform="Linux",
        machine="x86_64",
        cpu_count=2,
        memory_bytes=None,
        packages={},
        environment={},
    )


def swept(nodeid: str, survivors: int = 0, **changes: Any) -> TestRecord:
    """One test's account."""
    plain: dict[str, Any] = {
        "index": 0,
        "outcome": "passed",
        "duration_s": 0.1,
        "reading": Reading(at_s=1.0),
        "growth": Growth(**{**QUIET, "survivors": survivors}),
    }
    return TestRecord(nodeid=nodeid, **{**plain, **changes})


def a_run(*tests: TestRecord, **changes: Any) -> Run:
    """A run of some tests in one process."""
    return Run(folder=Path("run"), info=info(), tests=list(tests), **changes)


def leaking(nodeid: str, survivors: int = 1) -> list[RepeatRecord]:
    """Six repeats that leave objects."""
    return [repeat("steady", n, nodeid, survivors=survivors) for n in range(6)]


def assigned(*nodeids: str, signature: str = "s", witness: str = "") -> dict[str, AssignRecord]:
    """Candidates of one signature, of which one is repeated."""
    return {
        nodeid: AssignRecord(nodeid=nodeid, signature=signature, witness=nodeid == witness)
        for nodeid in nodeids
    }


def verdicts(judged_run: JudgedRun) -> dict[str, TestVerdict]:
    """Verdicts by node id."""
    return {test.nodeid: test for test in judged_run.tests}


def test_a_quiet_test_is_clean() -> None:
    """One run is enough where nothing stays."""
    (test,) = judge_run(a_run(swept("t.py::a"))).tests
    assert (test.verdict, test.basis) == ("clean", "one run")
    assert test.reason == "nothing beyond pytest's own share stays"


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("failed", "its traceback keeps its locals"),
        ("error", "its set-up or teardown failed"),
        ("skipped", "it was skipped"),
        ("xfailed", "it failed as expected"),
        ("xpassed", "it was expected to fail and passed"),
    ],
)
def test_a_test_that_did_not_pass_is_not_judged(outcome: Any, word: str) -> None:
    """Whatever it left, and the reason says which way it went."""
    (test,) = judge_run(a_run(swept("t.py::a", 99, outcome=outcome))).tests
    assert test.verdict == "not judged"
    assert word in test.reason
    assert test.outcome == outcome


@pytest.mark.parametrize(
    ("note", "word"),
    [("gc-frozen", "gc.freeze()"), ("gc-unfrozen", "gc.unfreeze()")],
)
def test_a_disturbed_test_is_not_judged(note: str, word: str) -> None:
    """One sentence says what it did."""
    (test,) = judge_run(a_run(swept("t.py::a", 99, notes=[note]))).tests
    assert test.verdict == "not judged"
    assert word in test.reason


def test_a_candidate_that_was_not_repeated_stays_unconfirmed() -> None:
    """At depth sweep, or when the budget ran out."""
    (test,) = judge_run(a_run(swept("t.py::a", 3))).tests
    assert (test.verdict, test.reason) == (
        "unconfirmed",
        "3 objects survive it; it was not repeated",
    )


def test_late_garbage_of_one_run_has_a_verdict_of_its_own() -> None:
    """Nothing stays, but the peak is raised."""
    late = Late(objects=500, heap_bytes=10**6)
    (test,) = judge_run(a_run(swept("t.py::a", late=late))).tests
    assert test.verdict == "late"


def test_a_repeated_test_has_the_verdict_of_its_repeats() -> None:
    """With its slopes, causes and each repeat's growth."""
    found = CauseRecord(nodeid="t.py::a", cause=cause())
    run = a_run(
        swept("t.py::a", 3),
        repeats={"t.py::a": leaking("t.py::a")},
        causes={"t.py::a": [found]},
    )
    (test,) = judge_run(run).tests
    assert (test.verdict, test.basis) == ("leak", "repeated")
    assert test.fingerprints == ["0123456789ab"]
    assert len(test.repeats) == 6
    assert test.slopes["survivors"].per_run == 1


def test_repeats_do_not_excuse_a_failure_in_the_sweep() -> None:
    """The outcome in the suite comes first."""
    run = a_run(swept("t.py::a", 3, outcome="failed"), repeats={"t.py::a": leaking("t.py::a")})
    (test,) = judge_run(run).tests
    assert test.verdict == "not judged"


def test_a_candidate_that_could_not_be_repeated_says_why() -> None:
    """The confirming process's own sentence is the reason."""
    skip = SkipRecord(nodeid="t.py::a", reason="the process that repeated it was killed by SIGKILL")
    run = a_run(swept("t.py::a", 3), skips={"t.py::a": skip})
    (test,) = judge_run(run).tests
    assert (test.verdict, test.reason) == ("not judged", skip.reason)


def test_repeats_that_were_cut_off_neither_accuse_nor_acquit() -> None:
    """What was still to come, an explanation or more runs, might have said otherwise."""
    quiet = [repeat("steady", n, "t.py::b") for n in range(6)]
    run = a_run(
        swept("t.py::a", 3),
        swept("t.py::b", 3),
        repeats={"t.py::a": leaking("t.py::a"), "t.py::b": quiet},
        unfinished={"t.py::a", "t.py::b"},
    )
    for test in judge_run(run).tests:
        assert (test.verdict, test.basis) == ("unconfirmed", "repeated")
        assert test.reason.startswith("its repeats were cut off; until then: ")


def test_a_wider_fixture_is_judged_in_its_own_name() -> None:
    """It stands among the tests under its name."""
    name = "t.py::db [module fixture]"
    run = a_run(swept("t.py::a"), repeats={name: leaking(name)})
    assert {t.nodeid: t.verdict for t in judge_run(run).tests} == {"t.py::a": "clean", name: "leak"}


def test_a_wider_fixture_that_could_not_be_repeated_says_why() -> None:
    """A skip is told for a fixture as it is for a test."""
    name = "t.py::db [module fixture]"
    skip = SkipRecord(nodeid=name, reason="the process that repeated it was killed by SIGKILL")
    warm = [repeat("warm-up", 0, name, outcome="failed")]
    run = a_run(swept("t.py::a"), repeats={name: warm}, skips={name: skip})
    fixture = verdicts(judge_run(run))[name]
    assert (fixture.verdict, fixture.reason) == ("not judged", skip.reason)


def test_the_empty_test_is_not_among_the_tests() -> None:
    """Its repeats are the floor of the others."""
    nulls = [repeat("null", n, "::null", blocks=7) for n in range(3)]
    quiet = [repeat("steady", n, "t.py::a", blocks=7) for n in range(6)]
    run = a_run(swept("t.py::a", 1), repeats={"::null": nulls, "t.py::a": quiet})
    (test,) = judge_run(run).tests
    assert (test.nodeid, test.verdict) == ("t.py::a", "clean")
    assert test.slopes["blocks"].per_run == 0


def test_members_of_a_signature_get_their_witness_verdict() -> None:
    """And say on which test it rests, with its slopes and causes."""
    run = a_run(
        swept("t.py::t[a]", 3),
        swept("t.py::t[b]", 3),
        swept("t.py::quiet"),
        repeats={"t.py::t[a]": leaking("t.py::t[a]")},
        causes={"t.py::t[a]": [CauseRecord(nodeid="t.py::t[a]", cause=cause())]},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", witness="t.py::t[a]"),
    )
    found = verdicts(judge_run(run))
    assert (found["t.py::t[b]"].verdict, found["t.py::t[b]"].basis) == ("leak", "by signature")
    assert found["t.py::t[b]"].like == "t.py::t[a]"
    assert found["t.py::t[b]"].fingerprints == ["0123456789ab"]
    assert found["t.py::t[b]"].reason.startswith(
        "grew like t.py::t[a], which grew on 6 of 6 repeats"
    )
    assert found["t.py::quiet"].verdict == "clean"


def test_witnesses_that_disagree_speak_for_themselves_only() -> None:
    """A group of mixed verdicts leaves its other members unconfirmed."""
    run = a_run(
        *(swept(f"t.py::{name}", 3) for name in "abc"),
        repeats={
            "t.py::a": leaking("t.py::a"),
            "t.py::b": [repeat("steady", n, "t.py::b") for n in range(3)],
        },
        assigned=assigned("t.py::a", "t.py::b", "t.py::c", witness="t.py::a"),
    )
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::a": "leak", "t.py::b": "settles", "t.py::c": "unconfirmed"}


def test_witnesses_with_different_causes_lend_none() -> None:
    """Alike in type, held by different holders: a member's own holder is not known."""
    run = a_run(
        *(swept(f"t.py::{name}", 3) for name in "abc"),
        repeats={f"t.py::{name}": leaking(f"t.py::{name}") for name in "ab"},
        causes={
            f"t.py::{name}": [
                CauseRecord(nodeid=f"t.py::{name}", cause=cause(fingerprint=name * 12))
            ]
            for name in "ab"
        },
        assigned=assigned("t.py::a", "t.py::b", "t.py::c", witness="t.py::a"),
    )
    assert verdicts(judge_run(run))["t.py::c"].fingerprints == []


@pytest.mark.parametrize(("seen", "verdict"), [("data", "leak"), ("header", "unconfirmed")])
def test_a_file_that_stays_open_is_vouched_for_by_a_witness_that_opens_it(
    seen: str, verdict: str
) -> None:
    """One that was seen to leave something else on each run accuses nobody."""
    opened = ResourceRecord(nodeid="t.py::t[a]", signal="fds", what=f"file {seen}.bin", count=1.0)
    run = a_run(
        *(swept(f"t.py::t[{name}]", 3, opened=["file data.bin"]) for name in "ab"),
        repeats={"t.py::t[a]": leaking("t.py::t[a]")},
        resources={"t.py::t[a]": [opened]},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", witness="t.py::t[a]"),
    )
    assert verdicts(judge_run(run))["t.py::t[b]"].verdict == verdict


def test_a_cache_with_room_is_no_cause_beside_others() -> None:
    """Nor is any other nuisance, where a test leaks."""
    held: dict[str, dict[str, Any]] = {
        "a": {"room": 7, "bounded": True},
        "b": {"bounded": True},
        "c": {},
    }
    causes = [
        CauseRecord(
            nodeid="t.py::t",
            cause=msgspec.structs.replace(cause(f"{name}[*]"), fingerprint=name, **told),
        )
        for name, told in held.items()
    ]
    run = a_run(
        swept("t.py::t", 3),
        repeats={"t.py::t": leaking("t.py::t", survivors=3)},
        causes={"t.py::t": causes},
    )
    assert sorted(verdicts(judge_run(run))["t.py::t"].fingerprints) == ["c"]


def test_a_witness_of_another_function_accuses_nobody() -> None:
    """What one keeps anew on each run the other may have kept once."""
    run = a_run(
        swept("t.py::leaks", 3),
        swept("t.py::caches", 3),
        repeats={"t.py::leaks": leaking("t.py::leaks")},
        assigned=assigned("t.py::leaks", "t.py::caches", witness="t.py::leaks"),
    )
    caches = verdicts(judge_run(run))["t.py::caches"]
    assert (caches.verdict, caches.basis) == ("unconfirmed", "one run")
    assert caches.resembles == "t.py::leaks"
    assert caches.reason.endswith("it was not repeated; t.py::leaks, which leaks, grew like it")


def test_a_witness_whose_wider_fixture_lets_go_is_not_said_to_leak() -> None:
    """Of one who grew like it in another function."""
    run = a_run(
        swept("t.py::holds", 3),
        swept("t.py::caches", 3),
        repeats={"t.py::holds": [*leaking("t.py::holds"), *steady("release", survivors=[0, 0])]},
        assigned=assigned("t.py::holds", "t.py::caches", witness="t.py::holds"),
    )
    found = verdicts(judge_run(run))
    assert found["t.py::holds"].verdict == "held"
    reason = found["t.py::caches"].reason
    assert reason.endswith("t.py::holds, which leaves what a wider fixture holds, grew like it")


def test_who_is_screened_and_never_grows_is_clean_and_a_candidate_settles() -> None:
    """Of the one something stayed once, of the other nothing ever."""
    names = ("t.py::screened", "t.py::candidate")
    run = a_run(
        swept(names[0]),
        swept(names[1], 3),
        repeats={name: [repeat("steady", n, name) for n in range(3)] for name in names},
        assigned=assigned(names[1], witness=names[1]),
    )
    found = verdicts(judge_run(run))
    assert [found[name].verdict for name in names] == ["clean", "settles"]
    assert {found[name].reason for name in names} == {"no growth in 3 repeats"}


def set_up(fixture: str, nodeid: str, fds: int, heap_bytes: int = 50_000) -> list[FixtureRecord]:
    """A module's fixture that keeps so much after its end."""
    common: dict[str, Any] = {"fixture": fixture, "scope": "module", "where": "t.py"}
    common |= {"instance": hash(fixture), "nodeid": nodeid}
    growth = Growth(fds=fds, heap_bytes=heap_bytes)
    return [
        FixtureRecord(phase="setup", growth=growth, **common),
        FixtureRecord(phase="finalise", growth=Growth(fds=0, heap_bytes=0), **common),
    ]


@pytest.mark.parametrize(
    ("test_leaks", "causes", "verdicts_of"),
    [
        (False, ("a", "a"), ("not judged", "leak")),  # the other one keeps descriptors
        (False, ("a", "b"), ("leak", "leak")),
        (True, ("a", "a"), ("not judged", "not judged")),
        (True, ("b", "c"), ("leak", "leak")),
    ],
)
def test_a_fixture_is_not_accused_of_what_another_leaves(
    test_leaks: bool, causes: tuple[str, str], verdicts_of: tuple[str, str]
) -> None:
    """Its repeats run the test, and the fixtures that it uses, too."""
    names = [f"t.py::{fixture} [module fixture]" for fixture in ("user", "store")]
    shown = dict(zip(names, causes, strict=True))
    if test_leaks:
        shown["t.py::a"] = "a"
    run = a_run(
        swept("t.py::a", 3),
        repeats={nodeid: leaking(nodeid) for nodeid in shown},
        causes={
            nodeid: [CauseRecord(nodeid=nodeid, cause=cause(fingerprint=print_ * 12))]
            for nodeid, print_ in shown.items()
        },
        fixtures={"main": [*set_up("user", "t.py::a", 0), *set_up("store", "t.py::a", 4)]},
    )
    found = verdicts(judge_run(run))
    assert tuple(found[name].verdict for name in names) == verdicts_of


def test_who_grew_together_and_was_not_repeated_is_not_cleared() -> None:
    """One of them grew, and nobody knows which."""
    span = Span(("t.py::a", "t.py::b"), "blocks", 500)
    run = a_run(*(swept(f"t.py::{name}") for name in "abc"), spans=[span])
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::a": "unconfirmed", "t.py::b": "unconfirmed", "t.py::c": "clean"}


def test_a_witness_that_fails_does_not_speak_for_its_group() -> None:
    """What is not judged agrees with everything."""
    broken = [repeat("steady", 0, "t.py::t[b]", outcome="failed")]
    run = a_run(
        *(swept(f"t.py::t[{name}]", 3) for name in "abc"),
        repeats={"t.py::t[a]": leaking("t.py::t[a]"), "t.py::t[b]": broken},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", "t.py::t[c]", witness="t.py::t[a]"),
    )
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::t[a]": "leak", "t.py::t[b]": "not judged", "t.py::t[c]": "leak"}


def test_a_failed_member_keeps_its_own_reason() -> None:
    """The witness speaks for the unconfirmed only."""
    run = a_run(
        swept("t.py::a", 3),
        swept("t.py::b", 3, outcome="failed"),
        repeats={"t.py::a": leaking("t.py::a")},
        assigned=assigned("t.py::a", "t.py::b", witness="t.py::a"),
    )
    assert verdicts(judge_run(run))["t.py::b"].verdict == "not judged"


def test_a_crashed_test_is_named() -> None:
    """A process that died while running it leaves a verdict that says so."""
    begun = StartRecord(nodeid="t.py::b", at_s=1.0)
    run = a_run(swept("t.py::a"), cut_off={"gw0": begun, "gw1": None})
    crashed = verdicts(judge_run(run))["t.py::b"]
    assert (crashed.verdict, crashed.outcome) == ("not judged", "crashed")
    assert crashed.reason == "its process died while running it"


def test_causes_are_summed_over_their_witnesses_worst_first() -> None:
    """Each fingerprint once, with its tests, its growth per run and over the whole run."""
    small = cause("app.SMALL[*]", fingerprint="aaaaaaaaaaaa", objects=1, python_bytes=100)
    large = cause("app.LARGE[*]", fingerprint="bbbbbbbbbbbb", objects=2, python_bytes=9000)
    run = a_run(
        *(swept(f"t.py::t[{name}]", 3) for name in "abc"),
        repeats={f"t.py::t[{name}]": leaking(f"t.py::t[{name}]") for name in "ab"},
        causes={
            "t.py::t[a]": [CauseRecord(nodeid="t.py::t[a]", cause=small)],
            "t.py::t[b]": [CauseRecord(nodeid="t.py::t[b]", cause=large)],
        },
        assigned=assigned("t.py::t[b]", "t.py::t[c]", witness="t.py::t[b]"),
    )
    first, second = judge_run(run).causes
    assert first.cause == large
    assert first.witnesses == ["t.py::t[b]", "t.py::t[c]"]
    assert first.total["python_bytes"] == 18_000
    assert first.slopes["survivors"].per_run == 2
    assert second.witnesses == ["t.py::t[a]"]


def test_what_a_trace_saw_for_one_run_hides_no_native_cause() -> None:
    """Python objects would cost blocks, or be in the C heap."""
    site = Site(
        file="store.abi3.so", line=0, bytes=338, blocks=7, native=True, library="store.abi3.so"
    )
    capture = CaptureRecord(nodeid="t.py::a", capture="a.bin", runs=2, sites=[site])

    def heads(blocks: list[int]) -> list[str]:
        repeats = [*steady(heap_bytes=[384] * 6, blocks=blocks), *traced(1056, 1056)]
        repeats = [msgspec.structs.replace(record, nodeid="t.py::a") for record in repeats]
        run = a_run(swept("t.py::a"), repeats={"t.py::a": repeats}, captures={"t.py::a": [capture]})
        return [found.head for found in causes_of(run, "t.py::a")]

    assert heads([-15, 0, 15, -15, 0, 15]) == ["code in store.abi3.so"]
    assert heads([4] * 6) == []


def test_what_no_cause_keeps_alone_is_counted_beside_each() -> None:
    """Two holders of one thing: to mend one of them releases nothing."""
    kept = [cause("app.A[*]", fingerprint="a" * 12, objects=1)]
    kept.append(cause("app.B[*]", fingerprint="b" * 12, objects=2))
    steady_runs = [repeat("steady", n, "t.py::a", survivors=55, blocks=60) for n in range(6)]

    def shared(causes: Sequence[Cause]) -> list[int]:
        run = a_run(
            swept("t.py::a", 55),
            repeats={"t.py::a": steady_runs},
            causes={"t.py::a": [CauseRecord(nodeid="t.py::a", cause=c) for c in causes]},
        )
        return [summary.shared for summary in judge_run(run).causes]

    assert shared(kept) == [52, 52]
    assert shared(kept[:1]) == [0]


def test_each_witness_counts_with_its_own_share_of_a_cause() -> None:
    """Which of them is shown depends on the objects that it leaves, not on the heap's noise."""
    shares = {"t.py::a": 8, "t.py::b": 4, "t.py::c": 6}
    run = a_run(
        *(swept(nodeid, 3) for nodeid in shares),
        repeats={nodeid: leaking(nodeid) for nodeid in shares},
        causes={
            nodeid: [
                CauseRecord(nodeid=nodeid, cause=cause(objects=objects, python_bytes=100 * objects))
            ]
            for nodeid, objects in shares.items()
        },
    )
    (summary,) = judge_run(run).causes
    assert summary.witnesses == ["t.py::c", "t.py::a", "t.py::b"]
    assert summary.total["python_bytes"] == 1800
    assert summary.slopes["survivors"].per_run == 6


def test_a_cause_of_a_test_that_settles_is_not_told() -> None:
    """Causes are those of leaks and of what wider fixtures hold."""
    run = a_run(
        swept("t.py::a", 3),
        repeats={"t.py::a": [repeat("steady", n, "t.py::a") for n in range(3)]},
        causes={"t.py::a": [CauseRecord(nodeid="t.py::a", cause=cause())]},
    )
    assert judge_run(run).causes == []


def test_verdicts_are_sorted_and_the_same_each_time() -> None:
    """The same records give the same judgement, in node id order."""
    run = a_run(*(swept(f"t.py::{name}", n) for n, name in enumerate("cab")))
    first = judge_run(run)
    assert first == judge_run(run)
    assert [t.nodeid for t in first.tests] == ["t.py::a", "t.py::b", "t.py::c"]


POOL = {"pool.Record": 1, "sqlite3.Connection": 1}


@pytest.mark.parametrize(
    ("on_each", "verdict"),
    [(POOL, "leak"), ({"dict": 5, "pool.Record": 1}, "leak"), ({"dict": 5}, "unconfirmed")],
)
def test_a_witness_accuses_for_what_both_have_left(
    on_each: dict[str, int], verdict: VerdictName
) -> None:
    """Both left a connection in the suite; the witness then leaks something else on each run."""
    repeated = [
        msgspec.structs.replace(record, types=on_each | {f"other.{record.number}": 1})
        for record in leaking("t.py::t[a]")
    ]
    run = a_run(
        swept("t.py::t[a]", 3, types=POOL),
        swept("t.py::t[b]", 3, types=POOL),
        repeats={"t.py::t[a]": repeated},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", witness="t.py::t[a]"),
    )
    assert verdicts(judge_run(run))["t.py::t[b]"].verdict == verdict


def test_nobody_is_accused_while_a_witness_has_still_to_be_heard() -> None:
    """The time for repeats was over before the second one."""
    chosen = {
        f"t.py::{name}": AssignRecord(nodeid=f"t.py::{name}", signature="s", witness=name != "c")
        for name in "abc"
    }
    run = a_run(
        *(swept(f"t.py::{name}", 3) for name in "abc"),
        repeats={"t.py::a": leaking("t.py::a")},
        assigned=chosen,
    )
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::a": "leak", "t.py::b": "unconfirmed", "t.py::c": "unconfirmed"}
