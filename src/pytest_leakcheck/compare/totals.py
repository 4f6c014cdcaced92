"""Growth over a whole suite, and what it comes to with more workers (pandas)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pytest_leakcheck.compare.tables import State
from pytest_leakcheck.model.results import TestVerdict
from pytest_leakcheck.model.signals import SIGNALS

#: Worker counts that the projection shows.
WORKERS = (1, 2, 4)

#: How the projection is made, for people.
FORMULA = (
    "One worker's memory = what a process needs before its first test (measured) + the growth of "
    "all confirmed leaks over one run of the suite, divided by the number of workers. "
    "All workers together = that, times the number of workers: dividing a suite divides a leak, "
    "and multiplies what every process needs. Growth is RSS per run, or C heap where that is "
    "larger or RSS was not measured. Peaks within a test come on top."
)


def is_confirmed(test: TestVerdict) -> bool:
    """Whether a test's growth is a leak that rests on repeats."""
    return test.verdict == "leak" and test.basis != "one run"


def is_open(test: TestVerdict) -> bool:
    """Whether a test's growth was seen in one run only."""
    return not is_confirmed(test) and test.verdict in ("leak", "unconfirmed", "not judged")


def totals(states: Sequence[State]) -> pd.DataFrame:
    """Growth over one run of the suite: a row per state and signal.

    ``confirmed``: growth per run of all confirmed leaks, summed. ``one_run``: of tests whose growth
    was seen once only. ``swept``: what the processes grew by over the run, caches that settle
    included; where a ledger is missing, what the sweep charged to the tests.
    An empty cell: the signal was not seen.
    """
    return pd.DataFrame([row for state in states for row in _state_totals(state)])


def _state_totals(state: State) -> list[dict[str, object]]:
    confirmed = [test for test in state.judged.tests if is_confirmed(test)]
    one_run = [test for test in state.judged.tests if is_open(test)]
    return [
        {
            "state": state.label,
            "signal": signal,
            "confirmed": _slope_sum(confirmed, signal),
            "one_run": _slope_sum(one_run, signal),
            "swept": _swept(state, signal),
            "leaking_tests": len(confirmed),
            "open_tests": len(one_run),
        }
        for signal in SIGNALS
    ]


def _slope_sum(tests: Sequence[TestVerdict], signal: str) -> float:
    seen = [test.slopes[signal].per_run for test in tests if signal in test.slopes]
    return float(sum(seen)) if seen or not tests else float("nan")


def _swept(state: State, signal: str) -> float:
    ledgers = [state.run.ledgers.get(worker) for worker in state.run.order]
    grown = [None if ledger is None else getattr(ledger.process, signal) for ledger in ledgers]
    if grown and None not in grown:
        return float(sum(value or 0 for value in grown))
    values = [getattr(record.growth, signal) for record in state.run.tests]
    seen = [value for value in values if value is not None]
    return float(sum(seen)) if seen else float("nan")


def base_bytes(state: State) -> float | None:
    """RSS of a process before its first test, the mean over workers; None where not measured."""
    bases = []
    for records in state.run.order.values():
        first = records[0] if records else None
        if first is not None and first.reading.rss_bytes is not None:
            bases.append(first.reading.rss_bytes - max(first.growth.rss_bytes or 0, 0))
    return sum(bases) / len(bases) if bases else None


def leaked_bytes(state: State) -> float:
    """Memory that all confirmed leaks leave behind over one run of the suite."""
    return float(
        sum(
            max(
                (t.slopes[s].per_run for s in ("rss_bytes", "heap_bytes") if s in t.slopes),
                default=0.0,
            )
            for t in state.judged.tests
            if is_confirmed(t)
        )
    )


def highest_bytes(state: State) -> float | None:
    """The highest RSS at the end of a test that any process of the run reached."""
    return max((r.reading.rss_bytes for r in state.run.tests if r.reading.rss_bytes), default=None)


def projection(states: Sequence[State], workers: Sequence[int] = WORKERS) -> pd.DataFrame:
    """What the whole suite needs with 1, 2, 4 workers: a row per state and worker count, beside
    what was measured. See :data:`FORMULA`."""
    return pd.DataFrame([row for state in states for row in _projected(state, workers)])


def _projected(state: State, workers: Sequence[int]) -> list[dict[str, object]]:
    base, leaked, highest = base_bytes(state), leaked_bytes(state), highest_bytes(state)
    return [
        {
            "state": state.label,
            "workers": number,
            "base_bytes": base,
            "leaked_bytes": leaked,
            "per_worker_bytes": None if base is None else base + leaked / number,
            "all_workers_bytes": None if base is None else base * number + leaked,
            "measured_workers": max(len(state.run.order), 1),
            "measured_highest_bytes": highest,
        }
        for number in workers
    ]
