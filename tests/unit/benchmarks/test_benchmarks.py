"""The pure parts of the benchmarks: fits, ratios, tables, and regression or noise."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).resolve().parents[3] / "benchmarks"
NAMES = (
    *("timing", "guard", "bench", "overhead", "sweep_profile", "footprint", "explain_cost"),
    "report_cost",
)


@pytest.fixture(name="modules")
def _modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The benchmarks' modules, which are scripts beside each other."""
    if not HOME.is_dir():
        pytest.skip("the benchmarks are not here")
    monkeypatch.syspath_prepend(str(HOME))
    yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("law", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_law_is_found(modules: dict[str, Any], law: float) -> None:
    """Costs of exactly one law give it back, whatever the factor."""
    sizes = [10, 100, 1000]
    costs = [3 * size**law for size in sizes]
    assert modules["timing"].exponent(sizes, costs) == pytest.approx(law)


@pytest.mark.parametrize(("sizes", "costs"), [([], []), ([5], [1.0]), ([5, 9], [1.0, -0.1])])
def test_one_point_has_no_law(
    modules: dict[str, Any], sizes: list[float], costs: list[float]
) -> None:
    """A cost below zero is noise and no point."""
    assert modules["timing"].exponent(sizes, costs) is None


def test_a_ratio_is_the_median_of_the_rounds_own(modules: dict[str, Any]) -> None:
    """One slow round, slow on both sides, does not move it."""
    row = modules["timing"].row_of("s", "w", [1.1, 11.0, 1.1], "s", [1.0, 10.0, 1.0])
    assert row.ratio == pytest.approx(1.1)
    assert (row.low, row.high) == (1.1, 11.0)


def test_the_lowest_rounds_are_set_against_each_other(modules: dict[str, Any]) -> None:
    """Of rows with a ratio and several rounds, against plain pytest on the same suite."""
    row_of, plain = modules["timing"].row_of, modules["overhead"].PLAIN.name
    other = row_of("t", plain, [4.0, 5.0], "s")
    rows = [
        row_of("s", plain, [2.0, 3.0], "s"),
        row_of("s", "ours", [2.5, 2.2], "s", [2.0, 3.0]),
        row_of("s", "rival", [8.0], "s", [2.0]),
        other,
    ]
    lines = modules["bench"].table(rows).splitlines()[2:]
    assert [line.split(" | ")[4].strip() for line in lines] == ["", "1.1", "", ""]


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("..\nleakcheck: 2,111 tests measured: 3 leak, 5 clean. Run x.\n", "3 leak, 5 clean."),
        ("====\n12 tests and fixtures measured: 1 leak, 11 clean.\nSee", "1 leak, 11 clean."),
        ("ERROR: no such option", "does not run: status 4"),
    ],
)
def test_verdicts_are_read_from_the_summary(modules: dict[str, Any], out: str, told: str) -> None:
    """Where fixtures were judged as well, too."""
    cost = modules["timing"].Cost(cpu_s=1.0, wall_s=1.0, peak_bytes=1, status=4, out=out)
    assert modules["timing"].verdicts_of(cost) == told


@pytest.mark.parametrize(
    ("stored", "fresh", "finding"),
    [
        ((1.0, 0.9, 1.1), (1.5, 1.4, 1.6), "regression"),
        ((1.0, 0.9, 1.6), (1.5, 1.4, 1.6), "noise"),
        ((1.5, 1.4, 1.6), (1.0, 0.9, 1.1), "improvement"),
        ((1.5, 1.0, 1.6), (1.0, 0.9, 1.1), "noise"),
        ((1.0, 0.99, 1.01), (1.05, 1.04, 1.06), "same"),
        ((1.0, None, None), (1.5, None, None), "regression"),
        ((None, None, None), (1.5, 1.4, 1.6), "same"),
    ],
)
def test_a_regression_is_told_from_noise(
    modules: dict[str, Any], stored: Any, fresh: Any, finding: str
) -> None:
    """Worse by a tenth, and rounds that do not overlap."""
    row = modules["timing"].Row

    def with_ratio(values: Any) -> Any:
        ratio, low, high = values
        return row("s", "w", 1.0, "s", ratio=ratio, ratio_low=low, ratio_high=high)

    assert modules["guard"].judge(with_ratio(stored), with_ratio(fresh)) == finding


def test_rows_are_compared_with_their_own(modules: dict[str, Any]) -> None:
    """A row that was not stored is left out."""
    row = modules["timing"].Row
    old = [row("a", "w", 1.0, "s", ratio=1.0)]
    new = [row("a", "w", 2.0, "s", ratio=2.0), row("b", "w", 9.0, "s", ratio=9.0)]
    assert [found[0] for found in modules["guard"].compare(old, new)] == ["regression"]


def test_stored_results_are_read_back(modules: dict[str, Any], tmp_path: Path) -> None:
    """And become a table with the command and the machine beside it."""
    timing = modules["timing"]
    rows = [timing.row_of("a suite", "sweep", [1.5, 2.5, 2.0], "CPU s", [1.0, 2.0, 2.0], "a|b")]
    timing.store(timing.Part("overhead", "the command", rows), "a machine", tmp_path)
    assert timing.load(tmp_path / "overhead.json")[1] == rows
    text = modules["bench"].document(tmp_path)
    assert "`the command`: a machine" in text
    assert "| a suite | sweep | 2 (1.5 to 2.5) CPU s | 1.25 (1 to 1.5) |  | a/b |" in text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (1234.5, "1,234"), (0.12345, "0.123"), (150.4, "150")]
)
def test_numbers_have_three_figures(
    modules: dict[str, Any], value: float | None, text: str
) -> None:
    """What is not known is a dash."""
    assert modules["bench"].number(value) == text


def test_shares_are_of_the_sweeps_own_samples(modules: dict[str, Any]) -> None:
    """Callees count once for each stack; what runs beside the sweep counts for the loop only."""
    lines = [
        (
            "main (a.py:1);pytest_runtestloop (b.py:2);Sweep._end (pytest_leakcheck/c.py:3);"
            "read (pytest_leakcheck/d.py:4);read (pytest_leakcheck/d.py:5) 3"
        ),
        "main (a.py:1);pytest_runtestloop (b.py:2);Sweep._begin (pytest_leakcheck/c.py:9) 1",
        "main (a.py:1);pytest_runtestloop (b.py:2);test_a (t.py:1) 12",
        "main (a.py:1);collect (b.py:7) 99",
    ]
    profile = modules["sweep_profile"]
    of_loop, own = profile.shares(profile._read(lines))
    assert of_loop == 0.25
    assert own == {"Sweep._end": 0.75, "read": 0.75, "Sweep._begin": 0.25}
