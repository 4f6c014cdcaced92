"""Runs and comparisons on the terminal (rich): as wide as the terminal, coloured where it may be.

Colour never stands alone: every mark and verdict is a word.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from pytest_leakcheck.conclude.run import cause_verdicts
from pytest_leakcheck.model.errors import UsageError
from pytest_leakcheck.model.words import (
    SPOKEN,
    amount,
    count,
    plural,
    shorten,
    signal_name,
    visible,
)
from pytest_leakcheck.report.overview import (
    VERDICT_ORDER,
    alerts,
    environment_line,
    not_judged_reasons,
    run_sentence,
    verdict_counts,
)
from pytest_leakcheck.text.sentences import (
    growth_words,
    interval,
    main_growth,
    reproduce,
    runs_sentence,
    subjects,
    when,
)
from pytest_leakcheck.text.trace import ASCII, UNICODE, Tree, cause_lines, resource_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pytest_leakcheck.compare.comparison import Comparison
    from pytest_leakcheck.model.results import CauseSummary, JudgedRun, TestVerdict, VerdictName
    from pytest_leakcheck.model.run import Run

MOST_TESTS = 20
MOST_CAUSES = 15
MOST_DIFFERENCES = 15
MOST_REASONS = 6

_TREE_MARKS = "".join(dict.fromkeys(" ".join((*ASCII, *UNICODE))))

STYLES = {
    "leak": "bold red",
    "new": "bold red",
    "worse": "bold red",
    "unconfirmed": "yellow",
    "late": "yellow",
    "fixed": "green",
    "better": "green",
    "clean": "green",
}


def make_console(file: TextIO | None = None, width: int | None = None) -> Console:
    """A console on ``file`` (standard output); ``NO_COLOR`` and dumb terminals are heeded."""
    from rich.console import Console

    return Console(file=file, width=width, highlight=False, soft_wrap=False, emoji=False)


def _tree(console: Console) -> Tree:
    return UNICODE if console.encoding.lower().startswith("utf") else ASCII


def _line(console: Console, text: str = "", style: str = "") -> None:
    # Not as markup: a test id may hold anything, brackets before all.
    # Long words stay whole, so that ids and links can be copied; the rest hangs under its start.
    start = len(text) - len(text.lstrip(_TREE_MARKS))
    lines = textwrap.wrap(
        text,
        console.width,
        subsequent_indent=" " * (start + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines or [""]:
        _print_whole(console, line, style)


def _print_whole(console: Console, line: str, style: str = "") -> None:
    """A line that is not broken, however long: a command is to be copied."""
    console.print(
        line, style=style or None, markup=False, no_wrap=True, overflow="ignore", crop=False
    )


def _table(title: str, heads: Sequence[str], numbers: int) -> Table:
    """An empty table whose last ``numbers`` columns are set to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for position, head in enumerate(heads):
        right = position >= len(heads) - numbers
        table.add_column(Text(visible(head)), justify="right" if right else "left", overflow="fold")
    return table


def _add(table: Table, cells: Iterable[str], style: str = "") -> None:
    from rich.text import Text

    table.add_row(*(Text(cell) for cell in cells), style=style or None)


# --- a comparison --------------------------------------------------------------------------------


def print_compare(comparison: Comparison, console: Console) -> None:
    """Sentence, causes, totals, changed tests and differences of environment."""
    from pytest_leakcheck.report import changes

    _line(console, visible(changes.compare_sentence(comparison)), "bold")
    for state in comparison.states:
        _line(console, f"  {visible(state.label)}: {run_sentence(state.judged)}")
    _line(console)
    _print_causes(comparison, console)
    _print_totals(comparison, console)
    _print_changed(comparison, console)
    _print_environment(comparison, console)


def _print_causes(comparison: Comparison, console: Console) -> None:
    from pytest_leakcheck.report import changes

    found = changes.cause_changes(comparison)
    if not found:
        return
    labels = [state.label for state in comparison.states]
    table = _table("Causes: tests, and growth per run", ["mark", "cause", *labels], 0)
    for change in found[:MOST_CAUSES]:
        cause = change.summary.cause
        cells = [
            f"{state.tests}: {state.per_run}" if state.tests != "0" else "none"
            for state in change.states
        ]
        name = f"{visible(cause.holder or cause.head)} {cause.fingerprint}"
        _add(table, [change.mark, name, *cells], STYLES.get(change.mark, ""))
    console.print(table)
    if len(found) > MOST_CAUSES:
        _line(console, f"and {plural(len(found) - MOST_CAUSES, 'more cause')}, in compare.html")


