"""Growth tables of one run and of several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[1] / "report"))

import samples

from pytest_leakcheck.compare import tables
from pytest_leakcheck.compare.comparison import Comparison, compare_runs
from pytest_leakcheck.compare.environment import ABSENT
from pytest_leakcheck.compare.totals import base_bytes, highest_bytes, leaked_bytes
from pytest_leakcheck.model.errors import UsageError

ALL = frozenset(samples.CAUSES)


@pytest.fixture(scope="module")
def three() -> Comparison:
    """Before, the guide's fix (patches only), and the real one (all but a cache that doubled)."""
    before = samples.chroma_run("before", tests=120)
    guide = samples.chroma_run("guide", tests=120, leaking=ALL - {samples.PATCH.fingerprint})
    run, judged = samples.chroma_run(
        "real", tests=120, leaking=frozenset({samples.CACHE.fingerprint})
    )
    return compare_runs(
        [before, guide, (run, samples.slower(judged, samples.CACHE.fingerprint, 2))]
    )


def row(table: pd.DataFrame, column: str, value: str) -> pd.Series[Any]:
    """The one row whose column has this value."""
    found = table[table[column] == value]
    assert len(found) == 1
    return found.iloc[0]


def test_every_test_has_one_row_with_exact_numbers() -> None:
    """Growth, interval, cause, worker and the sweep's own numbers stand in one row."""
    run, judged = samples.chroma_run(tests=60)
    table = tables.test_table(judged, run)
    assert table["nodeid"].tolist() == [test.nodeid for test in judged.tests]
    found = row(table, "nodeid", "tests/store/test_store_0.py::TestIt::test_1[case-1]")
    slope = samples.SLOPES[samples.REGISTRY.fingerprint]["heap_bytes"]
    assert (found["heap_bytes"], found["heap_bytes_low"], found["heap_bytes_high"]) == (
        slope.per_run,
        slope.low,
        slope.high,
    )
    assert found["holder"] == samples.REGISTRY.holder
    assert found["worker"] == "gw1"
    assert found["peak_growth_bytes"] == int(slope.per_run) + 64 * 1024
    clean = row(table, "nodeid", "tests/store/test_store_0.py::TestIt::test_0[case-0]")
    assert pd.isna(clean["fds"])  # not seen is not zero


def test_tests_are_marked_against_the_first_state(three: Comparison) -> None:
    """Each later state has its own mark; the overall one is the last state's."""
    fixed = row(three.tests, "nodeid", "tests/store/test_store_0.py::TestIt::test_1[case-1]")
    assert (fixed["guide.mark"], fixed["real.mark"], fixed["mark"]) == ("same", "fixed", "fixed")
    worse = row(three.tests, "nodeid", "tests/store/test_store_0.py::TestIt::test_2[case-2]")
    assert worse["mark"] == "worse"
    assert worse["delta.heap_bytes"] == pytest.approx(9_249)
    open_ = row(three.tests, "nodeid", "tests/store/test_store_0.py::TestIt::test_8[case-1]")
    assert open_["mark"] == "not comparable"
    assert "the test failed" in open_["mark_reason"]


def test_a_test_of_one_run_only_is_kept_and_said(three: Comparison) -> None:
    """A test that a run does not have is not comparable, and not lost."""
    run, judged = samples.chroma_run(tests=10)
    less = msgspec.structs.replace(judged, tests=judged.tests[1:])
    compared = compare_runs([(run, judged), (run, less)]).tests
    lost = row(compared, "nodeid", judged.tests[0].nodeid)
    assert (lost["mark"], lost["mark_reason"]) == ("not comparable", "not in the later run")
    assert lost["before (2).verdict"] == "absent"


