"""What a failed test left open for good: counted only where nothing else can explain it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.conclude.unjudged_resources import left_open
from pytest_leakcheck.model.journal_lines import FixtureRecord, LedgerRecord, TestRecord
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth, Outcome, Reading

FAILED = {"failed": "it failed"}
FIRST = 10
"""Descriptors that are open before the first test."""


@dataclass
class Step:
    """One test: what it leaves itself, what fixtures move meanwhile, what a collection frees."""

    own: int = 0
    fixture: int = 0
    collected: int = 0
    """Freed by a collection of the whole heap after it."""
    outcome: Outcome = "passed"


def run_of(*steps: Step, end: int = 0, signal: str = "fds", ledger: bool = True) -> Run:
    """A run of these tests, as the sweep would record it.

    Args:
        end: what the collection at the process's end moves.
    """
    run = Run(folder=Path("run"), info=info())
    level, records, fixtures = FIRST, [], []
    for index, step in enumerate(steps):
        level += step.own + step.fixture
        nodeid = f"t.py::test_{index}"
        records.append(
            TestRecord(
                nodeid=nodeid,
                index=index,
                outcome=step.outcome,
                duration_s=0.1,
                reading=Reading(at_s=index, **{signal: level}),
                growth=Growth(**{signal: step.own}),
            )
        )
        if step.fixture:
            fixtures.append(moved(nodeid, Growth(**{signal: step.fixture})))
        level -= step.collected
    run.tests = records
    run.order["main"] = records
    run.fixtures["main"] = fixtures
    if ledger:
        zero, whole = Growth(), Growth(**{signal: level + end - FIRST})
        run.ledgers["main"] = LedgerRecord(
            process=whole, tests=zero, fixtures=zero, pytest=zero, collected=zero
        )
    return run


def moved(nodeid: str, growth: Growth) -> FixtureRecord:
    """A wider fixture was set up, or ended."""
    phase: Any = "setup" if (growth.fds or 0) > 0 else "finalise"
    return FixtureRecord(
        fixture="f",
        scope="module",
        where="t.py",
        instance=1,
        phase=phase,
        nodeid=nodeid,
        growth=growth,
    )


def info() -> RunInfo:
    """A run's description."""
    return RunInfo(
        schema=SCHEMA,
        label="run",
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


def failed(own: int = 0, **changes: int) -> Step:
    """A test that fails."""
    return Step(own, outcome="failed", **changes)


STAYED = "3 more file descriptors than before it stayed until its process ended"


@pytest.mark.parametrize(
    ("steps", "end", "words"),
    [
        ([failed(3)], 0, STAYED),
        ([Step(), failed(3), Step(), Step()], 0, STAYED),
        ([Step(2), failed(3), Step(5), Step(-5)], 0, STAYED),
        (
            [failed(1), Step()],
            0,
            STAYED.replace("3 more file descriptors", "1 more file descriptor"),
        ),
        # What goes later: with the next test, a later one, a collection, or at the end.
        ([failed(3), Step(-3)], 0, None),
        ([failed(3), Step(), Step(-3), Step(3)], 0, None),
        ([failed(3, collected=3), Step()], 0, None),
        ([failed(3), Step()], -3, None),
        ([failed(5), Step(), Step(-2)], 0, STAYED),
        # What wider fixtures take and give back is theirs.
        ([Step(fixture=4), failed(3), Step(fixture=-4)], 0, STAYED),
        ([failed(3, fixture=4), Step(fixture=-4)], 0, STAYED),
        ([Step(fixture=4), failed(3, fixture=-4)], 0, STAYED),
        ([failed(3), Step(-3, fixture=4)], 0, None),
        ([failed(0, fixture=4), Step()], 0, None),
        # Others' growth is not a failed test's.
        ([Step(3), failed(0), Step(3)], 0, None),
        ([failed(-1), Step(3)], 0, None),
    ],
)
def test_what_stays_until_the_end(steps: Sequence[Step], end: int, words: str | None) -> None:
    """Only what never goes away again, whatever else moves."""
    told = left_open(run_of(*steps, end=end), FAILED)
    at = next(index for index, step in enumerate(steps) if step.outcome == "failed")
    assert told == ({} if words is None else {f"t.py::test_{at}": words})


STEPS = st.builds(
    Step,
    own=st.integers(-3, 3),
    fixture=st.integers(-3, 3),
    collected=st.integers(0, 2),
    outcome=st.sampled_from(["passed", "failed"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=8), st.integers(-4, 2))
def test_never_more_than_it_took_nor_than_the_process_has(steps: list[Step], end: int) -> None:
    """Whatever happens around it: no more than its own growth, and than the growth from it on."""
    run = run_of(*steps, end=end)
    for nodeid, words in left_open(run, FAILED).items():
        at = int(nodeid.rpartition("_")[2])
        count = int(words.split()[0])
        assert steps[at].outcome == "failed"
        assert 0 < count <= steps[at].own
        since = steps[at].own - sum(step.collected for step in steps[at:])
        assert count <= since + sum(step.own for step in steps[at + 1 :]) + end


def test_a_process_that_did_not_end_says_nothing() -> None:
    """Nobody knows what it would have given back."""
    assert left_open(run_of(failed(3), ledger=False), FAILED) == {}


def test_a_test_that_ran_twice_in_one_process_makes_it_uncertain() -> None:
    """Its fixtures' records do not say which run they belong to."""
    run = run_of(failed(3), Step())
    run.order["main"] = [*run.order["main"], run.order["main"][0]]
    assert left_open(run, FAILED) == {}


def test_a_signal_that_is_not_seen_here_says_nothing() -> None:
    """As on platforms without it."""
    run = run_of(failed(3), signal="heap_bytes")
    assert left_open(run, FAILED) == {}


def test_several_resources_are_listed() -> None:
    """Threads and children too."""
    run = run_of(failed(3))
    (record,) = run.tests
    both = {"threads": 1, "children": 2}
    reading = msgspec.structs.replace(record.reading, threads=5, children=2)
    growth = msgspec.structs.replace(record.growth, **both)
    run.order["main"] = [msgspec.structs.replace(record, reading=reading, growth=growth)]
    ledger = run.ledgers["main"]
    process = msgspec.structs.replace(ledger.process, **both)
    run.ledgers["main"] = msgspec.structs.replace(ledger, process=process)
    assert left_open(run, FAILED)["t.py::test_0"] == (
        "3 more file descriptors, 1 more thread and 2 more child processes than before it stayed "
        "until its process ended"
    )


def test_the_reason_of_a_test_that_is_not_judged_says_it() -> None:
    """The verdict stays what it was; a test that passed is judged by its repeats alone."""
    judged = judge_run(run_of(failed(3), Step(3), Step(2, outcome="xfailed")))
    first, second, third = judged.tests
    assert (first.verdict, second.verdict, third.verdict) == (
        "not judged",
        "unconfirmed",
        "not judged",
    )
    assert first.reason == f"it failed, and its traceback keeps its locals; {STAYED}"
    assert STAYED not in second.reason
    assert "2 more file descriptors" in third.reason
