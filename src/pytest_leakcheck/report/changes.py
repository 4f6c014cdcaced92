"""A comparison in words: its sentence, and the tables that page, Markdown and terminal share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pytest_leakcheck.compare.comparison import Comparison
from pytest_leakcheck.compare.tables import cause_by_fingerprint
from pytest_leakcheck.model.journal_lines import Mark
from pytest_leakcheck.model.results import CauseSummary
from pytest_leakcheck.model.words import amount, count, plural, signal_name, size
from pytest_leakcheck.text.sentences import growth_words, phrase

#: Marks in the order in which a reader cares.
MARKS: tuple[Mark, ...] = ("new", "worse", "fixed", "better", "same", "not comparable")

#: Marks that say that something changed.
CHANGED = frozenset({"new", "worse", "fixed", "better"})

MARK_MEANING: dict[Mark, str] = {
    "new": "let go before, grows now",
    "worse": "grows more, and the intervals do not overlap",
    "fixed": "grew before, lets go now",
    "better": "grows less, and the intervals do not overlap",
    "same": "no change beyond the noise",
    "not comparable": "not judged on both sides",
}
_SPOKEN_MARK = {"same": "unchanged"}

#: Signals of a suite's totals.
TOTAL_SIGNALS = ("heap_bytes", "rss_bytes", "python_bytes", "survivors", "fds", "threads")


def compare_sentence(comparison: Comparison) -> str:
    """``2 causes fixed, 3 unchanged between before and guide; …``: the title of a comparison."""
    first, *later = [state.label for state in comparison.states]
    parts = []
    for label in later:
        said = cause_marks_words(comparison, label)
        parts.append(f"{said} between {first} and {label}")
    return "; ".join(parts)


def cause_marks_words(comparison: Comparison, label: str) -> str:
    """``2 causes fixed, 3 unchanged, 1 held``, against the first state; tests where there is no
    cause. What a wider fixture lets go wherever it is shown is *held*, not unchanged."""
    causes = comparison.causes
    if len(causes):
        marks = causes[f"{label}.mark"].mask(causes[f"{label}.held"], "held")
        return _marks_words(marks, "cause")
    marks = comparison.tests[f"{label}.mark"]
    changed = [mark for mark in marks if mark in CHANGED]
    return _marks_words(changed, "test") if changed else "no test changed"


def _marks_words(marks: Iterable[str], noun: str) -> str:
    counts = Counter(marks)
    words: list[str] = []
    for name in (*MARKS, "held"):
        if counts[name]:
            number = plural(counts[name], noun) if not words else count(counts[name])
            words.append(f"{number} {_SPOKEN_MARK.get(name, name)}")
    return ", ".join(words)


def test_mark_counts(comparison: Comparison, label: str) -> dict[Mark, int]:
    """Tests by mark of one later state against the first; zeros included."""
    counts = Counter(comparison.tests[f"{label}.mark"])
    return {name: counts[name] for name in MARKS}


@dataclass(frozen=True, slots=True)
class CauseState:
    """One cause in one state, as text."""

    label: str
    tests: str
    per_run: str
    total: str
    mark: str
    reason: str


@dataclass(frozen=True, slots=True)
class CauseChange:
    """One cause over all states."""

    fingerprint: str
    mark: Mark
    reason: str
    summary: CauseSummary
    """Of the last state that shows it."""
    states: list[CauseState]


def cause_changes(comparison: Comparison) -> list[CauseChange]:
    """Every cause, worst first."""
    found = [cause_by_fingerprint(state.judged) for state in comparison.states]
    return [_cause_change(row, comparison, found) for row in _rows(comparison.causes)]


def _rows(table: Any) -> list[dict[str, Any]]:
    return list(table.to_dict("records"))


def _cause_change(
    row: dict[str, Any], comparison: Comparison, found: list[dict[str, CauseSummary]]
) -> CauseChange:
    fingerprint = row["fingerprint"]
    states = []
    for state, causes in zip(comparison.states, found, strict=True):
        summary = causes.get(fingerprint)
        states.append(
            CauseState(
                label=state.label,
                tests=count(len(summary.witnesses)) if summary else "0",
                per_run=growth_words(summary.slopes, limit=3) if summary else "not seen",
                total=_total(summary) if summary else "nothing",
                mark=row.get(f"{state.label}.mark") or "",
                reason=row.get(f"{state.label}.mark_reason") or "",
            )
        )
    last = next(causes[fingerprint] for causes in reversed(found) if fingerprint in causes)
    return CauseChange(fingerprint, row["mark"], row["mark_reason"], last, states)


def _total(summary: CauseSummary) -> str:
    """What a cause leaves behind over one run of all its witnesses, in its first signals."""
    told = [
        phrase(name, summary.total[name])
        for name in ("heap_bytes", "fds", "threads")
        if summary.total.get(name, 0) > 0
    ]
    if not told:
        told = [
            phrase(name, summary.total[name])
            for name in ("rss_bytes", "python_bytes", "survivors")
            if summary.total.get(name, 0) > 0
        ]
    return ", ".join(told) or "nothing"


@dataclass(frozen=True, slots=True)
class TestChange:
    """One test that changed, as text."""

    __test__ = False

    nodeid: str
    mark: Mark
    reason: str
    verdicts: list[str]
    growth: list[str]


def changed_tests(comparison: Comparison, limit: int) -> tuple[list[TestChange], int]:
    """Tests whose mark says that something changed, new and worse first; and how many are left."""
    table = comparison.tests
    changed = table[table["mark"].isin(list(CHANGED))]
    order = changed["mark"].map({name: number for number, name in enumerate(MARKS)})
    weight = changed["delta.heap_bytes"].fillna(0).abs()
    changed = changed.assign(order=order, weight=weight).sort_values(
        ["order", "weight", "nodeid"], ascending=[True, False, True], kind="stable"
    )
    labels = [state.label for state in comparison.states]
    shown = [
        TestChange(
            nodeid=row["nodeid"],
            mark=row["mark"],
            reason=row["mark_reason"],
            verdicts=[row[f"{label}.verdict"] for label in labels],
            growth=[cell("heap_bytes", row[f"{label}.heap_bytes"]) for label in labels],
        )
        for row in _rows(changed.head(limit))
    ]
    return shown, max(len(changed) - limit, 0)


def cell(signal: str, value: float | None) -> str:
    """A table's number as text; ``not seen`` where there is none."""
    return amount(signal, None if value is None or math.isnan(value) else value)


