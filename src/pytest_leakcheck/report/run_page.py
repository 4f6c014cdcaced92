"""What the page of one run is filled with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_leakcheck.compare import tables
from pytest_leakcheck.model.results import JudgedRun, TestVerdict
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.signals import BYTE_SIGNALS
from pytest_leakcheck.model.words import short_name
from pytest_leakcheck.report import findings, overview
from pytest_leakcheck.report.island import Column, Kind, encode
from pytest_leakcheck.report.sensitivity import sensitivity_sentences
from pytest_leakcheck.text.sentences import VERDICT_MEANING, growth_words

if TYPE_CHECKING:
    import pandas as pd

#: Rows of the table that is there without a script.
MOST_STATIC = 400

#: Signals of the table of all tests, where any test shows them; the file of numbers has all.
TABLE_SIGNALS = ("heap_bytes", "rss_bytes", "python_bytes", "survivors", "blocks", "fds", "threads")


class Count(NamedTuple):
    """How many tests have a verdict."""

    verdict: str
    tests: int
    meaning: str


def run_context(run: Run, judged: JudgedRun, folder: Path) -> dict[str, Any]:
    """Everything the template names: O(tests)."""
    found = findings.findings(run, judged, folder)
    counts = overview.verdict_counts(judged)
    unlisted = [t for t in judged.tests if t.verdict not in ("clean", "settles", "held")]
    return {
        "title": overview.run_sentence(judged),
        "label": judged.info.label,
        "subject": judged.info.rootdir,
        "environment": overview.environment_line(judged.info),
        "counts": [Count(v, counts[v], VERDICT_MEANING[v]) for v in overview.VERDICT_ORDER],
        "tests": len(judged.tests),
        "alerts": overview.alerts(run),
        "findings": found[: findings.MOST_FINDINGS],
        "findings_left": max(len(found) - findings.MOST_FINDINGS, 0),
        "late": findings.late_findings(run, judged),
        "late_tests": counts["late"],
        "open": findings.open_tests(judged),
        "open_tests": counts["unconfirmed"],
        "not_judged": overview.not_judged_reasons(judged),
        "curves": overview.curves(run),
        "workers": len(run.order),
        "ledger": overview.ledger_table(run),
        "ledger_words": overview.ledger_words(run),
        "sensitivity": sensitivity_sentences(run, judged),
        "fixtures": overview.fixtures_table(run),
        "measured": overview.measured_rows(judged.info),
        "settings": overview.settings_rows(judged.info),
        "static": [static_row(test) for test in unlisted[:MOST_STATIC]],
        "static_left": max(len(unlisted) - MOST_STATIC, 0),
        "table": encode(run_columns(tables.test_table(judged, run))),
    }


class StaticRow(NamedTuple):
    """A row of the table that is there without a script."""

    nodeid: str
    verdict: str
    growth: str


def static_row(test: TestVerdict) -> StaticRow:
    """One test, as text."""
    return StaticRow(test.nodeid, test.verdict, growth_words(test.slopes, limit=2))


def run_columns(table: pd.DataFrame) -> list[Column]:
    """The columns of the table of all tests; signals that no test shows are left out."""
    columns = [
        Column(key="test", label="Test", kind="id", values=table["nodeid"].tolist()),
        Column(key="verdict", label="Verdict", kind="word", values=table["verdict"].tolist()),
    ]
    columns += [
        signal_column(signal, table[signal])
        for signal in TABLE_SIGNALS
        if table[signal].fillna(0).any()
    ]
    extra: Sequence[tuple[str, str, str, Kind]] = (
        ("late", "Late objects", "late_objects", "count"),
        ("peak", "Peak", "peak_growth_bytes", "bytes"),
        ("time", "Time", "duration_s", "seconds"),
        ("worker", "Worker", "worker", "word"),
        ("causes", "Causes", "fingerprints", "word"),
        ("basis", "Basis", "basis", "detail"),
        ("like", "Repeated in its place", "like", "detail"),
        ("reason", "Reason", "reason", "detail"),
    )
    for key, label, name, kind in extra:
        if kind in ("word", "detail") or table[name].fillna(0).any():
            columns.append(Column(key=key, label=label, kind=kind, values=table[name].tolist()))
    return columns


def signal_column(
    signal: str, values: pd.Series[float], *, key: str = "", group: str = ""
) -> Column:
    """Growth per run in one signal."""
    kind: Kind = "bytes" if signal in BYTE_SIGNALS else "count"
    return Column(
        key=key or signal,
        label=short_name(signal),
        kind=kind,
        values=values.tolist(),
        group=group,
    )
