"""Which earlier tests make a test grow: the smallest set of them. Pure.

:class:`Search` is delta debugging: halves first, and where neither half is enough alone, both are
reduced, each in the presence of the other. What is left is then tried without each of its members,
until none can be spared. :class:`Bisection` asks it the right questions and keeps the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from pytest_leakcheck.judge.verdict import Judgement
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.signals import Outcome

T = TypeVar("T")

_Positions = tuple[int, ...]


class Search(Generic[T]):
    """Looks for the fewest candidates that make something grow.

    Nothing is assumed of the answers: a set may grow while a larger one does not. Every set is
    asked about once. Of ``n`` candidates of which ``k`` are needed, and where a set grows whenever
    a part of it does, that are about ``2 * k * log2(n)`` sets; never more than
    :meth:`most_probes`.

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
            enough = next(filter(self._grows, _without_one(found)), None)
            if enough is None:
                return found
            found = enough


def _without_one(positions: _Positions) -> Iterator[_Positions]:
    for at in range(len(positions)):
        yield positions[:at] + positions[at + 1 :]


def _joined(some: _Positions, others: _Positions) -> _Positions:
    return tuple(sorted((*some, *others)))


# --- the questions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """What one fresh process showed: some earlier tests ran once, then the test repeatedly."""

    judgement: Judgement
    causes: Sequence[Cause] = ()
    missing: Sequence[str] = ()
    """Earlier tests that were not collected, so did not run."""
    ended: Mapping[str, Outcome] = field(default_factory=dict)
    """How the earlier tests ended that ran."""
    seconds: float = 0.0

    @property
    def grows(self) -> bool:
        """Whether the test leaks after these tests."""
        return self.judgement.verdict == "leak"


class Stopped(Exception):  # noqa: N818 - no error: the time is over
    """No further process may be started; the reason in words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a bisection found out."""

    nodeid: str
    worker: str
    earlier: int
    """How many tests ran before it, and can still be run."""
    found: Literal["alone", "after", "never", "open"]
    """It grows by itself; only after some tests; not even after all; the time was over before."""
    after: tuple[str, ...] = ()
    """The earlier tests that make it grow, in their order. With ``open``: the fewest so far."""
    probe: Probe | None = None
    """Of the set that was found, or the last one that decided."""
    processes: int = 0
    stopped: str = ""
    """With ``open``: why."""
    unstable: Sequence[tuple[str, ...]] = ()
    """Sets that were judged differently in two processes."""
    missing: Sequence[str] = ()
    """Earlier tests that are not collected any more."""
    changed: Mapping[str, Outcome] = field(default_factory=dict)
    """Earlier tests that ended otherwise than in the run, and how."""


class Bisection:
    """Finds out which earlier tests make a test grow.

    Args:
        earlier: node id → outcome in the run, of the tests that ran before it, in their order.
        ask: runs one set of them in a fresh process.
        tell: takes, before each process, its number, how many earlier tests it runs, and the
            seconds that are left, where they can be estimated.
    """

    def __init__(
        self,
        nodeid: str,
        worker: str,
        earlier: Mapping[str, Outcome],
        ask: Callable[[tuple[str, ...]], Probe],
        tell: Callable[[int, int, float | None], None] = lambda *_: None,
    ) -> None:
        self._nodeid = nodeid
        self._worker = worker
        self._outcomes = dict(earlier)
        self._earlier = tuple(earlier)
        self._ask = ask
        self._tell = tell
        self._processes = 0
        self._probes: dict[tuple[str, ...], Probe] = {}
        self._unstable: list[tuple[str, ...]] = []
        self._missing: Sequence[str] = ()
        self._changed: dict[str, Outcome] = {}
        self._search: Search[str] | None = None

    def run(self) -> Answer:
        """Ask until it is known, or until there is no more time."""
        try:
            return self._run()
        except Stopped as stopped:
            best = self._search.best if self._search is not None else None
            return self._answer("open", best or (), stopped=str(stopped))

    def _run(self) -> Answer:
        if self._probe(()).grows:
            return self._answer("alone")
        if self._earlier:
            self._learn(self._probe(self._earlier))
        self._search = Search(self._earlier, lambda members: self._probe(members).grows)
        found = self._search.run()
        if found is None:
            return self._answer("never", self._earlier)
        if not self._asked(found).grows:
            self._unstable.append(found)
        return self._answer("after", found)

    def _learn(self, everything: Probe) -> None:
        """From all earlier tests together: which are gone, and which end otherwise than before."""
        self._missing = everything.missing
        self._earlier = tuple(n for n in self._earlier if n not in set(self._missing))
        self._probes[self._earlier] = everything
        self._changed = {
            nodeid: outcome
            for nodeid, outcome in everything.ended.items()
            if outcome != self._outcomes.get(nodeid)
        }

    def _probe(self, members: tuple[str, ...]) -> Probe:
        """What a set shows; where its first process leaves it open, a second one decides."""
        if members not in self._probes:
            probe = self._asked(members)
            if probe.judgement.verdict == "unconfirmed":
                again = self._asked(members)
                if again.grows:
                    self._unstable.append(members)
                    probe = again
            self._probes[members] = probe
        return self._probes[members]

    def _asked(self, members: tuple[str, ...]) -> Probe:
        self._processes += 1
        self._tell(self._processes, len(members), self._seconds_left())
        return self._ask(members)

    def _seconds_left(self) -> float | None:
        """An estimate, as if one earlier test were to blame: what is seen to grow is halved each
        time, and in every second case the first half is the wrong one."""
        alone, every = self._probes.get(()), self._probes.get(self._earlier)
        best = self._search.best if self._search is not None else None
        if alone is None or every is None or not best:
            return None
        per_test = max(0.0, every.seconds - alone.seconds) / len(self._earlier)
        steps = 1.5 * math.log2(len(best)) + 1
        return steps * alone.seconds + 1.5 * len(best) * per_test

    def _answer(
        self,
        found: Literal["alone", "after", "never", "open"],
        after: tuple[str, ...] = (),
        stopped: str = "",
    ) -> Answer:
        return Answer(
            nodeid=self._nodeid,
            worker=self._worker,
            earlier=len(self._earlier),
            found=found,
            after=after,
            probe=self._probes.get(after),
            processes=self._processes,
            stopped=stopped,
            unstable=self._unstable,
            missing=self._missing,
            changed=self._changed,
        )
