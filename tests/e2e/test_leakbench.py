"""LeakBench's quick run: every kind of leak and of innocent once, under the tool itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from leakbench.__main__ import main
from leakbench.cases import QUICK, load_cases
from leakbench.score import confusion, score
from leakbench.tools import OURS, Outcome


@pytest.fixture(name="outcomes", scope="module")
def _outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """The quick run, once; its own exit status is a test's below."""
    store = tmp_path_factory.mktemp("leakbench")
    main(["--quick", "--here", "--jobs", "2", "--store", str(store)])
    return [
        msgspec.json.decode(path.read_bytes(), type=Outcome)
        for path in Path(store, "results").glob("*.json")
    ]


CASES = {case.name: case for case in load_cases() if case.name in QUICK}


def outcome_of(name: str, outcomes: list[Outcome]) -> Outcome:
    """The run of one case."""
    (found,) = (o for o in outcomes if o.case == name)
    assert found.tool == OURS.name
    assert not found.failed
    return found


@pytest.mark.parametrize("name", QUICK)
def test_a_case_of_the_quick_run_is_judged_right(name: str, outcomes: list[Outcome]) -> None:
    """Every leak is found, nobody else is accused."""
    scored = score(CASES[name], outcome_of(name, outcomes))
    counts = confusion(scored)
    assert (counts.missed, counts.false) == (0, 0)
    assert [s.nodeid for s in scored if s.truth == "leaks" and not s.right] == []


@pytest.mark.parametrize("name", [n for n in QUICK if CASES[n].leaks is not None])
def test_the_holder_of_a_leak_is_named(name: str, outcomes: list[Outcome]) -> None:
    """By a reference path, or the place that allocated or opened it; no other name is given.

    The smallest of several sizes may stay without a name.
    """
    scored = score(CASES[name], outcome_of(name, outcomes))
    asked = [s for s in scored if s.holder is not None]
    assert any(s.holder for s in asked)
    assert [(s.nodeid, s.named) for s in asked if s.named and not s.holder] == []
