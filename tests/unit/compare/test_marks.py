"""The rule that marks a change."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_leakcheck.compare.marks import (
    LETS_GO,
    SWAPPED,
    CauseSide,
    is_judged,
    mark,
    mark_cause,
    mark_slopes,
)
from pytest_leakcheck.model.results import VERDICTS, TestVerdict
from pytest_leakcheck.model.signals import Slope

SIGNALS = ("heap_bytes", "rss_bytes", "survivors", "fds")


@st.composite
def slopes(draw: st.DrawFn) -> dict[str, Slope]:
    """Growth per run in some signals, with or without an interval."""
    found = {}
    for signal in draw(st.sets(st.sampled_from(SIGNALS))):
        ends = draw(st.lists(st.integers(-(10**7), 10**7), min_size=3, max_size=3).map(sorted))
        once = draw(st.booleans())
        found[signal] = Slope(
            per_run=float(ends[1]),
            low=None if once else float(ends[0]),
            high=None if once else float(ends[2]),
            runs=1 if once else 12,
        )
    return found


@st.composite
def verdicts(draw: st.DrawFn) -> TestVerdict:
    """Any judgement of one test."""
    return TestVerdict(
        nodeid="t.py::test",
        verdict=draw(st.sampled_from(VERDICTS)),
        reason="said so",
        outcome="passed",
        slopes=draw(slopes()),
        basis=draw(st.sampled_from(("repeated", "by signature", "one run"))),
        like=draw(st.sampled_from(("", "t.py::other"))),
        hidden=draw(st.booleans()),
    )


def leak(per_run: float, spread: float = 0.0, **changes: object) -> TestVerdict:
    """A leak of so many bytes of C heap per run."""
    slope = Slope(per_run=per_run, low=per_run - spread, high=per_run + spread, runs=12)
    plain = TestVerdict(
        nodeid="t.py::test",
        verdict="leak",
        reason="grows",
        outcome="passed",
        slopes={"heap_bytes": slope},
        basis="repeated",
    )
    return msgspec.structs.replace(plain, **changes)


@given(verdicts(), verdicts())
def test_swapping_the_runs_swaps_the_mark(before: TestVerdict, after: TestVerdict) -> None:
    """Fixed becomes new, better becomes worse, and the others stay."""
    assert mark(after, before)[0] == SWAPPED[mark(before, after)[0]]


@given(verdicts())
def test_a_judged_test_is_the_same_as_itself(test: TestVerdict) -> None:
    """A run held against itself shows no change."""
    assume(is_judged(test))
    assume(test.verdict != "leak" or any(s.low is not None for s in test.slopes.values()))
    assert mark(test, test)[0] == "same"


ENDS = st.lists(st.integers(0, 10**6), min_size=3, max_size=3).map(sorted)


@given(ENDS, ENDS)
def test_better_and_worse_need_intervals_apart(before: list[int], after: list[int]) -> None:
    """Where the intervals overlap nothing has changed; where it did, the way is the sign's."""
    first, last = (Slope(per_run=m, low=lo, high=hi, runs=9) for lo, m, hi in (before, after))
    marked, _ = mark_slopes({"heap_bytes": first}, {"heap_bytes": last})
    if before[0] <= after[2] and after[0] <= before[2]:
        assert marked == "same"
    elif marked != "same":
        assert marked == ("better" if after[1] < before[1] else "worse")
        assert abs(after[1] - before[1]) >= 0.1 * max(after[1], before[1])


@given(verdicts(), verdicts())
def test_what_was_not_judged_is_never_called_fixed_or_new(
    before: TestVerdict, after: TestVerdict
) -> None:
    """An open verdict on either side makes a test not comparable, with the reason."""
    assume(not (is_judged(before) and is_judged(after)))
    marked, reason = mark(before, after)
    assert marked == "not comparable"
    assert "said so" in reason


