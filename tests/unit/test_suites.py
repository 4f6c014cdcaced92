"""LeakBench's suites: how their results are read."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_leakcheck.model.results import TestVerdict

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(name="suites")
def _suites(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, which lies beside the package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("leakbench.suites")
    for name in [name for name in sys.modules if name.partition(".")[0] == "leakbench"]:
        monkeypatch.delitem(sys.modules, name)


def verdict(nodeid: str, *fingerprints: str) -> TestVerdict:
    """A leak with these causes."""
    return TestVerdict(
        nodeid=nodeid,
        verdict="leak",
        reason="grew",
        outcome="passed",
        slopes={},
        basis="repeated",
        fingerprints=list(fingerprints),
    )


LINES = {
    "== 3 passed, 1 skipped, 2 warnings in 1.05s ==": "3 passed, 1 skipped",
    "3 passed in 0.10s": "3 passed",
    "1 failed, 2 passed in 65.10s (0:01:05)": "1 failed, 2 passed",
    "no tests ran in 0.01s": "",
}


@pytest.mark.parametrize(("line", "told"), LINES.items())
def test_last_line(suites: Any, line: str, told: str) -> None:
    """Outcomes are compared without times and warnings, which differ from run to run."""
    assert suites.last_line(f"....\n{line}\n") == told


def test_every_suite_can_be_read(suites: Any) -> None:
    """Each names one version, and what was examined says of which test or cause."""
    folders = [path.parent for path in suites.SUITES.glob("*/case.toml")]
    assert len(folders) >= 9
    for folder in folders:
        suite = suites.load_suite(folder)
        assert "==" in suite.package
        assert all(entry.nodeid or entry.fingerprint for entry in suite.examined)


def test_examined_by_cause_or_test(suites: Any) -> None:
    """An examination covers all tests of its cause, or all parameters of its test."""
    entries = [
        suites.Examined(fingerprint="0123456789ab", real=True, note="kept"),
        suites.Examined(nodeid="t.py::test_a", real=False, note="replaced"),
    ]
    suite = suites.Suite(what="", package="a==1", tests=["t"], examined=entries)

    def known(test: TestVerdict) -> Any:
        return suites.accusation(test, [], suite).examined

    assert known(verdict("t.py::test_b", "ffffffffffff", "0123456789ab")) == entries[0]
    assert known(verdict("t.py::test_a[1-x]")) == entries[1]
    assert known(verdict("t.py::test_ab")) is None


def test_groups_share_causes(suites: Any) -> None:
    """Tests of one cause are told together; without a cause each for itself."""
    suite = suites.Suite(what="", package="a==1", tests=["t"])
    tests = [verdict("t::a", "1"), verdict("t::b", "1"), verdict("t::c"), verdict("t::d")]
    groups = suites.groups_of([suites.accusation(test, [], suite) for test in tests])
    assert sorted(len(group) for group in groups) == [1, 1, 2]


def test_labels(suites: Any) -> None:
    """How a suite was run names its run."""
    assert suites.label_of(0, None) == "plain-order"
    assert suites.label_of(2, 7) == "n2-seed7"
    assert suites.label_of(0, 3, loaded=True) == "seed3-loaded"


def test_a_result_is_told_with_what_is_known(suites: Any) -> None:
    """Counts, the outcome, and each accusation with its examination."""
    accused = suites.Accusation(
        nodeid="t::a", verdict="leak", reason="grew", fingerprints=["1"], causes=["1 m.x: list"]
    )
    result = suites.Result(
        name="shop",
        tests=2,
        plain_s=1,
        measured_s=2.5,
        verdicts={"leak": 1, "clean": 1},
        accusations=[accused],
        same_outcome=False,
        last_line="2 passed",
    )
    told = "\n".join(suites.tell(result))
    assert "shop: 2 tests, 1.0 s plain, 2.5 s measured: 1 clean, 1 leak" in told
    assert "NOT as without" in told
    assert "leak [not examined] t::a" in told
    real = suites.Examined(fingerprint="1", real=True, note="kept")
    known = msgspec.structs.replace(accused, examined=real)
    assert "leak [real] t::a" in "\n".join(
        suites.tell(msgspec.structs.replace(result, accusations=[known]))
    )


def test_stored_results_are_reported_with_their_condition(
    suites: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each condition of a suite is a file and a row; the suite's own order in one process first."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    kept = importlib.import_module("leakbench.kept")
    report = importlib.import_module("leakbench.report")
    for workers, seed in ((2, None), (0, 1), (0, None)):
        result = suites.Result(
            name="click",
            workers=workers,
            seed=seed,
            tests=3,
            plain_s=1.0,
            measured_s=2.0,
            verdicts={"clean": 3},
            accusations=[],
            same_outcome=True,
            last_line="3 passed",
        )
        suites.store(result, tmp_path / "suites")
    names = sorted(path.name for path in (tmp_path / "suites").iterdir())
    assert names == ["click-n2.json", "click-seed1.json", "click.json"]
    file = tmp_path / "kept.json.gz"
    found = report.examine_suites(kept.gather(tmp_path, file).suites)
    assert [(r.workers, r.seed) for r in found] == [(0, None), (0, 1), (2, None)]
    rows = [line for line in report._suites_table(found) if line.startswith("| click")]
    assert [row.split(" | ")[1] for row in rows] == [
        "-n 0, own order",
        "-n 0, order 1",
        "-n 2, own order",
    ]
