"""Further runs in windows: does growth go on, and how many runs can be afforded?"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_leakcheck.judge.repeats import Repeats
from pytest_leakcheck.judge.soak import further_windows, has_ended, may_hide_growth, window_runs
from pytest_leakcheck.judge.verdict import judge_repeats
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import Phase, RepeatRecord
from pytest_leakcheck.model.results import VerdictName
from pytest_leakcheck.model.settings import Settings, Thresholds
from pytest_leakcheck.model.signals import Growth

LIMITS = Thresholds()


def record(phase: Phase, number: int, duration_s: float = 0.001, **values: Any) -> RepeatRecord:
    """One repeat, or one window of ``number`` runs."""
    growth = Growth(**{"blocks": 0, "heap_bytes": 0, "survivors": 0, "fds": 0, **values})
    return RepeatRecord(
        nodeid="t.py::test", phase=phase, number=number, growth=growth, duration_s=duration_s
    )


def repeats(**values: Any) -> list[RepeatRecord]:
    """Six repeats that grew alike."""
    return [record("steady", number, **values) for number in range(6)]


def windows(*amounts: int, signal: str = "survivors") -> list[RepeatRecord]:
    """Windows of a hundred runs each; objects cost blocks."""
    return [record("long", 100, **{"blocks": amount, signal: amount}) for amount in amounts]


GOING_ON = {
    "a leak of 43 objects a run": (4300, 4300, 4300, 4300),
    "a leak that is a little uneven": (4300, 4000, 3300, 4500),
    "a leak of one object beside a cache that is full after 80 runs": (3500, 100, 100, 100),
    "a leak of five objects beside one that is full after 160 runs": (4300, 2500, 500, 560, 480),
}
ENDED = {
    "a cache that is full after 293 runs": (4300, 4300, 3569, 0),
    "a cache that is emptied now and then": (1720, -860, 1720, -860),
    "objects that each run replaces": (43, 43, 43, 43),
    "keys that come by chance, ever fewer of them new": (2100, 900, 400, 180),
    "what comes unevenly at last": (4300, 100, 300, 150),
    "what gets less at last": (4300, 500, 440, 390),
    "a cache that is full in the last window": (4300, 500, 500, 0),
}


@pytest.mark.parametrize("amounts", GOING_ON.values(), ids=GOING_ON)
def test_growth_that_goes_on_is_a_leak(amounts: tuple[int, ...]) -> None:
    """In each window as much as before, about."""
    found = Repeats(repeats(survivors=43, blocks=90), windows=windows(*amounts))
    assert judge_repeats(found, LIMITS).verdict == "leak"


@pytest.mark.parametrize("amounts", ENDED.values(), ids=ENDED)
def test_growth_that_ends_settles(amounts: tuple[int, ...]) -> None:
    """One window without it is enough, and the reason says after how many runs."""
    found = Repeats(repeats(survivors=43, blocks=90), windows=windows(*amounts))
    judgement = judge_repeats(found, LIMITS)
    assert judgement.verdict == "settles"
    assert judgement.reason.endswith("that ended within 400 further runs")


def test_growth_by_one_inexact_signal_that_ends_settles() -> None:
    """C heap alone, uneven, is unconfirmed; it settles where it ends."""
    heap = [record("steady", number, heap_bytes=400 + 900 * (number % 2)) for number in range(6)]
    assert judge_repeats(Repeats(heap), LIMITS).verdict == "unconfirmed"
    ended = Repeats(heap, windows=windows(5000, 0, 0, 0, signal="heap_bytes"))
    assert judge_repeats(ended, LIMITS).verdict == "settles"


def test_growth_of_the_heap_alone_is_a_leak_where_it_goes_on_evenly() -> None:
    """Over hundreds of runs, however uneven single ones are."""
    heap = [record("steady", number, heap_bytes=400 + 900 * (number % 2)) for number in range(6)]
    even = [record("long", 100, heap_bytes=amount) for amount in (85_000, 91_000, 84_000, 88_000)]
    uneven = [record("long", 100, heap_bytes=amount) for amount in (85_000, 91_000, 44_000, 88_000)]
    assert judge_repeats(Repeats(heap, windows=even), LIMITS).verdict == "leak"
    assert judge_repeats(Repeats(heap, windows=uneven), LIMITS).verdict == "unconfirmed"
    assert judge_repeats(Repeats(heap, windows=even[:3]), LIMITS).verdict == "unconfirmed"


FULL = {
    "the next run's objects take the place of others": {"blocks": -98, "heap_bytes": -3000},
    "pytest's own blocks aside": {"blocks": 800, "heap_bytes": 0},
}


@pytest.mark.parametrize("values", FULL.values(), ids=FULL)
def test_a_full_cache_still_takes_in_objects(values: dict[str, Any]) -> None:
    """As many go as come: in one window there are no more of them after it than before."""
    seen = [*windows(1000, 1000, 1000), record("long", 100, survivors=640, **values)]
    assert has_ended({"survivors": 10}, seen, {"blocks": 8.0}, LIMITS)


def test_objects_that_are_not_counted_as_blocks_go_on() -> None:
    """Those of more than 512 bytes lie in the C heap; and where blocks are not known, all count."""
    large = [record("long", 100, survivors=100, heap_bytes=100 * 1100) for _ in range(4)]
    unknown = [record("long", 100, survivors=100, blocks=None) for _ in range(4)]
    assert not has_ended({"survivors": 1}, large, {}, LIMITS)
    assert not has_ended({"survivors": 1}, unknown, {}, LIMITS)


def test_what_went_with_the_threads_of_others_makes_no_room() -> None:
    """Their blocks go, and each object of the test is there as before."""
    seen = [record("long", 100, survivors=101, blocks=210) for _ in range(4)]
    seen[1] = record("long", 100, survivors=101, blocks=-366, threads=-15)
    assert not has_ended({"survivors": 1}, seen, {}, LIMITS)
    assert has_ended({"survivors": 1}, [seen[1]], {}, LIMITS)


def test_one_signal_that_goes_on_is_enough() -> None:
    """A cache is full, and descriptors still leak."""
    seen = [record("long", 100, survivors=0, fds=100) for _ in range(4)]
    assert not has_ended({"survivors": 43, "fds": 1}, seen, {}, LIMITS)
    assert has_ended({"survivors": 43}, seen, {}, LIMITS)


def test_what_did_not_add_up_does_not_go_on() -> None:
    """Files that are open in old cycles: each window begins and ends with as many."""
    seen = [record("long", 100, fds=0) for _ in range(4)]
    assert has_ended({"fds": 0.0}, seen, {}, LIMITS)
    assert not has_ended({"fds": 1.0}, [record("long", 100, fds=100)], {}, LIMITS)


def test_what_pytest_keeps_does_not_go_on() -> None:
    """The empty test's growth is taken off."""
    seen = windows(3200, 3200, 3200, 3200, signal="blocks")
    assert has_ended({"blocks": 8}, seen, {"blocks": 32}, LIMITS)


