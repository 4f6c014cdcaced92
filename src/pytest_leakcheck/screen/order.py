"""In which order tests that show nothing in the sweep are repeated as well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence

from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.screen.candidate import Candidate
from pytest_leakcheck.screen.candidates import DISTURBED
from pytest_leakcheck.screen.floor import Floor, sweep_floor
from pytest_leakcheck.screen.nodeids import file_of, function_of


def screening_time(tests: Iterable[TestRecord], settings: Settings) -> float:
    """Seconds in which tests that show nothing may begin to be repeated."""
    if settings.screen_s is not None:
        return settings.screen_s
    spent = sum(test.duration_s for test in tests)
    return max(settings.screen_least_s, settings.screen_share * spent)


def choose_screened(
    tests: Sequence[TestRecord],
    candidates: Iterable[Candidate],
    settings: Settings,
    cleared: Container[str] = (),
    near: Container[str] = (),
) -> list[TestRecord]:
    """Unsuspicious tests that are repeated all the same, within the time for it.

    One run is full of first uses, behind which a small leak hides; a few repeats see it. One test
    of each function comes before the other instances, those that left most come first. Before all
    of them come the ``cleared``: candidates whom others, which grew alike, have spoken free.

    Args:
        near: files in which tests leak: others there are likely to do so, and come first.

    Returns:
        In the order in which they are wanted, as many as fit.
    """
    limits = settings.thresholds
    floor = sweep_floor(tests, limits)
    known = {s.nodeid for s in candidates if s.nodeid not in cleared}
    fit = [
        test
        for test in tests
        if test.outcome == "passed"
        and test.nodeid not in known
        and not any(note in DISTURBED for note in test.notes)
    ]
    allowed = screening_time(tests, settings)
    runs = settings.warmups + settings.calm_repeats
    chosen: list[TestRecord] = []
    ranked = _by_function_first(fit, floor, near)
    for test in sorted(ranked, key=lambda test: test.nodeid not in cleared):
        cost = runs * test.duration_s + settings.screen_cost_s
        if cost <= allowed:
            allowed -= cost
            chosen.append(test)
    return chosen


def _by_function_first(
    tests: Iterable[TestRecord], floor: Floor, near: Container[str]
) -> list[TestRecord]:
    """One test of each function, those in files ``near`` first, then the second of each, and so on;
    the heaviest first."""
    ranked = sorted(tests, key=lambda t: (-_excess(t, floor), t.nodeid))
    turns: dict[str, int] = defaultdict(int)
    placed: list[tuple[int, int, TestRecord]] = []
    for at, test in enumerate(ranked):
        function = function_of(test.nodeid)
        turn = turns[function]
        placed.append((turn if turn or file_of(function) not in near else -1, at, test))
        turns[function] += 1
    placed.sort(key=lambda entry: entry[:2])
    return [test for _, _, test in placed]


def _excess(test: TestRecord, floor: Floor) -> float:
    """What a test left beyond the suite's floor, in bytes, about."""
    heap = (test.growth.heap_bytes or 0) - floor.heap_bytes
    blocks = (test.growth.blocks or 0) - floor.blocks_of(test)
    return max(heap, 64.0 * blocks)
