"""Tables as CSV: exact numbers for other tools, one row per test."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pytest_leakcheck.compare import tables
from pytest_leakcheck.compare.comparison import Comparison
from pytest_leakcheck.model.errors import RunError
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.words import visible

#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t")


def write_tests(run: Run, judged: JudgedRun, path: Path) -> Path:
    """Write ``tests.csv``: see :func:`~pytest_leakcheck.compare.tables.test_table`.

    Raises:
        RunError: the file cannot be written.
    """
    return write_csv(tables.test_table(judged, run), path)


def write_compare(comparison: Comparison, path: Path) -> Path:
    """Write ``compare.csv``: see :func:`~pytest_leakcheck.compare.tables.compare_tests`.

    Raises:
        RunError: the file cannot be written.
    """
    return write_csv(comparison.tests, path)


def write_csv(table: pd.DataFrame, path: Path) -> Path:
    """Write a table: UTF-8, a head line, an empty cell for *not seen*."""
    safe = table.copy(deep=False)
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            values = safe[name].tolist()
            cells = {value: _cell(value) for value in set(values)}  # most columns repeat a few
            safe[name] = [cells[value] for value in values]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        safe.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror or error}).") from None
    return path


def _cell(value: object) -> str:
    text = visible(str(value)) if value is not None else ""
    return f"'{text}" if text.startswith(_FORMULA) else text