def _print_totals(comparison: Comparison, console: Console) -> None:
    from pytest_leakcheck.report import changes

    rows = changes.total_rows(comparison)
    if not rows:
        return
    heads = ["signal", "state", "confirmed leaks", "one run only", "whole sweep"]
    table = _table("Growth over one run of the suite", heads, 3)
    before = ""
    for row in rows:
        name = changes.signal_title(row.signal) if row.signal != before else ""
        before = row.signal
        cells = [row.confirmed_words, row.one_run_words, row.swept_words]
        _add(table, [name, visible(row.state), *cells])
    console.print(table)


def _print_changed(comparison: Comparison, console: Console) -> None:
    from pytest_leakcheck.report import changes

    shown, left = changes.changed_tests(comparison, MOST_TESTS)
    if not shown:
        _line(console, "No test changed beyond the noise.")
        return
    labels = [state.label for state in comparison.states]
    table = _table("Tests that changed: C heap per run", ["mark", "test", *labels], len(labels))
    room = max(console.width - 14 - 14 * len(labels), 24)
    for test in shown:
        cells = [test.mark, shorten(visible(test.nodeid), room), *test.growth]
        _add(table, cells, STYLES.get(test.mark, ""))
    console.print(table)
    if left:
        _line(console, f"and {plural(left, 'more test')}, in compare.html")


def _print_environment(comparison: Comparison, console: Console) -> None:
    from pytest_leakcheck.report import changes

    rows = changes.environment_rows(comparison)
    if not rows:
        _line(console, "The environment is the same in all of them.")
        return
    labels = [state.label for state in comparison.states]
    table = _table("The environment differs", ["area", "name", *labels], 0)
    for row in rows[:MOST_DIFFERENCES]:
        _add(table, [shorten(visible(value), 60) for value in row])
    console.print(table)
    if len(rows) > MOST_DIFFERENCES:
        _line(console, f"and {plural(len(rows) - MOST_DIFFERENCES, 'more difference')}")


# --- one run -------------------------------------------------------------------------------------


def print_run(run: Run, judged: JudgedRun, console: Console) -> None:
    """Sentence, counts, what to know first, and the causes as leak traces."""
    _line(console, run_sentence(judged), "bold")
    _line(console, environment_line(judged.info))
    counts = verdict_counts(judged)
    told = [f"{count(counts[name])} {name}" for name in VERDICT_ORDER if counts[name]]
    _line(console, f"{subjects(judged)}: {', '.join(told)}")
    for alert in alerts(run):
        _line(console, f"! {alert.title}. {alert.text}", "yellow")
    verdicts = cause_verdicts(judged)
    for summary in judged.causes[:MOST_CAUSES]:
        _line(console)
        print_cause(summary, verdicts[summary.cause.fingerprint], console)
    left = len(judged.causes) - MOST_CAUSES
    if left > 0:
        _line(
            console, f"and {plural(left, 'more cause')}; leakcheck show RUN FINGERPRINT tells one"
        )
    caused = verdicts.keys()
    alone = [t for t in judged.tests if t.verdict == "leak" and caused.isdisjoint(t.fingerprints)]
    _print_alone(alone, console)
    _print_not_judged(judged, console)


def _print_not_judged(judged: JudgedRun, console: Console) -> None:
    for reason, number in not_judged_reasons(judged)[:MOST_REASONS]:
        _line(console, f"not judged: {plural(number, 'test')}: {visible(reason)}")