@dataclass(frozen=True, slots=True)
class TotalRow:
    """Growth of a whole suite in one signal and state."""

    signal: str
    state: str
    confirmed: float
    confirmed_words: str
    one_run_words: str
    swept_words: str


def total_rows(comparison: Comparison) -> list[TotalRow]:
    """Suite totals by signal and state; signals that no state shows are left out."""
    table = comparison.totals
    shown = [
        signal
        for signal in TOTAL_SIGNALS
        if table.loc[table["signal"] == signal, ["confirmed", "one_run"]].fillna(0).to_numpy().any()
    ]
    return [
        TotalRow(
            signal=row["signal"],
            state=row["state"],
            confirmed=row["confirmed"],
            confirmed_words=cell(row["signal"], row["confirmed"]),
            one_run_words=cell(row["signal"], row["one_run"]),
            swept_words=cell(row["signal"], row["swept"]),
        )
        for signal in shown
        for row in _rows(table[table["signal"] == signal])
    ]


def signal_title(signal: str) -> str:
    """The name of a signal as a row's head."""
    name = signal_name(signal)
    return name[:1].upper() + name[1:]


@dataclass(frozen=True, slots=True)
class ProjectionRow:
    """What one state needs with one number of workers."""

    state: str
    workers: int
    per_worker: str
    all_workers: str


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """What one state's processes were measured at."""

    state: str
    base: str
    leaked: str
    workers: int
    highest: str


def projection_rows(comparison: Comparison) -> list[ProjectionRow]:
    """The projection as text."""
    return [
        ProjectionRow(
            state=row["state"],
            workers=row["workers"],
            per_worker=_size(row["per_worker_bytes"]),
            all_workers=_size(row["all_workers_bytes"]),
        )
        for row in _rows(comparison.projection)
    ]


def measured_rows(comparison: Comparison) -> list[MeasuredRow]:
    """What the projection rests on, one row per state."""
    table = comparison.projection.drop_duplicates("state")
    return [
        MeasuredRow(
            state=row["state"],
            base=_size(row["base_bytes"]),
            leaked=_size(row["leaked_bytes"]),
            workers=row["measured_workers"],
            highest=_size(row["measured_highest_bytes"]),
        )
        for row in _rows(table)
    ]


def _size(value: float | None) -> str:
    return "not measured" if value is None or math.isnan(value) else size(value)


def environment_rows(comparison: Comparison) -> list[list[str]]:
    """Area, name, and the value in each state, of everything that differs."""
    return [[str(value) for value in row] for row in comparison.environment.to_numpy().tolist()]
