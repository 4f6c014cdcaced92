"""Grace for threads that are on their way out when a test ends."""

from __future__ import annotations

import time
from collections.abc import Callable

_clock, _sleep = time.perf_counter, time.sleep

#: The threads of a client that has been closed are gone after a few milliseconds: each pause is
#: twice as long as the one before.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.016
#: After so many vain waits in a row only the first pause is made: threads stay in this suite.
_MOST_VAIN_WAITS = 3
#: All waits keep within this share of the run's time, and may take so long from the start.
_SHARE, _CREDIT_S = 0.02, 0.1


class Grace:
    """Waits for threads to end, within a share of the run's time: those that end by themselves, and
    those of what a collection has found.

    Args:
        threads: counts those of the process; ``None`` where they cannot be seen.
        elapsed: seconds since the run began.
    """

    def __init__(self, threads: Callable[[], int | None], elapsed: Callable[[], float]) -> None:
        self._threads, self._elapsed = threads, elapsed
        self._vain = {False: 0, True: 0}
        self._spent_s = 0.0

    def wait(self, usual: int | None, *, collected: bool = False) -> bool:
        """Wait while there are more threads than usual; whether one of them has ended.

        Where there are no more it costs a count of the threads. Others may run meanwhile.

        Args:
            usual: how many there were before the test, those of wider fixtures included.
            collected: a collection has just found something, which may have had threads. Where
                threads always end so, they do not end before, and the other way round.
        """
        before = self._threads()
        if before is None or usual is None or before <= usual:
            return False
        start, pause, now = _clock(), _FIRST_PAUSE_S, before
        left = _CREDIT_S + _SHARE * self._elapsed() - self._spent_s
        hopeless = self._vain[collected] >= _MOST_VAIN_WAITS
        longest = _FIRST_PAUSE_S if hopeless else _LONGEST_PAUSE_S
        while now > usual and pause <= min(left, longest):
            _sleep(pause)
            left -= pause
            pause *= 2
            now = self._threads() or 0
        self._spent_s += _clock() - start
        ended = now < before
        # A wait that was cut off says nothing.
        self._vain[collected] = 0 if ended else self._vain[collected] + (pause > longest)
        return ended