@pytest.mark.parametrize("verdict", sorted(LETS_GO))
def test_a_leak_that_lets_go_is_fixed(verdict: str) -> None:
    """Clean, settling, held and late tests have all stopped leaking."""
    after = leak(0, verdict=verdict, basis="one run")
    assert mark(leak(5000), after) == ("fixed", f"grew by 4.9 KiB C heap per run, now {verdict}")
    assert mark(after, leak(5000))[0] == "new"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (leak(10_000, 10), leak(5_000, 10), "better"),
        (leak(5_000, 10), leak(10_000, 10), "worse"),
        (leak(10_000, 10), leak(9_500, 10), "same"),  # under a tenth
        (leak(10_000, 4_000), leak(5_000, 4_000), "same"),  # intervals overlap
        (leak(300, 1), leak(200, 1), "same"),  # under the grain
    ],
)
def test_size_counts_beyond_noise_only(
    before: TestVerdict, after: TestVerdict, expected: str
) -> None:
    """A tenth, the grain of the signal, and the intervals all have to agree."""
    assert mark(before, after)[0] == expected


def test_rss_does_not_decide_beside_the_heap() -> None:
    """The heap is exact, so that RSS that moves alone changes nothing."""
    before = {"heap_bytes": Slope(per_run=100, low=100, high=100), "rss_bytes": _rss(10)}
    after = {"heap_bytes": Slope(per_run=100, low=100, high=100), "rss_bytes": _rss(90)}
    assert mark_slopes(before, after)[0] == "same"
    assert mark_slopes({"rss_bytes": _rss(10)}, {"rss_bytes": _rss(90)})[0] == "worse"


def _rss(mib: int) -> Slope:
    return Slope(per_run=mib * 2**20, low=mib * 2**20, high=mib * 2**20, runs=12)


@pytest.mark.parametrize(
    ("heap", "mapped", "marked"),
    [
        (1000, 50_000, "same"),  # what malloc takes at a time
        (1000, 5_000_000, "worse"),
        (0, 50_000, "worse"),  # nothing else grows
    ],
)
def test_steps_of_the_address_space_do_not_decide_beside_the_heap(
    heap: int, mapped: int, marked: str
) -> None:
    """It grows by arenas, whatever grows inside them."""
    same = Slope(per_run=heap, low=heap, high=heap, runs=6)
    before, after = (
        {"heap_bytes": same, "mapped_bytes": Slope(per_run=n, low=n, high=n, runs=6)}
        for n in (4096, 4096 + mapped)
    )
    assert mark_slopes(before, after)[0] == marked


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        (-1 / 3, -1, "same"),  # threads of an earlier test that end meanwhile
        (0, -1, "same"),
        (1, -1, "better"),
        (-1, 1, "worse"),
    ],
)
def test_what_shrinks_is_no_growth_that_lessened(before: float, after: float, marked: str) -> None:
    """Both runs leak; a signal beside the leak that fell, falls more or less by chance."""
    heap = Slope(per_run=9000, low=9000, high=9000)
    old, new = (
        {"heap_bytes": heap, "threads": Slope(per_run=n, low=n, high=n, runs=6)}
        for n in (before, after)
    )
    assert mark_slopes(old, new)[0] == marked


def test_a_signal_that_goes_the_other_way_is_told() -> None:
    """Less heap and more descriptors is better in heap, and the reason says both."""
    before = {"heap_bytes": Slope(per_run=9000, low=9000, high=9000), "fds": _fds(1)}
    after = {"heap_bytes": Slope(per_run=1000, low=1000, high=1000), "fds": _fds(4)}
    marked, reason = mark_slopes(before, after)
    assert marked == "better"
    assert "but file descriptors +1 per run, then +4" in reason


def _fds(number: int) -> Slope:
    return Slope(per_run=number, low=number, high=number, runs=12)


def test_amounts_of_two_witnesses_are_not_held_against_each_other() -> None:
    """Where another test was repeated in its place, only that it leaks is known of both runs."""

    def lent(per_run: float) -> TestVerdict:
        return leak(per_run, basis="by signature", like="t.py::other")

    marked, reason = mark(leak(5000), lent(9000))
    assert marked == "not comparable"
    assert reason.endswith("how much was measured of t.py::test, then of t.py::other")
    assert mark(lent(5000), lent(9000))[0] == "worse"


