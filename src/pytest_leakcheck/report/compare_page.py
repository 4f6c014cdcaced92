"""What the page of a comparison is filled with."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

from markupsafe import Markup

from pytest_leakcheck.compare.comparison import Comparison
from pytest_leakcheck.compare.totals import FORMULA
from pytest_leakcheck.model.journal_lines import Mark
from pytest_leakcheck.model.words import signal_name
from pytest_leakcheck.report import changes, overview, svg
from pytest_leakcheck.report.findings import PathStep, path_steps, safe_link
from pytest_leakcheck.report.island import Column, encode
from pytest_leakcheck.report.run_page import MOST_STATIC, TABLE_SIGNALS, signal_column
from pytest_leakcheck.text.trace import cause_sentence

#: Signals of the table of all tests, for each state.
STATE_SIGNALS = tuple(name for name in TABLE_SIGNALS if name not in ("blocks", "python_bytes"))


class StateView(NamedTuple):
    """One run of the comparison."""

    label: str
    sentence: str
    environment: str
    marks: dict[Mark, int] | None
    """Tests by mark against the first state; None for the first itself."""


class CauseView(NamedTuple):
    """One cause over all states."""

    change: changes.CauseChange
    title: str
    steps: list[PathStep]
    link: str


class TotalView(NamedTuple):
    """One bar of the totals."""

    state: str
    chart: Markup
    confirmed: str
    one_run: str
    swept: str


def compare_context(comparison: Comparison) -> dict[str, Any]:
    """Everything the template names: O(tests x states)."""
    causes = changes.cause_changes(comparison)
    static, left = changes.changed_tests(comparison, MOST_STATIC)
    return {
        "title": changes.compare_sentence(comparison),
        "states": [_state(comparison, position) for position in range(len(comparison.states))],
        "labels": [state.label for state in comparison.states],
        "marks": changes.MARKS,
        "mark_meaning": changes.MARK_MEANING,
        "causes": [_cause(change) for change in causes],
        "totals": _totals(comparison),
        "projection": changes.projection_rows(comparison),
        "measured": changes.measured_rows(comparison),
        "formula": FORMULA,
        "environment": changes.environment_rows(comparison),
        "tests": len(comparison.tests),
        "static": static,
        "static_left": left,
        "table": encode(compare_columns(comparison)),
    }


def _state(comparison: Comparison, position: int) -> StateView:
    state = comparison.states[position]
    marks = changes.test_mark_counts(comparison, state.label) if position else None
    return StateView(
        label=state.label,
        sentence=overview.run_sentence(state.judged),
        environment=overview.environment_line(state.judged.info),
        marks=marks,
    )


def _cause(change: changes.CauseChange) -> CauseView:
    cause = change.summary.cause
    return CauseView(
        change=change,
        title=cause_sentence(cause),
        steps=path_steps(cause.steps),
        link=safe_link(cause.link),
    )


def _totals(comparison: Comparison) -> list[tuple[str, list[TotalView]]]:
    """Signal → one bar per state, to one scale."""
    rows = changes.total_rows(comparison)
    groups: dict[str, list[changes.TotalRow]] = {}
    for row in rows:
        groups.setdefault(row.signal, []).append(row)
    return [(signal_name(signal), _bars(found)) for signal, found in groups.items()]


def _bars(rows: list[changes.TotalRow]) -> list[TotalView]:
    most = max((row.confirmed for row in rows if isfinite(row.confirmed)), default=0.0)
    return [
        TotalView(
            state=row.state,
            chart=svg.bar(row.confirmed, most, f"{row.state}: {row.confirmed_words}"),
            confirmed=row.confirmed_words,
            one_run=row.one_run_words,
            swept=row.swept_words,
        )
        for row in rows
    ]


def compare_columns(comparison: Comparison) -> list[Column]:
    """The columns of the table of all tests: the change, then a group for each state."""
    table = comparison.tests
    labels = [state.label for state in comparison.states]
    shown = [
        signal
        for signal in STATE_SIGNALS
        if any(table[f"{label}.{signal}"].fillna(0).any() for label in labels)
    ]
    columns = [
        Column(key="test", label="Test", kind="id", values=table["nodeid"].tolist()),
        Column(key="mark", label="Mark", kind="word", values=table["mark"].tolist()),
    ]
    columns += [
        signal_column(signal, table[f"delta.{signal}"], key=f"d{signal}", group="change")
        for signal in shown[:1]
    ]
    for number, label in enumerate(labels):
        verdicts = table[f"{label}.verdict"].tolist()
        columns.append(
            Column(key=f"v{number}", label="Verdict", kind="word", values=verdicts, group=label)
        )
        columns += [
            signal_column(signal, table[f"{label}.{signal}"], key=f"{signal}{number}", group=label)
            for signal in shown
        ]
    for number, label in enumerate(labels[1:], 1):
        reasons = table[f"{label}.mark_reason"].tolist()
        columns.append(
            Column(key=f"r{number}", label=f"{labels[0]} to {label}", kind="detail", values=reasons)
        )
    shown_by = zip(*(table[f"{label}.fingerprints"].tolist() for label in labels), strict=True)
    causes = [_joined(found) for found in shown_by]
    columns.append(Column(key="causes", label="Causes", kind="detail", values=causes))
    return columns


def _joined(values: Sequence[str]) -> str:
    """All fingerprints of a test's states, each once."""
    return " ".join(dict.fromkeys(" ".join(values).split())) if any(values) else ""
