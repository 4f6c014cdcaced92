"""What a test that is not judged left open for good: descriptors, threads, children. Pure.

A failed test's traceback may hold its objects for a while, so its survivors say nothing. What can
be counted exactly, and was still there when its process had ended all fixtures and collected the
whole heap, is worth a word. It is no verdict: the test ran once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pytest_leakcheck.judge.ledger import RESOURCES
from pytest_leakcheck.judge.verdict import WORDS
from pytest_leakcheck.model.journal_lines import FixtureRecord, LedgerRecord, TestRecord
from pytest_leakcheck.model.run import Run


def left_open(run: Run, outcomes: Mapping[str, str]) -> dict[str, str]:
    """Node id → what it left open until the end of its process, in words.

    Only of tests with one of these outcomes, of processes that ended in order.
    """
    told: dict[str, dict[str, int]] = defaultdict(dict)
    for worker, order in run.order.items():
        ledger = run.ledgers.get(worker)
        nodeids = {record.nodeid for record in order}
        if ledger is None or len(nodeids) < len(order):
            continue  # where a test ran twice, its fixtures' records do not say in which run
        for name in RESOURCES:
            stayed = _stayed(order, run.fixtures.get(worker, ()), ledger, name)
            for record, count in zip(order, stayed, strict=True):
                if count > 0 and record.outcome in outcomes:
                    told[record.nodeid][name] = count
    return {nodeid: _words(counts) for nodeid, counts in told.items()}


def _stayed(
    order: Sequence[TestRecord],
    fixtures: Sequence[FixtureRecord],
    ledger: LedgerRecord,
    name: str,
) -> list[int]:
    """Of each test's own growth of a signal, how much never went away again.

    What wider fixtures take and give back is left out of the account. The count after the test,
    less its growth, is what was there before it; the lowest count since then, the one at the end of
    the process included, is what is there after it. Something else that is closed later hides as
    much of it: the answer may be too low. It is too high only where something else is opened at the
    very boundary at which it goes.
    """
    whole = getattr(ledger.process, name)
    if whole is None or any(_lacks(record, name) for record in order):
        return [0] * len(order)
    charged: dict[str, int] = defaultdict(int)
    for fixture in fixtures:
        charged[fixture.nodeid] += getattr(fixture.growth, name) or 0
    levels, of_fixtures = [], 0
    for record in order:
        of_fixtures += charged[record.nodeid]
        levels.append(getattr(record.reading, name) - of_fixtures)
    first = levels[0] - getattr(order[0].growth, name)
    lowest = first + whole - of_fixtures
    stayed = []
    for record, level in zip(reversed(order), reversed(levels), strict=True):
        lowest = min(lowest, level)
        grown = getattr(record.growth, name)
        stayed.append(min(grown, lowest - (level - grown)))
    return stayed[::-1]


def _lacks(record: TestRecord, name: str) -> bool:
    return getattr(record.reading, name) is None or getattr(record.growth, name) is None


def _words(counts: Mapping[str, int]) -> str:
    """``2 more file descriptors than before it stayed until its process ended``."""
    parts = [
        f"{count:,} more {WORDS[name] if count > 1 else _ONE[name]}"
        for name, count in counts.items()
    ]
    *first, last = parts
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"{listed} than before it stayed until its process ended"


_ONE = {"fds": "file descriptor", "threads": "thread", "children": "child process"}
