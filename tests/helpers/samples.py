"""Runs as the plugin would leave them, small or large: the subject of the report's tests.

``chroma_run`` is a suite of a retrieval project that leaks through Chroma's registry, a cache of
a module, a patch that is never stopped and a native extension, beside late garbage, caches that
settle and clean tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from pytest_leakcheck.model.causes import Cause, Content, Site, Step
from pytest_leakcheck.model.journal_lines import (
    AssignRecord,
    CaptureRecord,
    CauseRecord,
    CycleRecord,
    EndRecord,
    EventRecord,
    FixtureRecord,
    LedgerRecord,
    RepeatRecord,
    ResourceRecord,
    SkipRecord,
    StartRecord,
    TestRecord,
)
from pytest_leakcheck.model.results import CauseSummary, JudgedRun, TestVerdict, VerdictName
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.model.signals import Growth, Late, Reading, Slope
from pytest_leakcheck.store.folder import write_info
from pytest_leakcheck.store.journal import Journal

KIB, MIB = 1024, 1024**2

REGISTRY = Cause(
    fingerprint="3f9c1a77b2e0",
    kind="held",
    head="chromadb.config.System",
    holder="chromadb.api.shared_system_client.SharedSystemClient._identifier_to_system[*]",
    steps=[
        Step(
            edge="",
            generic="",
            type="module",
            label="chromadb.api.shared_system_client",
            status="expected",
            reason="a module lives as long as the process",
        ),
        Step(
            edge=".SharedSystemClient",
            generic=".SharedSystemClient",
            type="class",
            label="SharedSystemClient",
            status="expected",
            reason="a class of a module",
        ),
        Step(
            edge="._identifier_to_system",
            generic="._identifier_to_system",
            type="dict",
            status="expected",
            reason="older than the test, grows by 1 per run",
            suspect=True,
        ),
        Step(
            edge="['/home/alice/project/.chroma/test_1']",
            generic="[*]",
            type="chromadb.config.System",
            status="stuck",
            reason="born in the test, alive after it",
            suspect=True,
        ),
    ],
    objects=18,
    python_bytes=6_200,
    contents=[
        Content(
            path="._instances['RustBindingsAPI'].bindings", type="builtins.Bindings", bytes=1424
        ),
        Content(path=".settings", type="chromadb.config.Settings", bytes=2_816),
    ],
    sites=[
        Site(
            file="/home/alice/project/src/rag/store.py",
            line=41,
            function="ChromaVectorStore.__init__",
            bytes=6_200,
            blocks=52,
            stack=[
                "retriever (tests/conftest.py:18)",
                "call_fixture_func (_pytest/fixtures.py:902)",
            ],
        ),
        Site(
            file="chromadb_rust_bindings.abi3.so",
            line=0,
            function="rust_sysdb::sqlite::SqliteSysDb::new",
            bytes=5_290_000,
            blocks=1_204,
            native=True,
        ),
    ],
    known="chroma-system-registry",
    what="Every PersistentClient registers a System that outlives the client.",
    remedy="Call client.close() (chromadb 1.5.2 or newer); setting it to None lets nothing go.",
    link="https://github.com/chroma-core/chroma/issues/5868",
    extension=True,
)

CACHE = Cause(
    fingerprint="90ab12cd34ef",
    kind="container",
    head="bytes",
    holder="rag.cache._PAGES[*]",
    steps=[
        Step(edge="", generic="", type="module", label="rag.cache", status="expected"),
        Step(edge="._PAGES", generic="._PAGES", type="dict", status="expected", suspect=True),
        Step(edge="['doc-7']", generic="[*]", type="bytes", status="stuck", suspect=True),
    ],
    objects=0,
    python_bytes=9_249,
    sites=[Site(file="src/rag/cache.py", line=12, function="remember", bytes=9_249, blocks=1)],
)

PATCH = Cause(
    fingerprint="5511aa0077fe",
    kind="held",
    head="unittest.mock.MagicMock",
    holder="unittest.mock._patch._active_patches[*]",
    label="rag.embedder.embed",
    steps=[
        Step(edge="", generic="", type="class", label="unittest.mock._patch", status="expected"),
        Step(edge="._active_patches", generic="._active_patches", type="list", suspect=True),
        Step(edge="[3]", generic="[*]", type="unittest.mock._patch", status="stuck"),
        Step(edge=".new", generic=".new", type="unittest.mock.MagicMock", status="stuck"),
    ],
    objects=93,
    python_bytes=13_003,
    contents=[Content(path="._mock_mock_calls[0][1]['payload']", type="bytes", bytes=102_400)],
    known="mock-patch-not-stopped",
    what="A patch that was started and never stopped keeps its mock and all recorded calls.",
    remedy="Use the patch as a decorator or context manager, or call stopall() in a fixture.",
    link="https://docs.python.org/3/library/unittest.mock.html#patch-methods-start-and-stop",
)

NATIVE = Cause(
    fingerprint="e0e0e0c4c4c4",
    kind="native",
    head="parse_document",
    holder="",
    sites=[Site(file="libpdfium.so", line=0, function="parse_document", bytes=40_960, native=True)],
)

SLOPES: dict[str, dict[str, Slope]] = {
    REGISTRY.fingerprint: {
        "heap_bytes": Slope(per_run=5.3 * MIB, low=5.2 * MIB, high=5.4 * MIB, runs=12),
        "rss_bytes": Slope(per_run=5.35 * MIB, low=5.0 * MIB, high=5.7 * MIB, runs=12),
        "survivors": Slope(per_run=18, low=18, high=18, runs=12),
        "blocks": Slope(per_run=52, low=50, high=54, runs=12),
        "fds": Slope(per_run=12, low=11.5, high=12.5, runs=12),
        "threads": Slope(per_run=6.5, low=6.0, high=7.0, runs=12),
    },
    CACHE.fingerprint: {
        "heap_bytes": Slope(per_run=9_249, low=9_249, high=9_249, runs=12),
        "rss_bytes": Slope(per_run=9_400, low=-4_096, high=22_000, runs=12),
        "survivors": Slope(per_run=0, low=0, high=0, runs=12),
        "blocks": Slope(per_run=2, low=2, high=2, runs=12),
    },
    PATCH.fingerprint: {
        "heap_bytes": Slope(per_run=115_403, low=115_300, high=115_500, runs=12),
        "survivors": Slope(per_run=93, low=93, high=93, runs=12),
        "blocks": Slope(per_run=412, low=410, high=414, runs=12),
    },
    NATIVE.fingerprint: {
        "heap_bytes": Slope(per_run=40_960, low=40_960, high=40_960, runs=12),
        "survivors": Slope(per_run=0, low=0, high=0, runs=12),
        "blocks": Slope(per_run=0, low=-1, high=1, runs=12),
    },
}
CAUSES = {cause.fingerprint: cause for cause in (REGISTRY, CACHE, PATCH, NATIVE)}


def info(label: str = "before", **changes: object) -> RunInfo:
    """What ``run.json`` would say; ``changes`` replace single fields."""
    plain = RunInfo(
        schema=SCHEMA,
        label=label,
        created="2026-11-22T10:24:42+00:00",
        argv=["pytest", "--leakcheck", f"--leakcheck-label={label}", "tests"],
        rootdir="rag_project",
        settings={"depth": "default", "repeats": 12, "warmups": 3, "dir": ".leakcheck"},
        python="3.11.7",
        implementation="CPython",
        platform="Linux-6.18-x86_64-with-glibc2.36",
        machine="x86_64",
        cpu_count=2,
        memory_bytes=16 * 1024**3,
        packages={"chromadb": "1.5.1", "pytest": "9.2.0", "numpy": "2.4.6"},
        environment={"PYTHONMALLOC": "", "HOME_CACHE": "/home/alice/.cache/rag"},
        git_revision="4f2c1a9",
        git_dirty=False,
        workers=2,
        probes={
            "rss_bytes": "/proc/self/statm",
            "heap_bytes": "mallinfo2 (glibc)",
            "blocks": "sys.getallocatedblocks",
            "fds": "/proc/self/fd",
            "python_bytes": "not seen: tracemalloc runs with --leakcheck-depth=full",
        },
    )
    return msgspec.structs.replace(plain, **changes)


@dataclass
class Plan:
    """What one test of the sample shows."""

    nodeid: str
    verdict: VerdictName
    fingerprint: str = ""


def plans(tests: int, leaking: frozenset[str]) -> list[Plan]:
    """A suite of ``tests`` tests whose leaks are those of ``leaking`` fingerprints."""
    found: list[Plan] = []
    for number in range(tests):
        module = ("store", "cache", "retrieval", "converters", "models")[number // 40 % 5]
        file = f"tests/{module}/test_{module}_{number // 200}.py"
        nodeid = f"{file}::TestIt::test_{number}[case-{number % 7}]"
        verdict: VerdictName = "clean"
        fingerprint = ""
        if number % 5 == 1:
            verdict, fingerprint = "leak", REGISTRY.fingerprint
        elif number % 40 == 2:
            verdict, fingerprint = "leak", CACHE.fingerprint
        elif number % 40 == 3:
            verdict, fingerprint = "leak", PATCH.fingerprint
        elif number % 160 == 4:
            verdict, fingerprint = "leak", NATIVE.fingerprint
        elif number % 20 == 5:
            verdict = "late"
        elif number % 33 == 6:
            verdict = "settles"
        elif number % 90 == 7:
            verdict = "held"
        elif number % 50 == 8:
            verdict = "not judged"
        elif number % 120 == 9:
            verdict = "unconfirmed"
        if fingerprint and fingerprint not in leaking:
            verdict, fingerprint = "clean", ""
        found.append(Plan(nodeid, verdict, fingerprint))
    return found


def verdict_of(plan: Plan, number: int) -> TestVerdict:
    """The judgement that belongs to a plan."""
    slopes = SLOPES.get(plan.fingerprint) or {
        "heap_bytes": Slope(per_run=float(number % 13 * 16)),
        "survivors": Slope(per_run=float(plan.verdict == "unconfirmed") * 52),
        "blocks": Slope(per_run=float(number % 3)),
    }
    leak = plan.verdict == "leak"
    heap = slopes["heap_bytes"].per_run
    return TestVerdict(
        nodeid=plan.nodeid,
        verdict=plan.verdict,
        reason=REASONS[plan.verdict],
        outcome="failed" if plan.verdict == "not judged" else "passed",
        slopes=slopes,
        basis="repeated" if leak and number % 3 else "by signature" if leak else "one run",
        like="tests/store/test_store_0.py::TestIt::test_1[case-1]"
        if leak and not number % 3
        else "",
        fingerprints=[plan.fingerprint] if plan.fingerprint else [],
        late=Late(objects=1204 + number, heap_bytes=number * 100)
        if plan.verdict == "late"
        else Late(),
        repeats=[
            Growth(
                heap_bytes=int(heap * (1 + (step % 3 - 1) * 0.01)),
                survivors=int(slopes["survivors"].per_run),
                blocks=int(slopes["blocks"].per_run),
            )
            for step in range(12)
        ]
        if leak and number % 3
        else [],
    )


REASONS: dict[VerdictName, str] = {
    "leak": "grows on every one of 12 repeats, by C heap and survivors",
    "clean": "nothing stayed in the sweep",
    "late": "only cyclic garbage: a collection gave it all back",
    "settles": "grew in the first 2 of 12 repeats, then stopped",
    "held": "fixture store (module) holds it until its finaliser",
    "not judged": "the test failed",
    "unconfirmed": "grew by 52 objects once; the repeats disagree",
}


def chroma_run(
    label: str = "before",
    *,
    tests: int = 60,
    leaking: frozenset[str] = frozenset(CAUSES),
    workers: int = 2,
    killed: bool = False,
) -> tuple[Run, JudgedRun]:
    """A run of the sample suite and its judgement; ``killed`` cuts one worker off."""
    planned = plans(tests, leaking)
    run = Run(folder=Path(".leakcheck") / label, info=info(label, workers=workers))
    names = [f"gw{number}" for number in range(workers)] or ["main"]
    rss = dict.fromkeys(names, 118 * MIB)
    verdicts = []
    for number, plan in enumerate(planned):
        verdict = verdict_of(plan, number)
        verdicts.append(verdict)
        worker = names[number % len(names)]
        grew = int(verdict.slopes["heap_bytes"].per_run)
        rss[worker] += grew
        _one_test(run, worker, verdict, number, rss[worker])
    _ledgers(run, rss)
    _evidence(run, planned)
    for verdict in verdicts:
        _repeats(run, verdict)
    if killed:
        start = StartRecord(
            nodeid="tests/store/test_big.py::test_killed", at_s=99.0, rss_bytes=9 * 1024**3
        )
        run.starts[names[-1]].append(start)
        run.cut_off[names[-1]] = start
        run.damaged[f"journal-{names[-1]}.jsonl"] = 1
    verdicts.sort(key=lambda verdict: verdict.nodeid)
    return run, JudgedRun(info=run.info, tests=verdicts, causes=summaries(verdicts))


def swept(nodeid: str, index: int) -> TestRecord:
    """The account of a test that leaves nothing."""
    return TestRecord(
        nodeid=nodeid,
        index=index,
        outcome="passed",
        duration_s=0.1,
        reading=Reading(at_s=1.0),
        growth=Growth(),
    )


def _one_test(run: Run, worker: str, verdict: TestVerdict, number: int, rss: int) -> None:
    grew = int(verdict.slopes["heap_bytes"].per_run)
    record = TestRecord(
        nodeid=verdict.nodeid,
        index=len(run.order.get(worker, ())),
        outcome="failed" if verdict.outcome == "failed" else "passed",
        duration_s=0.01 + number % 17 / 100,
        reading=Reading(at_s=number * 0.05, rss_bytes=rss, heap_bytes=rss // 2, fds=20),
        growth=Growth(
            rss_bytes=grew,
            heap_bytes=grew,
            blocks=number % 3,
            survivors=int(verdict.slopes["survivors"].per_run),
            fds=0,
            threads=0,
        ),
        late=verdict.late,
        peak_growth_bytes=grew + 64 * KIB,
    )
    start = StartRecord(nodeid=verdict.nodeid, at_s=number * 0.05, rss_bytes=rss - grew)
    run.starts.setdefault(worker, []).append(start)
    run.tests.append(record)
    run.order.setdefault(worker, []).append(record)


def _ledgers(run: Run, rss: dict[str, int]) -> None:
    for worker, reached in rss.items():
        grown = reached - 118 * MIB
        run.ledgers[worker] = LedgerRecord(
            process=Growth(rss_bytes=grown + 3 * MIB, heap_bytes=grown + 2 * MIB, fds=40),
            tests=Growth(rss_bytes=grown, heap_bytes=grown, fds=36),
            fixtures=Growth(rss_bytes=2 * MIB, heap_bytes=MIB, fds=4),
            pytest=Growth(rss_bytes=800 * KIB, heap_bytes=800 * KIB, fds=0),
            collected=Growth(rss_bytes=-300 * KIB, heap_bytes=-300 * KIB, fds=0),
            tests_run=len(run.order.get(worker, ())),
            full_collections=5,
            harness_s=0.42,
        )
        for phase, sign in (("setup", 1), ("finalise", -1)):
            run.fixtures.setdefault(worker, []).append(
                FixtureRecord(
                    fixture="store",
                    scope="module",
                    where="tests/store/conftest.py",
                    instance=1,
                    phase=phase,  # type: ignore[arg-type]
                    nodeid="tests/store/test_store_0.py::TestIt::test_1[case-1]",
                    growth=Growth(
                        heap_bytes=sign * 3 * MIB + 40 * KIB, rss_bytes=sign * 3 * MIB, fds=sign * 4
                    ),
                )
            )


def _evidence(run: Run, planned: list[Plan]) -> None:
    for number, plan in enumerate(planned):
        if plan.fingerprint and number % 3:
            cause = CAUSES[plan.fingerprint]
            run.causes.setdefault(plan.nodeid, []).append(
                CauseRecord(nodeid=plan.nodeid, cause=cause)
            )
    leaks = [plan for plan in planned if plan.fingerprint == REGISTRY.fingerprint]
    if leaks:
        first = leaks[0].nodeid
        run.captures[first] = [
            CaptureRecord(nodeid=first, capture="c/1.bin", flamegraph="captures/one test.html")
        ]
    run.events.append(
        EventRecord(
            slug="tracer-taken", sentence="memray was running already, so no stacks were taken."
        )
    )
    for plan in planned:
        if plan.verdict == "not judged":
            run.skips[plan.nodeid] = SkipRecord(nodeid=plan.nodeid, reason="the test failed")
        if plan.verdict == "late":
            run.cycles[plan.nodeid] = [_cycle(plan.nodeid)]


def _repeats(run: Run, verdict: TestVerdict) -> None:
    for number, growth in enumerate(verdict.repeats):
        record = RepeatRecord(nodeid=verdict.nodeid, phase="steady", number=number, growth=growth)
        run.repeats.setdefault(verdict.nodeid, []).append(record)
    if verdict.fingerprints:
        run.assigned[verdict.nodeid] = AssignRecord(
            nodeid=verdict.nodeid,
            signature=verdict.fingerprints[0],
            witness=verdict.basis == "repeated",
        )


def _cycle(nodeid: str) -> CycleRecord:
    return CycleRecord(
        nodeid=nodeid,
        objects=1_204,
        python_bytes=98_304,
        types={"dict": 800, "unittest.mock.MagicMock": 44},
        cycles=[
            [
                Step(edge="", generic="", type="rag.models.Node", label="root"),
                Step(edge=".children", generic=".children", type="list"),
                Step(edge="[0]", generic="[*]", type="rag.models.Node"),
                Step(edge=".parent", generic=".parent", type="rag.models.Node", suspect=True),
            ]
        ],
    )


OPENED = [
    ResourceRecord(
        nodeid="tests/store/test_store_0.py::TestIt::test_1[case-1]",
        signal="fds",
        what="file chroma.sqlite3",
        count=9.0,
        site=Site(
            file="rag/store.py",
            line=41,
            function="ChromaVectorStore.__init__",
            stack=["rust.Bindings (compiled code)", "ChromaVectorStore.__init__ (rag/store.py:41)"],
        ),
    ),
    ResourceRecord(nodeid="t", signal="threads", what="thread tokio", count=6.5),
]


def summaries(verdicts: list[TestVerdict]) -> list[CauseSummary]:
    """Causes over the run, worst first."""
    found = []
    for fingerprint, cause in CAUSES.items():
        witnesses = [v.nodeid for v in verdicts if fingerprint in v.fingerprints]
        if witnesses:
            slopes = SLOPES[fingerprint]
            total = {name: slope.per_run * len(witnesses) for name, slope in slopes.items()}
            summary = CauseSummary(cause=cause, witnesses=witnesses, slopes=slopes, total=total)
            if cause is REGISTRY:
                summary = msgspec.structs.replace(summary, opened=OPENED)
            found.append(summary)
    return sorted(found, key=lambda summary: -summary.total["heap_bytes"])


def renamed(judged: JudgedRun, names: dict[str, str]) -> JudgedRun:
    """The same judgement under other node ids."""
    tests = [
        msgspec.structs.replace(test, nodeid=names.get(test.nodeid, test.nodeid))
        for test in judged.tests
    ]
    causes = [
        msgspec.structs.replace(c, witnesses=[names.get(w, w) for w in c.witnesses])
        for c in judged.causes
    ]
    tests.sort(key=lambda test: test.nodeid)
    return msgspec.structs.replace(judged, tests=tests, causes=causes)


def slower(judged: JudgedRun, fingerprint: str, factor: float) -> JudgedRun:
    """The same judgement with one cause's growth, and its tests', times ``factor``."""

    def scaled(slopes: dict[str, Slope]) -> dict[str, Slope]:
        return {
            name: Slope(
                per_run=slope.per_run * factor,
                low=None if slope.low is None else slope.low * factor,
                high=None if slope.high is None else slope.high * factor,
                runs=slope.runs,
            )
            for name, slope in slopes.items()
        }

    tests = [
        msgspec.structs.replace(test, slopes=scaled(test.slopes))
        if fingerprint in test.fingerprints
        else test
        for test in judged.tests
    ]
    causes = [
        msgspec.structs.replace(
            c,
            slopes=scaled(c.slopes),
            total={name: total * factor for name, total in c.total.items()},
        )
        if c.cause.fingerprint == fingerprint
        else c
        for c in judged.causes
    ]
    return msgspec.structs.replace(judged, tests=tests, causes=causes)


def write_run(run: Run, folder: Path) -> Path:
    """Write a sample as the plugin would, for the command line to read."""
    write_info(folder, run.info)
    for worker, tests in run.order.items():
        journal = Journal(folder, worker)
        for start, test in zip(run.starts[worker], tests, strict=False):
            journal.append(start)
            journal.append(test)
        for fixture in run.fixtures.get(worker, ()):
            journal.append(fixture)
        if worker in run.ledgers:
            journal.append(run.ledgers[worker])
        journal.append(EndRecord(tests_run=len(tests), at_s=9.0))
        journal.close()
    journal = Journal(folder, "confirm")
    for records in (run.causes, run.cycles, run.captures, run.repeats):
        for found in records.values():
            for record in found:
                journal.append(record)
    for assigned in run.assigned.values():
        journal.append(assigned)
    for skip in run.skips.values():
        journal.append(skip)
    journal.close()
    return folder