def test_a_leak_beside_replaced_objects_goes_on() -> None:
    """Of seven objects a run six take the place of the last run's: one in seven is the leak."""
    found = Repeats(repeats(survivors=7, blocks=8), windows=windows(106, 106, 106, 106), kept=1)
    assert judge_repeats(found, LIMITS).verdict == "leak"


def test_without_windows_nothing_has_ended() -> None:
    """A test that is too slow for many runs is judged by its repeats."""
    assert not has_ended({"survivors": 1}, [], {}, LIMITS)


AFFORDED = {
    "a quick test": ({"survivors": 1}, 100),
    "a test of 10 ms": ({"survivors": 1, "duration_s": 0.01}, 75),
    "a test of 100 ms": ({"survivors": 1, "duration_s": 0.1}, 0),
    "5 MB a run": ({"heap_bytes": 5_000_000}, 0),
    "300 KB a run": ({"heap_bytes": 300_000}, 55),
    "one descriptor a run": ({"fds": 1}, 50),
    "twelve descriptors a run": ({"fds": 12}, 0),
    "a heap that shrinks": ({"heap_bytes": -100}, 100),
}


@pytest.mark.parametrize(("values", "runs"), AFFORDED.values(), ids=AFFORDED)
def test_runs_are_bounded_by_time_and_room(values: dict[str, Any], runs: int) -> None:
    """Many runs where they are quick and leave little; none where too few would fit."""
    assert window_runs(repeats(**values), Settings()) == runs


