"""Runs → growth tables (pandas). Imported by the command line and the reports only.

Numbers are exact, in the units of :mod:`pytest_leakcheck.model.signals`; an empty cell is
*not seen*.
Columns of one state are called ``<state>.<field>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from pytest_leakcheck.compare.marks import CauseSide, is_judged, mark, mark_cause
from pytest_leakcheck.conclude.run import cause_verdicts
from pytest_leakcheck.model.errors import UsageError
from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.results import CauseSummary, JudgedRun, TestVerdict
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.signals import SIGNALS


@dataclass(frozen=True, slots=True)
class State:
    """One run under a name of its own within a comparison."""

    label: str
    run: Run
    judged: JudgedRun


def as_states(runs: Iterable[tuple[Run, JudgedRun]]) -> list[State]:
    """Name each run by its label; the second ``before`` becomes ``before (2)``."""
    states: list[State] = []
    taken: set[str] = set()
    for run, judged in runs:
        label, number = judged.info.label, 1
        while label in taken:
            number += 1
            label = f"{judged.info.label} ({number})"
        taken.add(label)
        states.append(State(label, run, judged))
    return states


def check_comparable(states: Sequence[State]) -> None:
    """See that there is something to compare.

    Raises:
        UsageError: fewer than two runs, or a run without any test of the first.
    """
    if len(states) < 2:
        raise UsageError("A comparison needs two runs or more: name them in order, first to last.")
    first = {test.nodeid for test in states[0].judged.tests}
    for state in states[1:]:
        if first.isdisjoint(test.nodeid for test in state.judged.tests):
            raise UsageError(
                f"The runs {states[0].label} and {state.label} have no test in common, "
                "so there is nothing to compare: measure the same tests in both."
            )


def last_records(run: Run) -> dict[str, TestRecord]:
    """Node id → its account in the sweep; the last one where a test ran twice."""
    return {record.nodeid: record for record in run.tests}


def worker_of(run: Run) -> dict[str, str]:
    """Node id → the worker that ran it."""
    return {record.nodeid: worker for worker, records in run.order.items() for record in records}


def cause_by_fingerprint(judged: JudgedRun) -> dict[str, CauseSummary]:
    """Fingerprint → its summary."""
    return {summary.cause.fingerprint: summary for summary in judged.causes}


def test_table(judged: JudgedRun, run: Run) -> pd.DataFrame:
    """One row per test, in order of node id: O(tests).

    Growth per run stands in a column per signal (``heap_bytes``), its interval in
    ``heap_bytes_low`` and ``heap_bytes_high``.
    """
    tests = judged.tests
    records = last_records(run)
    workers = worker_of(run)
    causes = cause_by_fingerprint(judged)
    accounts = [records.get(test.nodeid) for test in tests]
    columns: dict[str, Any] = {
        "nodeid": [test.nodeid for test in tests],
        "verdict": [test.verdict for test in tests],
        "outcome": [test.outcome for test in tests],
        "basis": [test.basis for test in tests],
        "reason": [test.reason for test in tests],
        "like": [test.like for test in tests],
    }
    for signal in SIGNALS:
        slopes = [test.slopes.get(signal) for test in tests]
        columns[signal] = _floats([s.per_run if s else None for s in slopes])
        columns[f"{signal}_low"] = _floats([s.low if s else None for s in slopes])
        columns[f"{signal}_high"] = _floats([s.high if s else None for s in slopes])
    columns["late_objects"] = [test.late.objects for test in tests]
    columns["late_heap_bytes"] = _floats([test.late.heap_bytes for test in tests])
    columns["peak_growth_bytes"] = _floats([a.peak_growth_bytes if a else None for a in accounts])
    columns["duration_s"] = _floats([a.duration_s if a else None for a in accounts])
    columns["fingerprints"] = [" ".join(test.fingerprints) for test in tests]
    columns["holder"] = [_holder(test, causes) for test in tests]
    columns["worker"] = [workers.get(test.nodeid, "") for test in tests]
    return pd.DataFrame(columns)


def _floats(values: list[Any]) -> pd.Series[float]:
    return pd.Series(values, dtype=float)  # None becomes an empty cell


def _holder(test: TestVerdict, causes: dict[str, CauseSummary]) -> str:
    summary = causes.get(test.fingerprints[0]) if test.fingerprints else None
    return (summary.cause.holder or summary.cause.head) if summary else ""


def compare_tests(states: Sequence[State]) -> pd.DataFrame:
    """One row per test of any state: ``nodeid``, ``mark`` and ``mark_reason`` (first to last), each
    state's ``verdict``, ``basis``, ``fingerprints`` and growth, each later state's own ``mark``
    against the first, and ``delta.<signal>`` (last less first)."""
    by_id = [{test.nodeid: test for test in state.judged.tests} for state in states]
    nodeids = sorted(set().union(*by_id))
    columns: dict[str, Any] = {"nodeid": nodeids, "mark": None, "mark_reason": None}
    for position, (state, tests) in enumerate(zip(states, by_id, strict=True)):
        found = [tests.get(nodeid) for nodeid in nodeids]
        if position:
            marks = [
                mark(by_id[0].get(nodeid), test)
                for nodeid, test in zip(nodeids, found, strict=True)
            ]
            columns[f"{state.label}.mark"] = [marked for marked, _ in marks]
            columns[f"{state.label}.mark_reason"] = [reason for _, reason in marks]
        columns |= _state_columns(state.label, found)
    last = states[-1].label
    columns["mark"] = columns[f"{last}.mark"]
    columns["mark_reason"] = columns[f"{last}.mark_reason"]
    for signal in SIGNALS:
        before, after = columns[f"{states[0].label}.{signal}"], columns[f"{last}.{signal}"]
        columns[f"delta.{signal}"] = after - before
    return pd.DataFrame(columns)


def _state_columns(label: str, tests: Sequence[TestVerdict | None]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        f"{label}.verdict": [test.verdict if test else "absent" for test in tests],
        f"{label}.basis": [test.basis if test else "" for test in tests],
        f"{label}.fingerprints": [" ".join(test.fingerprints) if test else "" for test in tests],
    }
    for signal in SIGNALS:
        columns[f"{label}.{signal}"] = _floats(
            [
                test.slopes[signal].per_run if test and signal in test.slopes else None
                for test in tests
            ]
        )
    return columns


def compare_causes(states: Sequence[State]) -> pd.DataFrame:
    """One row per fingerprint of any state, worst first by the growth of its worst state: what it
    is, ``mark`` and ``mark_reason`` (first to last), and per state ``tests``, ``<signal>`` per run,
    ``total.<signal>`` over one run of all its tests, and the later states' ``mark``, with ``held``
    where it is the same because a wider fixture lets it go wherever it is shown."""
    found = [cause_by_fingerprint(state.judged) for state in states]
    judged = [_JudgedTests.of(state) for state in states]
    held = [
        {name for name, verdict in cause_verdicts(state.judged).items() if verdict == "held"}
        for state in states
    ]
    rows = [
        _cause_row(fingerprint, states, found, judged, held)
        for fingerprint in sorted(set().union(*found))
    ]
    if not rows:
        return pd.DataFrame(columns=["fingerprint", "mark", "mark_reason"])
    table = pd.DataFrame(rows)
    for name in ("heap_bytes", "python_bytes", "rss_bytes"):
        totals = [f"{state.label}.total.{name}" for state in states]
        table[f"worst.{name}"] = table[[c for c in totals if c in table]].max(axis=1).fillna(0.0)
    order = ["worst.heap_bytes", "worst.python_bytes", "worst.rss_bytes", "fingerprint"]
    table = table.sort_values(order, ascending=[False, False, False, True], kind="stable")
    return table.drop(columns=order[:3]).reset_index(drop=True)


def _cause_row(
    fingerprint: str,
    states: Sequence[State],
    found: Sequence[dict[str, CauseSummary]],
    judged: Sequence[_JudgedTests],
    held: Sequence[set[str]],
) -> dict[str, Any]:
    summaries = [causes.get(fingerprint) for causes in found]
    cause = next(summary.cause for summary in reversed(summaries) if summary)
    row: dict[str, Any] = {
        "fingerprint": fingerprint,
        "kind": cause.kind,
        "head": cause.head,
        "holder": cause.holder,
        "known": cause.known or "",
        "what": cause.what,
        "remedy": cause.remedy,
        "mark": None,
        "mark_reason": None,
    }
    sides = [
        _side(summary, tests, held=fingerprint in of_fixtures)
        for summary, tests, of_fixtures in zip(summaries, judged, held, strict=True)
    ]
    for position, (state, summary) in enumerate(zip(states, summaries, strict=True)):
        if position:
            row["mark"], row["mark_reason"] = mark_cause(sides[0], sides[position])
            row[f"{state.label}.mark"] = row["mark"]
            row[f"{state.label}.mark_reason"] = row["mark_reason"]
            held_in_one = sides[0].held or sides[position].held
            row[f"{state.label}.held"] = held_in_one and row["mark"] == "same"
        row[f"{state.label}.tests"] = len(summary.witnesses) if summary else 0
        for signal in SIGNALS:
            slope = summary.slopes.get(signal) if summary else None
            row[f"{state.label}.{signal}"] = slope.per_run if slope else float("nan")
            total = summary.total.get(signal) if summary else None
            row[f"{state.label}.total.{signal}"] = float("nan") if total is None else total
    return row


class _JudgedTests(NamedTuple):
    """Node ids of the tests that a run judged."""

    all: frozenset[str]
    once: frozenset[str]
    """Those that ran once."""
    hidden: frozenset[str]
    """Those of which a single run showed nothing."""

    @classmethod
    def of(cls, state: State) -> _JudgedTests:
        judged = [test for test in state.judged.tests if is_judged(test)]
        return cls(
            frozenset(test.nodeid for test in judged),
            frozenset(test.nodeid for test in judged if test.basis == "one run"),
            frozenset(test.nodeid for test in judged if test.hidden),
        )


def _side(summary: CauseSummary | None, judged: _JudgedTests, *, held: bool) -> CauseSide:
    witnesses = frozenset(summary.witnesses) if summary else frozenset()
    return CauseSide(
        held=held,
        slopes=summary.slopes if summary else None,
        witnesses=witnesses,
        judged=judged.all,
        once=judged.once,
        hidden=witnesses & judged.hidden,
        means=_means(summary) if summary else {},
    )


def _means(summary: CauseSummary) -> dict[str, float]:
    return {name: total / len(summary.witnesses) for name, total in summary.total.items()}
