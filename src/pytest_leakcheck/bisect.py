"""The smallest set of earlier tests without which a test would not grow: the search alone. Pure.

Delta debugging: halves first, and where neither half is enough alone, both are reduced, each in
the presence of the other. What is left is then tried without each of its members, until none can be
spared. Nothing is assumed of the answers: a set may grow while a larger one does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

_Positions = tuple[int, ...]


class Search(Generic[T]):
    """Looks for the fewest candidates that make something grow.

    Every set is asked about once. Of ``n`` candidates of which ``k`` are needed, and where a set
    grows whenever a part of it does, about ``2 * k * log2(n)`` sets are asked about; never more
    than :meth:`most_probes`.

    Args:
        candidates: in their order; each set that is asked about keeps it.
        grows: asks about one set; it may raise to end the search, after which :attr:`best` holds
            the smallest set that was found by then.
    """

    def __init__(self, candidates: Sequence[T], grows: Callable[[tuple[T, ...]], bool]) -> None:
        self._candidates = tuple(candidates)
        self._ask = grows
        self._known: dict[_Positions, bool] = {}
        self._best: _Positions | None = None

    @staticmethod
    def most_probes(candidates: int) -> int:
        """No search of so many candidates asks about more sets than this."""
        return 2 + 3 * candidates + candidates * (candidates + 1) // 2

    @property
    def best(self) -> tuple[T, ...] | None:
        """The smallest set that is known to grow; ``None`` where none is."""
        return None if self._best is None else self._members(self._best)

    @property
    def probes(self) -> int:
        """Sets that were asked about."""
        return len(self._known)

    def run(self) -> tuple[T, ...] | None:
        """A set that grows, and that does not without any one of its members.

        ``None`` where not even all candidates together make it grow.
        """
        everything = tuple(range(len(self._candidates)))
        if self._grows(()):
            return ()
        if not self._grows(everything):
            return None
        return self._members(self._spared(self._reduced((), everything)))

    def _members(self, positions: _Positions) -> tuple[T, ...]:
        return tuple(self._candidates[at] for at in positions)

    def _grows(self, positions: _Positions) -> bool:
        if positions not in self._known:
            self._known[positions] = found = self._ask(self._members(positions))
            if found and (self._best is None or len(positions) < len(self._best)):
                self._best = positions
        return self._known[positions]

    def _reduced(self, beside: _Positions, among: _Positions) -> _Positions:
        """Some of ``among`` that grow together with ``beside``, as all of them are known to do."""
        if len(among) == 1:
            return among
        middle = len(among) // 2
        first, second = among[:middle], among[middle:]
        for half in (first, second):
            if self._grows(_joined(beside, half)):
                return self._reduced(beside, half)
        second = self._reduced(_joined(beside, first), second)
        if self._grows(_joined(beside, second)):
            return second
        return _joined(self._reduced(_joined(beside, second), first), second)

    def _spared(self, found: _Positions) -> _Positions:
        """``found`` without the members that can be spared."""
        while True:
            smaller = (tuple(other for other in found if other != at) for at in found)
            enough = next(filter(self._grows, smaller), None)
            if enough is None:
                return found
            found = enough


def _joined(some: _Positions, others: _Positions) -> _Positions:
    return tuple(sorted((*some, *others)))
