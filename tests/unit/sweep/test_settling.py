"""Waiting for threads that are on their way out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_leakcheck.sweep import settling as grace
from pytest_leakcheck.sweep.settling import Grace

LONG_RUN_S = 1000.0
#: The pauses of a wait that nothing cuts short.
WHOLE = [0.001, 0.002, 0.004, 0.008, 0.016]


class Clock:
    """Time that passes in pauses only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.pauses.append(seconds)

    def taken(self) -> list[float]:
        """The pauses since the last call."""
        pauses, self.pauses = self.pauses, []
        return pauses


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(grace, "_sleep", clock.sleep)
    monkeypatch.setattr(grace, "_clock", lambda: clock.now)
    return clock


def threads_until(
    clock: Clock, ends: list[float], elapsed: Callable[[], float] = lambda: LONG_RUN_S
) -> Grace:
    """Grace where, beside a thread that stays, one ends at each of these times."""
    return Grace(lambda: 1 + sum(end > clock.now for end in ends), elapsed)


def test_no_time_passes_where_no_thread_is_new(clock: Clock) -> None:
    """Or where they cannot be seen."""
    assert not threads_until(clock, []).wait(1)
    assert not threads_until(clock, []).wait(2)
    assert not threads_until(clock, [9.0]).wait(None)
    assert not Grace(lambda: None, lambda: LONG_RUN_S).wait(1)
    assert clock.taken() == []


def test_a_thread_on_its_way_out_is_waited_for(clock: Clock) -> None:
    """No longer than it takes."""
    assert threads_until(clock, [0.002, 0.005]).wait(1)
    assert clock.taken() == WHOLE[:3]


def test_threads_of_which_one_ends_were_worth_the_wait(clock: Clock) -> None:
    """The other is told as one that stays."""
    assert threads_until(clock, [0.002, 9.0]).wait(1)
    assert clock.taken() == WHOLE


def test_where_threads_stay_waits_get_short(clock: Clock) -> None:
    """Until one of them was not in vain."""
    ends = [9.0]
    grace = threads_until(clock, ends)
    for _ in range(3):
        assert not grace.wait(1)
        assert clock.taken() == WHOLE
    assert not grace.wait(1)
    assert clock.taken() == WHOLE[:1]
    ends.append(clock.now + 0.0005)
    assert grace.wait(1)
    assert clock.taken() == WHOLE[:1]
    assert not grace.wait(1)
    assert clock.taken() == WHOLE


def test_threads_that_only_a_collection_ends_are_waited_for_after_it(clock: Clock) -> None:
    """What is in vain before it says nothing of the time after it."""
    ends = [0.0]
    grace = threads_until(clock, ends)
    waits: list[tuple[float, float]] = []
    for _ in range(6):
        ends[0] = clock.now + 9.0
        grace.wait(1)
        before = sum(clock.taken())
        ends[0] = clock.now + 0.005
        assert grace.wait(1, collected=True)
        waits.append((before, sum(clock.taken())))
    assert waits[2] == pytest.approx((0.031, 0.007))
    assert waits[3:] == [pytest.approx((0.001, 0.007))] * 3


def test_waits_keep_within_a_share_of_the_run(clock: Clock) -> None:
    """A tenth of a second from the start, then a fiftieth of its time."""
    ends, elapsed = [0.0], [0.0]
    grace = threads_until(clock, ends, lambda: elapsed[0])

    def wait(elapsed_s: float) -> float:
        ends[0], elapsed[0] = clock.now + 0.029, elapsed_s
        grace.wait(1)
        return sum(clock.taken())

    first = [wait(0.0) for _ in range(9)]
    assert first[:3] == pytest.approx([0.031] * 3)
    assert 0.09 < sum(first) <= 0.1
    assert first[-1] == 0
    assert wait(1.0) == pytest.approx(0.015)
    assert wait(100.0) == pytest.approx(0.031)