def gathering(**values: Any) -> Cause:
    """A container that gains two items a run."""
    told = {"kind": "container", "holder": "pkg.cache[*]", "per_run": 2.0, **values}
    return Cause(fingerprint="0123456789ab", head="str", **told)


FURTHER = {
    "a container that gains few items": ([gathering()], {}, 6),
    "objects held by a container": ([gathering(kind="held")], {}, 6),
    "one that gains many": ([gathering(per_run=1000.0)], {}, 0),
    "an attribute": ([gathering(kind="held", holder="pkg.thing.last")], {}, 0),
    "a container and an attribute": ([gathering(), gathering(kind="held", holder="a.b")], {}, 0),
    "nothing known": ([], {}, 0),
    "a test of 5 ms": ([gathering()], {"duration_s": 0.005}, 2),
    "a test of 10 ms": ([gathering()], {"duration_s": 0.01}, 0),
    "dead weak references in 10 ms": ([gathering(dead=True)], {"duration_s": 0.01}, 9),
    "a test of 100 ms": ([gathering()], {"duration_s": 0.1}, 0),
    "a descriptor a run": ([gathering()], {"fds": 1}, 0),
}


@pytest.mark.parametrize(("causes", "values", "more"), FURTHER.values(), ids=FURTHER)
def test_a_longer_look_where_a_cache_may_fill(
    causes: list[Cause], values: dict[str, Any], more: int
) -> None:
    """Up to a thousand runs, within the time for them."""
    assert further_windows(repeats(**{"survivors": 2, **values}), causes, Settings()) == more


def test_a_stated_limit_is_believed_until_further_runs_go_beyond_it() -> None:
    """400 runs gain 800 items: within twice a limit of 500, beyond twice one of 300."""
    going_on = windows(200, 200, 200, 200)
    for limit, verdict in ((500, "settles"), (300, "leak"), (0, "leak")):
        found = Repeats(repeats(survivors=2, blocks=4), causes=[gathering(limit=limit)])
        assert judge_repeats(found, LIMITS).verdict == ("settles" if limit else "leak")
        seen = Repeats(found.steady, causes=found.causes, windows=going_on)
        assert judge_repeats(seen, LIMITS).verdict == verdict
    beside = Repeats(repeats(survivors=2, blocks=4), causes=[gathering(limit=500), gathering()])
    assert judge_repeats(beside, LIMITS).verdict == "leak"


DEAD = {
    "nothing but dead references": ([gathering(dead=True, per_run=1.0)], "unconfirmed"),
    "a bounded cache beside them": (
        [gathering(dead=True, per_run=1.0), gathering(bounded=True)],
        "unconfirmed",
    ),
    "a cache that fills beside them": ([gathering(dead=True), gathering(limit=500)], "unconfirmed"),
    "something alive beside them": ([gathering(dead=True, per_run=1.0), gathering()], "leak"),
    "so many that they are never dropped": ([gathering(dead=True)], "leak"),
    "entries for what a cache that fills may hold": (
        [gathering(weak=True), gathering(limit=500)],
        "unconfirmed",
    ),
    "entries for what a bounded cache may hold": (
        [gathering(weak=True), gathering(bounded=True)],
        "unconfirmed",
    ),
    "entries beside a cache that goes beyond its limit": (
        [gathering(weak=True), gathering(limit=300)],
        "leak",
    ),
    "entries for what nothing with a limit holds": ([gathering(weak=True)], "leak"),
    "entries and something alive": (
        [gathering(weak=True), gathering(limit=500), gathering()],
        "leak",
    ),
}


