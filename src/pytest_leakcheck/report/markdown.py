"""A comparison as Markdown, for a pull request or a CI summary: changes only, and bounded."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_leakcheck.compare.comparison import Comparison
from pytest_leakcheck.compare.totals import FORMULA
from pytest_leakcheck.model.errors import RunError
from pytest_leakcheck.model.words import count, plural, shorten, visible
from pytest_leakcheck.report import changes
from pytest_leakcheck.report.overview import environment_line, run_sentence
from pytest_leakcheck.text.trace import cause_lines

#: A comment on a pull request holds 64 KB.
MOST_BYTES = 60_000
MOST_TESTS = 50
MOST_CAUSES = 20
MOST_DIFFERENCES = 60
ID_WIDTH = 120

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~@])")


def write_markdown(comparison: Comparison, path: Path) -> Path:
    """Write ``compare.md``.

    Raises:
        RunError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(render_markdown(comparison).encode("utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror or error}).") from None
    return path


def render_markdown(comparison: Comparison, most_bytes: int = MOST_BYTES) -> str:
    """The comparison, cut at whole sections so that it fits; what was cut is said at the end."""
    sections = [
        ("summary", _summary(comparison)),
        ("totals", _totals(comparison)),
        ("environment", _environment(comparison)),
        ("changed tests", _tests(comparison)),
        ("workers", _projection(comparison)),
        *((f"cause {c.fingerprint}", _cause(c)) for c in _shown_causes(comparison)),
    ]
    kept: list[str] = []
    cut: list[str] = []
    used, reserve = 0, 300
    for name, lines in sections:
        text = "\n".join(lines) + "\n"
        size = len(text.encode("utf-8")) + 1
        if lines and used + size > most_bytes - reserve:
            cut.append(name)
        elif lines:
            kept.append(text)
            used += size
    if cut:
        kept.append(
            f"Left out to fit: {plural(len(cut), 'section')}; compare.html has all of it.\n"
        )
    return "\n".join(kept)


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no table cell, no mention."""
    flat = " ".join(visible(text).split())
    return _SPECIAL.sub(r"\\\1", flat)


def code(text: str, width: int = ID_WIDTH) -> str:
    """Text as a code span that nothing in it can end."""
    flat = shorten(" ".join(visible(text).split()), width).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{pad}{flat or ' '}{pad}{ticks}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> list[str]:
    """Lines of a table; the last ``numbers`` columns are set to the right."""
    rule = ["---"] * (len(heads) - numbers) + ["---:"] * numbers
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(rule)} |"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def _summary(comparison: Comparison) -> list[str]:
    lines = [f"## {escape(changes.compare_sentence(comparison))}", ""]
    for state in comparison.states:
        lines.append(f"- **{escape(state.label)}**: {escape(run_sentence(state.judged))}.")
        lines.append(f"  {escape(environment_line(state.judged.info))}")
    lines += ["", *_counts(comparison)]
    return lines


def _counts(comparison: Comparison) -> list[str]:
    later = [state.label for state in comparison.states[1:]]
    counts = [changes.test_mark_counts(comparison, label) for label in later]
    rows = [
        [name, *(count(found[name]) for found in counts)]
        for name in changes.MARKS
        if any(found[name] for found in counts)
    ]
    first = escape(comparison.states[0].label)
    heads = [f"tests, against {first}", *(escape(label) for label in later)]
    return _table(heads, rows, len(later))


def _totals(comparison: Comparison) -> list[str]:
    rows = [
        [
            changes.signal_title(row.signal),
            escape(row.state),
            row.confirmed_words,
            row.one_run_words,
            row.swept_words,
        ]
        for row in changes.total_rows(comparison)
    ]
    if not rows:
        return []
    heads = ["growth over the suite", "state", "confirmed leaks", "one run only", "whole sweep"]
    return ["### Totals", "", *_table(heads, rows, 3)]


def _environment(comparison: Comparison) -> list[str]:
    rows = changes.environment_rows(comparison)
    if not rows:
        return []
    heads = ["area", "name", *(escape(state.label) for state in comparison.states)]
    shown = [
        [escape(row[0]), escape(row[1]), *(_bold(value, row[2]) for value in row[2:])]
        for row in rows[:MOST_DIFFERENCES]
    ]
    lines = ["### The environment differs", "", *_table(heads, shown)]
    left = len(rows) - len(shown)
    return lines + (["", f"and {plural(left, 'more difference')}."] if left else [])


def _bold(value: str, first: str) -> str:
    text = escape(shorten(value, ID_WIDTH)) or " "
    return text if value == first else f"**{text}**"


def _tests(comparison: Comparison) -> list[str]:
    shown, left = changes.changed_tests(comparison, MOST_TESTS)
    if not shown:
        return ["### Tests", "", "No test changed beyond the noise."]
    labels = [state.label for state in comparison.states]
    heads = ["mark", "test", *(f"{escape(label)}: C heap per run" for label in labels)]
    rows = [
        [
            test.mark,
            code(test.nodeid),
            *(f"{g} ({v})" for g, v in zip(test.growth, test.verdicts, strict=True)),
        ]
        for test in shown
    ]
    lines = ["### Tests that changed", "", *_table(heads, rows, len(labels))]
    return lines + (["", f"and {count(left)} more, in compare.html."] if left else [])


def _projection(comparison: Comparison) -> list[str]:
    rows = [
        [escape(row.state), str(row.workers), row.per_worker, row.all_workers]
        for row in changes.projection_rows(comparison)
    ]
    heads = ["state", "workers", "one worker", "all workers"]
    return ["### With more workers", "", FORMULA, "", *_table(heads, rows, 3)]


def _shown_causes(comparison: Comparison) -> list[changes.CauseChange]:
    return changes.cause_changes(comparison)[:MOST_CAUSES]


def _cause(change: changes.CauseChange) -> list[str]:
    cause = change.summary.cause
    # Markdown inside an HTML line is not read: this line is escaped as HTML.
    title = html.escape(f"{change.mark}: {visible(cause.holder or cause.head)} ({change.reason})")
    rows = [
        [escape(state.label), state.tests, state.per_run, state.total, state.mark]
        for state in change.states
    ]
    trace = [shorten(line, 400).replace("```", "'''") for line in cause_lines(change.summary)]
    return [
        f"<details><summary>{shorten(title, 400)}</summary>",
        "",
        *_table(["state", "tests", "per run", "over the suite", "mark"], rows),
        "",
        "```text",
        *trace,
        "```",
        "",
        "</details>",
    ]
