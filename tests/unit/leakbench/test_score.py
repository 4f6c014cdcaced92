"""LeakBench's scores: answers against the truth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakbench.cases import Case, Side
from leakbench.score import best_threshold, confusion, same_cause, score
from leakbench.tools import Answer, Outcome

LEAK = "test_case.py::test_leak[run0]"
NEIGHBOUR = "test_neighbours.py::test_adds[apple]"


def case(**side: Any) -> Case:
    """A case whose tests leak."""
    return Case(what="x", kind="python", name="x", family="planted", leaks=Side(**side))


def outcome(*answers: Answer, side: str = "leaks") -> Outcome:
    """What a tool said."""
    return Outcome(case="x", family="planted", side=side, tool="leakcheck", answers=list(answers))


def said(nodeid: str, verdict: str, **more: Any) -> Answer:
    """One answer of ours."""
    return Answer(nodeid=nodeid, verdict=verdict, accused=verdict == "leak", **more)


def test_a_leak_is_right_to_accuse_and_a_neighbour_is_not() -> None:
    scored = score(case(), outcome(said(LEAK, "leak"), said(NEIGHBOUR, "leak")))
    assert [s.right for s in scored] == [True, False]
    counts = confusion(scored)
    assert (counts.found, counts.missed, counts.false) == (1, 0, 1)
    assert counts.precision == 0.5
    assert counts.recall == 1.0


def test_a_leaking_test_without_an_answer_was_missed() -> None:
    """A tool that crashes must not look perfect."""
    assert confusion(score(case(), outcome(said(NEIGHBOUR, "clean")))).missed == 1
    assert confusion(score(case(), outcome())).recall == 0.0


@pytest.mark.parametrize(
    ("verdict", "right"),
    [("clean", True), ("settles", True), ("held", True), ("unconfirmed", False)],
)
def test_an_innocent_may_not_even_stay_open(verdict: str, right: bool) -> None:
    """Unconfirmed accuses nobody, but it is no answer either."""
    (scored,) = score(case(tests=["test_other"]), outcome(said(NEIGHBOUR, verdict)))[:1]
    assert scored.right is right
    assert not scored.accused


def test_of_an_intermittent_leak_the_best_answer_counts() -> None:
    """Instances that did not leak are not misses."""
    side: dict[str, Any] = {"verdicts": ["leak", "unconfirmed"], "any": True}
    answers = [said(LEAK, "clean"), said("test_case.py::test_leak[run1]", "unconfirmed")]
    counts = confusion(score(case(**side), outcome(*answers)))
    assert (counts.found, counts.missed) == (1, 0)
    assert confusion(score(case(**side), outcome(answers[0]))).missed == 1


def test_a_wider_fixture_is_judged_in_its_own_name() -> None:
    side: dict[str, Any] = {"tests": ["@store"], "neutral": ["test_uses_it"]}
    answers = [
        said("test_case.py::store [module fixture]", "leak"),
        said("test_case.py::test_uses_it", "leak"),
    ]
    counts = confusion(score(case(**side), outcome(*answers)))
    assert (counts.found, counts.missed, counts.false) == (1, 0, 0)


@pytest.mark.parametrize(
    ("grown", "right"), [(1009.0, True), (1100.0, True), (1200.0, False), (800.0, False)]
)
def test_growth_is_right_within_a_tenth(grown: float, right: bool) -> None:
    side: dict[str, Any] = {"sizes": [1000], "per_run": {"heap_bytes": "size + 9"}}
    answer = said("test_case.py::test_leak[1000]", "leak", growth={"heap_bytes": grown})
    (scored,) = score(case(**side), outcome(answer))
    assert scored.size == 1000
    assert scored.growth is right


def test_a_holder_is_right_when_one_name_fits() -> None:
    side: dict[str, Any] = {"holder": ["app.CACHE[*]", "*igraph*"]}
    names = ["(held from C)", "decompose _igraph.abi3.so"]
    (right,) = score(case(**side), outcome(said(LEAK, "leak", named=names)))
    (wrong,) = score(case(**side), outcome(said(LEAK, "leak", named=["json.decoder"])))
    assert (right.holder, wrong.holder) == (True, False)


def test_instances_of_one_cause_have_one_fingerprint() -> None:
    answers = [
        said(f"test_case.py::test_leak[run{n}]", "leak", fingerprints=[print_])
        for n, print_ in enumerate(("aaa", "aaa", "bbb"))
    ]
    assert same_cause(score(case(), outcome(*answers[:2]))) is True
    assert same_cause(score(case(), outcome(*answers))) is False
    assert same_cause(score(case(), outcome(answers[0]))) is None


@given(st.lists(st.tuples(st.integers(0, 20).map(float), st.booleans()), min_size=1))
def test_no_threshold_is_better_than_the_best(scored: list[tuple[float, bool]]) -> None:
    """Tried one by one."""

    def f1(threshold: float) -> float:
        hits = sum(leaks for figure, leaks in scored if figure >= threshold)
        accused = sum(figure >= threshold for figure, _ in scored)
        leaking = sum(leaks for _, leaks in scored)
        return 2 * hits / (accused + leaking) if leaking else 0.0

    threshold, counts = best_threshold(scored)
    assert counts.found + counts.missed == sum(leaks for _, leaks in scored)
    assert f1(threshold) == max(f1(figure) for figure, _ in scored)
