"""Tables as CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import samples

from pytest_leakcheck.compare.comparison import compare_runs
from pytest_leakcheck.report import csvfile


def test_numbers_are_exact_and_the_missing_are_empty(tmp_path: Path) -> None:
    """What is read back is what was judged."""
    run, judged = samples.chroma_run(tests=60)
    table = pd.read_csv(csvfile.write_tests(run, judged, tmp_path / "a" / "tests.csv"))
    assert table["nodeid"].tolist() == [test.nodeid for test in judged.tests]
    assert table["heap_bytes"].tolist() == [t.slopes["heap_bytes"].per_run for t in judged.tests]
    assert table["python_bytes"].isna().all()


def test_a_comparison_has_a_row_per_test(tmp_path: Path) -> None:
    """Marks and reasons go with the numbers of each state."""
    runs = [samples.chroma_run("before", tests=20), samples.chroma_run("after", tests=20)]
    table = pd.read_csv(csvfile.write_compare(compare_runs(runs), tmp_path / "compare.csv"))
    assert len(table) == 20
    assert {"mark", "mark_reason", "before.heap_bytes", "after.heap_bytes"} <= set(table.columns)


def test_a_cell_is_never_a_formula(tmp_path: Path) -> None:
    """A spreadsheet must not run a test's name; home directories are hidden."""
    run, judged = samples.chroma_run(tests=2)
    names = dict(
        zip((t.nodeid for t in judged.tests), ("=HYPERLINK(1)", "/home/alice/t.py"), strict=True)
    )
    path = csvfile.write_tests(run, samples.renamed(judged, names), tmp_path / "tests.csv")
    assert set(pd.read_csv(path)["nodeid"]) == {"'=HYPERLINK(1)", "~/t.py"}