def _print_alone(tests: Sequence[TestVerdict], console: Console) -> None:
    if not tests:
        return
    table = _table("Leaks whose cause was not found", ["test", "grows per run by"], 0)
    for test in tests[:MOST_TESTS]:
        room = max(console.width // 2, 24)
        _add(table, [shorten(visible(test.nodeid), room), growth_words(test.slopes, limit=3)])
    console.print(table)
    if len(tests) > MOST_TESTS:
        _line(console, f"and {plural(len(tests) - MOST_TESTS, 'more test')}")


def print_cause(summary: CauseSummary, verdict: VerdictName, console: Console) -> None:
    """One cause as a leak trace, with its fingerprint and its verdict (`cause_verdicts`)."""
    first, *rest = cause_lines(summary, _tree(console), console.width)
    _line(console, f"{verdict} {summary.cause.fingerprint}  {first}", "bold")
    for line in rest:
        _line(console, line)


def print_test(run: Run, judged: JudgedRun, test: TestVerdict, console: Console) -> None:
    """Everything that is known about one test."""
    _line(console, visible(test.nodeid), "bold")
    _line(console, f"  {test.verdict} ({test.basis}): {visible(test.reason)}")
    if main := main_growth(test.slopes, test.repeats, test.windows):
        signal, values = main
        soaked = bool(test.windows.get(signal))
        per_run = test.slopes[signal].per_run
        _line(console, f"  {runs_sentence(signal, values, per_run, windows=soaked)}")
        _line(console, f"  {', '.join(amount(signal, value) for value in values)}")
    for name in SPOKEN:
        if name in test.slopes:
            slope = test.slopes[name]
            told = f"{amount(name, slope.per_run)} per run, {interval(name, slope)}"
            _line(console, f"  {signal_name(name):<18}{told}")
    if test.late.objects:
        _line(console, f"  late garbage: {plural(test.late.objects, 'object')}")
    verdicts = cause_verdicts(judged)
    for fingerprint in test.fingerprints:
        for summary in judged.causes:
            if summary.cause.fingerprint == fingerprint:
                _line(console)
                print_cause(summary, verdicts[fingerprint], console)
    shown = {s.cause.fingerprint for s in judged.causes if s.opened}
    if shown.isdisjoint(test.fingerprints):
        for line in resource_lines(run.opened_by(test.nodeid)):
            _line(console, line)
    for capture in run.captures.get(test.nodeid, ()):
        if capture.flamegraph:
            _line(console, f"  flame graph: {visible(str(run.folder / capture.flamegraph))}")
    _print_whole(console, f"  again: {reproduce(test.nodeid)}")


def print_one(run: Run, judged: JudgedRun, name: str, console: Console) -> None:
    """What ``name`` means in a run: a fingerprint or its beginning, a node id or a part of one.

    Raises:
        UsageError: nothing, or more than one test, answers to the name.
    """
    causes = [c for c in judged.causes if len(name) >= 4 and c.cause.fingerprint.startswith(name)]
    exact = [test for test in judged.tests if test.nodeid == name]
    tests = exact or [test for test in judged.tests if name in test.nodeid]
    if len(causes) == 1:
        fingerprint = causes[0].cause.fingerprint
        print_cause(causes[0], cause_verdicts(judged)[fingerprint], console)
    elif len(tests) == 1:
        print_test(run, judged, tests[0], console)
    elif tests:
        some = ", ".join(shorten(visible(test.nodeid), 80) for test in tests[:3])
        raise UsageError(f"{name} is part of {count(len(tests))} test names ({some}): name one.")
    else:
        raise UsageError(f"The run {judged.info.label} has no test or fingerprint {visible(name)}.")


# --- many runs -----------------------------------------------------------------------------------


class Listed(NamedTuple):
    """One run of the list; ``failure`` where it cannot be read."""

    name: str
    judged: JudgedRun | None
    failure: str = ""


def print_runs(runs: Iterable[Listed], console: Console) -> None:
    """Label, date, tests and verdicts of each run."""
    table = _table("", ["run", "date", "tests", "verdicts"], 0)
    for listed in runs:
        if listed.judged is None:
            _add(table, [visible(listed.name), "", "", visible(listed.failure)], "yellow")
            continue
        counts = verdict_counts(listed.judged)
        told = [f"{count(counts[name])} {name}" for name in VERDICT_ORDER if counts[name]]
        date, tests = when(listed.judged.info.created), count(len(listed.judged.tests))
        _add(table, [visible(listed.name), date, tests, ", ".join(told)])
    table.title = None
    console.print(table)