def test_one_run_against_repeats_is_not_comparable() -> None:
    """A growth that was seen once cannot be held against a repeated one."""
    marked, reason = mark(leak(5000), leak(5000, basis="one run"))
    assert (marked, reason) == (
        "not comparable",
        "leaks in both runs, but the later run did not repeat it",
    )


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (None, leak(1), "not in the earlier run"),
        (leak(1), None, "not in the later run"),
        (None, None, "not in either run"),
    ],
)
def test_a_missing_test_is_not_comparable(
    before: TestVerdict | None, after: TestVerdict | None, reason: str
) -> None:
    """Absence is neither fixed nor new."""
    assert mark(before, after) == ("not comparable", reason)


GROWTH = {"heap_bytes": Slope(per_run=5000, low=5000, high=5000, runs=12)}


def side(witnesses: str, judged: str, *, shown: bool = True, held: bool = False) -> CauseSide:
    """One run's part, with tests named by letters."""
    return CauseSide(
        slopes=GROWTH if shown else None,
        witnesses=frozenset(witnesses),
        judged=frozenset(judged),
        held=shown and held,
    )


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        (side("a", "a", held=True), side("", "a", shown=False), "same"),
        (side("a", "a", held=True), side("a", "a", held=True), "same"),
        (side("a", "a"), side("a", "a", held=True), "fixed"),
        (side("a", "a", held=True), side("a", "a"), "new"),
    ],
)
def test_what_a_wider_fixture_lets_go_is_no_leak_to_be_fixed(
    before: CauseSide, after: CauseSide, marked: str
) -> None:
    """As of a test whose growth is held."""
    assert mark_cause(before, after)[0] == marked


def test_a_cause_is_fixed_where_its_tests_were_judged() -> None:
    """None of the judged tests shows it; the others are counted."""
    marked, reason = mark_cause(side("abc", "abcd"), side("", "abd", shown=False))
    assert marked == "fixed"
    assert reason == "none of 2 tests shows it in the later run (1 of 3 not judged)"


def test_what_repeats_alone_show_is_not_fixed_where_a_test_ran_once() -> None:
    """As of a small leak that the other run had no time to screen for."""
    hidden, once = leak(500, hidden=True), leak(0, verdict="clean", basis="one run")
    assert mark(hidden, once)[0] == mark(once, hidden)[0] == "not comparable"
    assert mark(hidden, leak(0, verdict="settles"))[0] == "fixed"
    assert mark(leak(500), once)[0] == "fixed"


def test_a_cause_that_repeats_alone_show_is_not_fixed_where_its_tests_ran_once() -> None:
    """Those of its tests that were repeated tell, or show it in a single run."""
    shown = replace(side("abc", "abc"), hidden=frozenset("bc"))
    gone = side("", "abc", shown=False)
    assert mark_cause(shown, replace(gone, once=frozenset("abc")))[0] == "fixed"
    assert mark_cause(shown, replace(gone, once=frozenset("ab")))[0] == "fixed"
    shown = replace(side("bc", "abc"), hidden=frozenset("bc"))
    marked, reason = mark_cause(shown, replace(gone, once=frozenset("abc")))
    assert marked == "not comparable"
    told = "a single run does not show it, and the later run repeated none of its 2 tests"
    assert reason == told


def test_a_cause_whose_tests_did_not_run_is_not_fixed() -> None:
    """Leaving a test out repairs nothing."""
    marked, _ = mark_cause(side("abc", "abcd"), side("", "d", shown=False))
    assert marked == "not comparable"


def test_fewer_tests_with_the_same_growth_is_better() -> None:
    """A fix of some tests of many is a step."""
    marked, reason = mark_cause(side("abcd", "abcde"), side("a", "abcde"))
    assert (marked, reason) == ("better", "4 tests showed it, then 1")


@given(
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
    st.sampled_from(("", "shown", "held")),
    st.sampled_from(("", "shown", "held")),
)
def test_swapping_the_runs_swaps_a_cause_s_mark(
    old: set[str], new: set[str], old_rest: set[str], new_rest: set[str], first: str, last: str
) -> None:
    """The same law as for tests."""
    before, after = (
        side(
            "".join(tests) if how else "",
            "".join(tests | rest),
            shown=bool(how),
            held=how == "held",
        )
        for tests, rest, how in ((old, old_rest, first), (new, new_rest, last))
    )
    assert mark_cause(after, before)[0] == SWAPPED[mark_cause(before, after)[0]]
