"""The section that pytest prints at the end of a run: one line when there is nothing to say."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_leakcheck.conclude.run import cause_verdicts, judge_run
from pytest_leakcheck.model.errors import LeakcheckError
from pytest_leakcheck.model.results import VERDICTS, CauseSummary, JudgedRun, TestVerdict
from pytest_leakcheck.model.words import plural, shorten, size, visible
from pytest_leakcheck.report.sensitivity import sensitivity_sentences
from pytest_leakcheck.store.reader import load_run
from pytest_leakcheck.sweep.forks import in_forked_child
from pytest_leakcheck.text.sentences import growth_words, subjects
from pytest_leakcheck.text.trace import cause_sentence, known_sentence

if TYPE_CHECKING:
    import pytest

    from pytest_leakcheck.model.run import Run

_MOST_CAUSES = 6
_MOST_TESTS = 10
_MOST_REASONS = 3


def tell(reporter: pytest.TerminalReporter, folder: Path, sentences: Sequence[str]) -> None:
    """Read a run, judge it, and write what it found.

    Args:
        sentences: about the measuring itself; they come first.
    """
    if in_forked_child():
        return
    for sentence in sentences:
        reporter.write_line(f"leakcheck: {sentence}", red=True)
    try:
        run = load_run(folder)
        write_summary(reporter, run, judge_run(run))
    except LeakcheckError as error:
        reporter.write_line(f"leakcheck: {error}", red=True)


def write_summary(reporter: pytest.TerminalReporter, run: Run, judged: JudgedRun) -> None:
    """Write what a run found to pytest's terminal."""
    width = max(60, reporter._tw.fullwidth)  # noqa: SLF001 - the reporter offers no other way
    lines = warnings(run)
    leaks = [t for t in judged.tests if t.verdict == "leak"]
    open_ends = [t for t in judged.tests if t.verdict == "unconfirmed"]
    lines += _not_repeated(run, judged)
    if not leaks and not lines and not open_ends:
        reporter.write_line(f"leakcheck: {counts_sentence(judged)} Run {run.folder.name}.")
        return
    reporter.write_sep("=", "leakcheck")
    for line in lines:
        reporter.write_line(line, yellow=True)
    verdicts = cause_verdicts(judged)
    for summary in judged.causes[:_MOST_CAUSES]:
        for line in _cause(summary, held=verdicts[summary.cause.fingerprint] == "held"):
            reporter.write_line(line)
    if len(judged.causes) > _MOST_CAUSES:
        reporter.write_line(f"and {plural(len(judged.causes) - _MOST_CAUSES, 'more cause')}")
    _write_tests(reporter, "leak, without a known holder", _without_cause(leaks), width)
    _write_tests(reporter, "unconfirmed", open_ends, width)
    reporter.write_line(counts_sentence(judged))
    told = ledger_sentence(run)
    if told:
        reporter.write_line(told)
    for sentence in sensitivity_sentences(run, judged):
        reporter.write_line(sentence)
    reporter.write_line(f"See more: {_command(run.folder)}")


def _not_repeated(run: Run, judged: JudgedRun) -> list[str]:
    """Why tests that were to be repeated were not judged: what happened to them, or to the process
    that repeated them."""
    reasons = Counter(
        t.reason for t in judged.tests if t.verdict == "not judged" and t.nodeid in run.skips
    )
    return [
        f"{plural(number, 'test')} could not be judged: {visible(reason)}."
        for reason, number in reasons.most_common(_MOST_REASONS)
    ]


def _command(folder: Path) -> str:
    """What shows a run, where pytest was started: its page, or less where no page can be made."""
    word = "report" if find_spec("pandas") and find_spec("jinja2") else "show"
    command = f"leakcheck {word} {folder.name}"
    try:
        root = os.path.relpath(folder.parent)
    except (OSError, ValueError):  # where pytest was started is gone; another drive
        root = str(folder.parent)
    return command if root == ".leakcheck" else f"{command} --root {shlex.quote(root)}"


def warnings(run: Run) -> list[str]:
    """What a reader must know before the findings, a sentence each."""
    lines = []
    for worker, start in run.cut_off.items():
        if start is not None:
            held = "" if start.rss_bytes is None else f" with {size(start.rss_bytes)} resident"
            lines.append(f"Process {worker} died while running {visible(start.nodeid)}{held}.")
        else:
            lines.append(f"Process {worker} ended between two tests without closing its journal.")
    for file, count in run.damaged.items():
        lines.append(f"{plural(count, 'line')} of {file} could not be read and were passed over.")
    said = Counter(event.sentence for event in run.events)
    lines += [
        visible(sentence) + (f" ({times} times)" if times > 1 else "")
        for sentence, times in said.items()
    ]
    return lines


def counts_sentence(judged: JudgedRun) -> str:
    """``2,111 tests measured: 3 leak, 2,000 clean, 108 settles.``"""
    verdicts = Counter(test.verdict for test in judged.tests)
    told = [f"{verdicts[name]:,} {name}" for name in VERDICTS if verdicts[name]]
    return f"{subjects(judged)} measured: {', '.join(told)}."


def ledger_sentence(run: Run) -> str:
    """Where the processes' C heap went: charged to whom, and what no account explains."""
    names = ("tests", "fixtures", "collected")
    ledgers = [ledger for ledger in run.ledgers.values() if ledger.process.heap_bytes is not None]
    if not ledgers:
        return ""
    total = sum(ledger.process.heap_bytes or 0 for ledger in ledgers)
    charged = {
        name: sum(getattr(ledger, name).heap_bytes or 0 for ledger in ledgers) for name in names
    }
    unexplained = total - sum(charged.values())
    return (
        f"Ledger: the C heap grew by {size(total, signed=True)} over the run: tests "
        f"{size(charged['tests'], signed=True)}, wider fixtures "
        f"{size(charged['fixtures'], signed=True)}, given back by collections "
        f"{size(charged['collected'], signed=True)}, unexplained {size(unexplained, signed=True)}."
    )


def _cause(summary: CauseSummary, *, held: bool) -> list[str]:
    cause = summary.cause
    tests = plural(len(summary.witnesses), "test")
    if held:
        tests += "; held: a wider fixture lets it go"
    lines = [
        f"{cause.fingerprint}  {cause_sentence(cause)}",
        f"    {growth_words(summary.slopes)} per run; {tests}",
    ]
    if cause.known:
        lines.append(f"    {known_sentence(cause)}")
    return lines


def _without_cause(leaks: list[TestVerdict]) -> list[TestVerdict]:
    return [test for test in leaks if not test.fingerprints]


def _write_tests(
    reporter: pytest.TerminalReporter, title: str, tests: list[TestVerdict], width: int
) -> None:
    if not tests:
        return
    reporter.write_line(f"{title}: {plural(len(tests), 'test')}")
    for test in tests[:_MOST_TESTS]:
        reporter.write_line("    " + shorten(f"{visible(test.nodeid)}: {test.reason}", width - 4))
    if len(tests) > _MOST_TESTS:
        reporter.write_line(f"    and {len(tests) - _MOST_TESTS:,} more")