@pytest.mark.parametrize(("causes", "verdict"), DEAD.values(), ids=DEAD)
def test_weak_references_are_no_proof(causes: list[Cause], verdict: VerdictName) -> None:
    """400 runs gain 400 of them, or 800."""
    found = Repeats(repeats(survivors=2, blocks=4), causes=causes, windows=windows(*[200] * 4))
    assert judge_repeats(found, LIMITS).verdict == verdict


DROPPED: dict[str, tuple[list[Cause], dict[str, int], VerdictName]] = {
    "nothing but dead references": ([gathering(dead=True)], {"blocks": 2}, "settles"),
    "a value beside them": ([gathering(dead=True)], {"blocks": 3}, "unconfirmed"),
    "an object beside them": ([gathering(dead=True)], {"survivors": 3}, "unconfirmed"),
    "C heap beside them": ([gathering(dead=True)], {"heap_bytes": 5_000}, "unconfirmed"),
    "something alive beside them": ([gathering(dead=True), gathering()], {"blocks": 2}, "leak"),
    "nothing that is known": ([], {"blocks": 2}, "leak"),
}


@pytest.mark.parametrize(("causes", "grown", "verdict"), DROPPED.values(), ids=DROPPED)
def test_dead_references_settle_that_another_test_saw_dropped(
    causes: list[Cause], grown: dict[str, int], verdict: VerdictName
) -> None:
    """Where they are all that gathers."""
    steady = repeats(**{"survivors": 2, "blocks": 2, **grown})
    found = judge_repeats(Repeats(steady, causes=causes, dropped_of="t.py::other"), LIMITS)
    assert found.verdict == verdict
    assert ("which t.py::other shows to be dropped again" in found.reason) == (verdict == "settles")


BESIDE_A_CACHE: dict[str, tuple[int | None, tuple[int, ...], VerdictName]] = {
    "the heap goes on when the cache is full": (50, (400_000, 400_000, 400_000, 400_000), "leak"),
    "the heap ends with the cache": (150, (400_000, 200_000, 0, 0), "settles"),
    "the cache was still filling": (350, (400_000, 400_000, 400_000, 400_000), "settles"),
    "the cache was full before": (0, (400_000, 400_000, 400_000, 400_000), "leak"),
    "nobody knows how large the cache is": (None, (400_000, 400_000, 400_000, 400_000), "settles"),
}


@pytest.mark.parametrize(
    ("room", "amounts", "verdict"), BESIDE_A_CACHE.values(), ids=BESIDE_A_CACHE
)
def test_a_cache_with_a_limit_explains_growth_until_it_is_full(
    room: int | None, amounts: tuple[int, ...], verdict: VerdictName
) -> None:
    """What goes on in a window that began with a full cache is something else's."""
    cache = gathering(kind="held", bounded=True, room=room, per_run=1.0)
    seen = Repeats(
        repeats(survivors=1, blocks=2, heap_bytes=4000),
        causes=[cache],
        windows=[record("long", 100, survivors=100, heap_bytes=amount) for amount in amounts],
    )
    assert judge_repeats(seen, LIMITS).verdict == verdict


HIDING = {
    "more C heap than the cache keeps": ({}, 4000, True),
    "what the cache keeps": ({"python_bytes": 3900}, 4000, False),
    "a cache that is too large to be filled": ({"room": 301}, 4000, False),
    "a cache that takes many at once": ({"room": 600, "per_run": 2.0}, 4000, True),
    "a cache that is full, and takes nothing in": ({"room": 0, "python_bytes": 3900}, 4000, True),
    "no limit": ({"bounded": False}, 4000, False),
    "no C heap": ({}, 0, False),
}


@pytest.mark.parametrize(("values", "heap", "hides"), HIDING.values(), ids=HIDING)
def test_further_runs_are_worth_it_where_a_cache_may_hide_growth(
    values: dict[str, Any], heap: int, hides: bool
) -> None:
    """In windows of a hundred runs, the last of which begins with a full cache."""
    told = {"kind": "held", "bounded": True, "room": 300, "per_run": 1.0, **values}
    seen = Repeats(repeats(survivors=1, blocks=2, heap_bytes=heap), causes=[gathering(**told)])
    assert may_hide_growth(seen, Settings()) is hides
