"""The search for the earlier tests that make a test grow: always minimal, never endless."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.bisection.search import Answer, Bisection, Probe, Search, Stopped
from pytest_leakcheck.judge.verdict import Judgement
from pytest_leakcheck.model.results import VerdictName
from pytest_leakcheck.model.signals import Outcome

Members = tuple[str, ...]


class Asked:
    """Answers from a rule, and keeps what was asked."""

    def __init__(self, rule: Callable[[tuple[int, ...]], bool]) -> None:
        self.rule = rule
        self.sets: list[tuple[int, ...]] = []

    def __call__(self, members: tuple[int, ...]) -> bool:
        self.sets.append(members)
        return self.rule(members)


def needing(*alternatives: Iterable[int]) -> Asked:
    """Grows with all of the numbers of one alternative."""
    wanted = [frozenset(numbers) for numbers in alternatives]
    return Asked(lambda members: any(numbers <= set(members) for numbers in wanted))


def check_minimal(rule: Callable[[tuple[int, ...]], bool], found: tuple[int, ...]) -> None:
    """It grows, and without any one of its members it does not."""
    assert rule(found)
    for fewer in combinations(found, len(found) - 1):
        assert not rule(fewer)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 400), st.integers(1, 6))
def test_those_that_are_needed_are_found_in_few_probes(
    data: st.DataObject, size: int, needed: int
) -> None:
    """Whichever they are: all of them and no other, in their order."""
    numbers = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=needed))
    ask = needing(numbers)
    found = Search(range(size), ask).run()
    assert found == tuple(sorted(numbers))
    most = 2 + len(numbers) * (3 * math.ceil(math.log2(size)) + 1)
    assert len(ask.sets) <= min(most, Search.most_probes(size))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sets(st.integers(0, 11), min_size=1), min_size=1, max_size=4))
def test_of_several_reasons_one_is_enough(reasons: list[set[int]]) -> None:
    """Any alternative will do, when nothing of it can be spared."""
    ask = needing(*reasons)
    found = Search(range(12), ask).run()
    assert found is not None
    check_minimal(ask.rule, found)


@settings(max_examples=400, deadline=None)
@given(st.integers(1, 14), st.integers(0, 1_000_000), st.integers(0, 255))
def test_whatever_the_answers_the_set_is_minimal_and_the_probes_are_bounded(
    size: int, seed: int, share: int
) -> None:
    """Tests that undo what others did: a set may grow while a larger one does not."""

    def rule(members: tuple[int, ...]) -> bool:
        if len(members) in (0, size):
            return bool(members)
        return hashlib.sha256(f"{seed} {members}".encode()).digest()[0] < share

    ask = Asked(rule)
    search = Search(range(size), ask)
    found = search.run()
    assert found is not None
    check_minimal(rule, found)
    assert len(set(ask.sets)) == len(ask.sets) == search.probes <= Search.most_probes(size)
    assert all(tuple(sorted(members)) == members for members in ask.sets)


def test_halves_come_first() -> None:
    """One that is to blame among a thousand costs little more than two runs of the suite."""
    ask = needing([137])
    assert Search(range(1000), ask).run() == (137,)
    assert [len(members) for members in ask.sets[:4]] == [0, 1000, 500, 250]
    assert sum(map(len, ask.sets)) < 3000


def test_none_and_all() -> None:
    """Growth without any of them, and none even with all."""
    assert Search(range(5), lambda _: True).run() == ()
    assert Search(range(5), lambda _: False).run() is None
    assert Search([], lambda _: False).run() is None
    assert Search(range(3), lambda members: len(members) == 3).run() == (0, 1, 2)


def test_a_search_that_is_ended_keeps_the_best_so_far() -> None:
    """What was found before the time was over is not lost."""
    sizes: list[int] = []

    def ask(members: tuple[int, ...]) -> bool:
        sizes.append(len(members))
        if len(sizes) > 4:
            raise Stopped("enough")
        return 70 in members

    search = Search(range(100), ask)
    with pytest.raises(Stopped):
        search.run()
    assert search.best == tuple(range(50, 100))


# --- the questions -------------------------------------------------------------------------------

EARLIER: dict[str, Outcome] = {f"t.py::test_{letter}": "passed" for letter in "abcdefgh"}


def judged(verdict: VerdictName, seconds: float = 1.0) -> Probe:
    """A process that ended with this verdict."""
    return Probe(judgement=Judgement(verdict, f"it {verdict}", {}), seconds=seconds)


class Suite:
    """Stands for the processes: grows after the tests that are needed."""

    def __init__(self, *needed: str, otherwise: Mapping[Members, Sequence[Probe]] | None = None):
        self.needed = {f"t.py::test_{letter}" for letter in needed}
        self.otherwise = {members: list(probes) for members, probes in (otherwise or {}).items()}
        self.asked: list[Members] = []

    def __call__(self, members: Members) -> Probe:
        self.asked.append(members)
        left = self.otherwise.get(members)
        if left:
            return left.pop(0)
        return judged("leak" if self.needed <= set(members) else "settles")


def bisected(suite: Callable[[Members], Probe], earlier: Mapping[str, Outcome]) -> Answer:
    """The answer for ``t.py::test_x``."""
    return Bisection("t.py::test_x", "main", earlier, suite).run()


def test_growth_by_itself_needs_one_process() -> None:
    """Nothing else is run."""
    answer = bisected(Suite(), EARLIER)
    assert (answer.found, answer.after, answer.processes) == ("alone", (), 1)


def test_no_growth_after_all_of_them_needs_two() -> None:
    """With the reason of the second."""
    answer = bisected(lambda _: judged("settles"), EARLIER)
    assert (answer.found, answer.processes, answer.earlier) == ("never", 2, 8)
    assert answer.probe == judged("settles")


def test_without_earlier_tests_one_process_tells() -> None:
    """The first test of a worker."""
    answer = bisected(lambda _: judged("settles"), {})
    assert (answer.found, answer.processes, answer.earlier) == ("never", 1, 0)
    assert answer.probe == judged("settles")


def test_what_was_found_is_tried_once_more() -> None:
    """The last process repeats the set that is named."""
    suite = Suite("c", "f")
    answer = bisected(suite, EARLIER)
    assert (answer.found, answer.after) == ("after", ("t.py::test_c", "t.py::test_f"))
    assert suite.asked.count(answer.after) == 2
    assert suite.asked[-1] == answer.after
    assert not answer.unstable
    assert answer.processes == len(suite.asked)


def test_a_set_that_is_judged_differently_the_second_time_is_told() -> None:
    """It grew once, and not when it was tried again."""
    one = ("t.py::test_c",)
    answer = bisected(Suite("c", otherwise={one: [judged("leak"), judged("settles")]}), EARLIER)
    assert answer.after == one
    assert list(answer.unstable) == [one]


def test_an_open_verdict_is_tried_again() -> None:
    """Where the second process grows the set counts as growing, and is told."""
    every = tuple(EARLIER)
    suite = Suite("c", otherwise={every: [judged("unconfirmed"), judged("leak")]})
    answer = bisected(suite, EARLIER)
    assert answer.after == ("t.py::test_c",)
    assert list(answer.unstable) == [every]
    twice = Suite("c", otherwise={every: [judged("unconfirmed"), judged("unconfirmed")]})
    assert bisected(twice, EARLIER).found == "never"
    assert twice.asked == [(), every, every]


def test_tests_that_are_gone_are_left_out() -> None:
    """They are told; the others are searched."""
    every = tuple(EARLIER)
    gone = Probe(
        judgement=Judgement("leak", "", {}),
        missing=every[:2],
        ended={every[2]: "failed", every[3]: "passed"},
    )
    suite = Suite("c", otherwise={every: [gone]})
    answer = bisected(suite, {**EARLIER, every[3]: "skipped"})
    assert (answer.after, answer.earlier) == (("t.py::test_c",), 6)
    assert list(answer.missing) == list(every[:2])
    assert answer.changed == {every[2]: "failed", every[3]: "passed"}
    assert not any(set(every[:2]) & set(members) for members in suite.asked[2:])


def test_when_the_time_is_over_the_fewest_so_far_are_the_answer() -> None:
    """With the reason."""
    suite = Suite("c", "f")

    def ask(members: Members) -> Probe:
        if len(suite.asked) == 6:
            raise Stopped("it is late")
        return suite(members)

    answer = bisected(ask, EARLIER)
    assert (answer.found, answer.stopped) == ("open", "it is late")
    assert {"t.py::test_c", "t.py::test_f"} <= set(answer.after)
    assert len(answer.after) < len(EARLIER)

    def at_once(_: Members) -> Probe:
        raise Stopped("it is late")

    assert bisected(at_once, EARLIER).after == ()


def test_the_time_that_is_left_shrinks_with_the_candidates() -> None:
    """It is told once two processes have shown what one costs."""
    told: list[tuple[int, int, float | None]] = []
    suite = Suite("c")

    def ask(members: Members) -> Probe:
        probe = suite(members)
        return judged(probe.judgement.verdict, seconds=2.0 + 10.0 * len(members))

    Bisection("t.py::test_x", "main", EARLIER, ask, lambda *what: told.append(what)).run()
    assert [step for step, _, _ in told] == list(range(1, len(told) + 1))
    assert [count for _, count, _ in told] == [len(members) for members in suite.asked]
    left = [seconds for _, _, seconds in told if seconds is not None]
    assert [seconds for _, _, seconds in told[:2]] == [None, None]
    assert left[0] == pytest.approx((1.5 * 3 + 1) * 2.0 + 1.5 * 8 * 10.0)
    assert left == sorted(left, reverse=True)