def test_causes_are_marked_and_worst_first(three: Comparison) -> None:
    """One row per fingerprint, with tests and totals in each state."""
    causes = three.causes
    assert causes["fingerprint"].iloc[0] == samples.REGISTRY.fingerprint
    marks = dict(zip(causes["fingerprint"], causes["mark"], strict=True))
    assert marks == {
        samples.REGISTRY.fingerprint: "fixed",
        samples.PATCH.fingerprint: "fixed",
        samples.NATIVE.fingerprint: "fixed",
        samples.CACHE.fingerprint: "worse",
    }
    registry = row(causes, "fingerprint", samples.REGISTRY.fingerprint)
    assert [registry[f"{label}.tests"] for label in ("before", "guide", "real")] == [24, 24, 0]
    assert registry["before.total.fds"] == 12 * 24
    assert registry["guide.mark"] == "same"


def test_totals_keep_confirmed_and_open_growth_apart(three: Comparison) -> None:
    """What was seen once only is not added to what was repeated."""
    totals = three.totals
    heap = totals[(totals["state"] == "before") & (totals["signal"] == "heap_bytes")].iloc[0]
    judged = three.states[0].judged
    leaks = [t for t in judged.tests if t.verdict == "leak"]
    assert heap["confirmed"] == sum(t.slopes["heap_bytes"].per_run for t in leaks)
    opened = [t for t in judged.tests if t.verdict in ("unconfirmed", "not judged")]
    assert heap["one_run"] == sum(t.slopes["heap_bytes"].per_run for t in opened)
    unseen = totals[(totals["state"] == "before") & (totals["signal"] == "children")].iloc[0]
    assert pd.isna(unseen["confirmed"])


def test_more_workers_divide_the_leak_and_multiply_the_base(three: Comparison) -> None:
    """The formula that the page tells in words."""
    state = three.states[0]
    base, leaked = base_bytes(state), leaked_bytes(state)
    assert base == 118 * 2**20
    rows = three.projection[three.projection["state"] == "before"].set_index("workers")
    assert rows.loc[4, "per_worker_bytes"] == pytest.approx(base + leaked / 4)
    assert rows.loc[4, "all_workers_bytes"] == pytest.approx(4 * base + leaked)
    assert rows.loc[1, "measured_highest_bytes"] == highest_bytes(state)
    assert rows.loc[1, "measured_workers"] == 2


def test_only_what_differs_is_listed() -> None:
    """Packages, settings and revision are compared; label and date are not."""
    first = samples.chroma_run("one", tests=5)
    run, judged = samples.chroma_run("two", tests=5)
    info = samples.info(
        "two",
        packages={"chromadb": "1.5.9", "pytest": "9.2.0"},
        settings={"depth": "full", "repeats": 12, "warmups": 3, "dir": ".leakcheck"},
        git_dirty=True,
    )
    table = compare_runs([first, (run, msgspec.structs.replace(judged, info=info))]).environment
    assert table.to_numpy().tolist() == [
        ["git", "uncommitted changes", "no", "yes"],
        ["package", "chromadb", "1.5.1", "1.5.9"],
        ["package", "numpy", "2.4.6", ABSENT],
        ["setting", "depth", "default", "full"],
    ]


def test_runs_without_a_common_test_are_refused() -> None:
    """One sentence that names both runs."""
    run, judged = samples.chroma_run("one", tests=5)
    names = {test.nodeid: f"other.py::test_{n}" for n, test in enumerate(judged.tests)}
    other = samples.renamed(msgspec.structs.replace(judged, info=samples.info("two")), names)
    with pytest.raises(UsageError, match="The runs one and two have no test in common"):
        compare_runs([(run, judged), (run, other)])


def test_one_run_is_no_comparison() -> None:
    """Two are needed."""
    with pytest.raises(UsageError, match="two runs or more"):
        compare_runs([samples.chroma_run(tests=5)])


def test_runs_without_any_cause_compare() -> None:
    """Two clean runs give an empty table of causes."""
    clean = [samples.chroma_run(name, tests=8, leaking=frozenset()) for name in ("one", "two")]
    compared = compare_runs(clean)
    assert compared.causes.empty
    assert set(compared.tests["mark"]) == {"same"}
