"""Several runs, compared: all tables of a comparison in one value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from pytest_leakcheck.compare.environment import environment_differences
from pytest_leakcheck.compare.tables import (
    State,
    as_states,
    check_comparable,
    compare_causes,
    compare_tests,
)
from pytest_leakcheck.compare.totals import projection, totals
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.model.run import Run


@dataclass(frozen=True, slots=True)
class Comparison:
    """The states, first to last, and every table about them."""

    states: list[State]
    tests: pd.DataFrame
    """See :func:`~pytest_leakcheck.compare.tables.compare_tests`."""
    causes: pd.DataFrame
    """See :func:`~pytest_leakcheck.compare.tables.compare_causes`."""
    totals: pd.DataFrame
    """See :func:`~pytest_leakcheck.compare.totals.totals`."""
    projection: pd.DataFrame
    """See :func:`~pytest_leakcheck.compare.totals.projection`."""
    environment: pd.DataFrame
    """See :func:`~pytest_leakcheck.compare.environment.environment_differences`."""


def compare_runs(runs: Iterable[tuple[Run, JudgedRun]]) -> Comparison:
    """Compare runs, first to last: O(tests x runs).

    Raises:
        UsageError: fewer than two runs, or no test in common.
    """
    states = as_states(runs)
    check_comparable(states)
    return Comparison(
        states=states,
        tests=compare_tests(states),
        causes=compare_causes(states),
        totals=totals(states),
        projection=projection(states),
        environment=environment_differences(states),
    )
