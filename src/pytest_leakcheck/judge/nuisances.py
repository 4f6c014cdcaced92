"""What grows and is no leak: each nuisance says how much of which signal it accounts for. Pure.

A nuisance explains an *amount of a signal*, never a test: a cache with a limit accounts for the
objects and bytes of its entries until it is full, and for no descriptor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pytest_leakcheck.judge.evidence import Evidence
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.settings import Policy

#: The smallest block that Python's own allocator hands out, in bytes (CPython: ``ALIGNMENT``).
SMALLEST_BLOCK = 16
#: Blocks that an object takes at most where its bytes are not known: itself, its attributes, their
#: table, and a value.
_BLOCKS_OF_OBJECT = 4
#: What an entry takes of a container's own table, which grows in steps, and of the C allocator's
#: rounding, in bytes at most: CPython's sparsest dict has 104 an entry.
_TABLE_OF_ENTRY = 128


class Explained(NamedTuple):
    """An amount of one signal that a nuisance accounts for."""

    signal: str
    per_repeat: float
    """At most; infinite where it cannot be told from outside."""
    until: float = math.inf
    """After so many repeats, from when holders were asked, it is over: the cache is full."""
    only_steady: bool = False
    """Of single repeats; over many repeats together it cancels out."""


class Nuisance(Protocol):
    """A named model of growth that is not a leak."""

    #: It ends by what it is; else that is a claim, which many repeats may refute.
    certain: bool

    def end(self, cause: Cause, policy: Policy, /) -> float | None:
        """After how many repeats this cause has to have ended; ``None``: it is no such."""

    def words(self, cause: Cause) -> str:
        """Why that is no leak."""


class TestRunner:
    """pytest and its plugins keep reports, items, fixtures' results."""

    __test__ = False
    certain = True

    def end(self, cause: Cause, _: Policy, /) -> float | None:
        """Without an end: pytest keeps on for as long as it runs."""
        return math.inf if cause.runner else None

    def words(self, cause: Cause) -> str:
        return f"the test runner keeps it: {cause.holder}"


class BoundedCache:
    """A cache of the standard library with a limit: it grows until it is full."""

    certain = True

    def end(self, cause: Cause, _: Policy, /) -> float | None:
        """Its end is predicted where the room is known."""
        if not cause.bounded:
            return None
        return math.inf if cause.room is None else _repeats(cause.room, cause)

    def words(self, cause: Cause) -> str:
        return f"it fills a cache that has a limit: {cause.holder}"


class StatedLimit:
    """The owner of a container states how many items it keeps at most."""

    certain = False

    def end(self, cause: Cause, policy: Policy, /) -> float | None:
        """Caches that drop items in batches go a little beyond what is stated."""
        return _repeats(policy.limit_slack * cause.limit, cause) if cause.limit else None

    def words(self, cause: Cause) -> str:
        return f"it fills what states a limit of {cause.limit:,}: {cause.holder}"


class PurgedList:
    """Dead weak references and cancelled timers, which libraries drop once there are many."""

    certain = False

    def end(self, cause: Cause, policy: Policy, /) -> float | None:
        """pandas drops its dead references after 500 new ones, sqlite3 after 200."""
        return _repeats(policy.dead_references, cause) if cause.dead else None

    def words(self, cause: Cause) -> str:
        return f"only what is dead gathers, to be dropped once there is much: {cause.holder}"


class WeakEntry:
    """An entry for something that is held elsewhere: it goes with it."""

    certain = True

    def end(self, cause: Cause, _: Policy, /) -> float | None:
        """With the caches beside it: see :func:`ends`."""
        return math.inf if cause.weak else None

    def words(self, cause: Cause) -> str:
        return f"an entry goes with what a cache with a limit holds: {cause.holder}"


_WEAK = WeakEntry()
NUISANCES: tuple[Nuisance, ...] = (
    TestRunner(),
    BoundedCache(),
    StatedLimit(),
    PurgedList(),
    _WEAK,
)


class Found(NamedTuple):
    """A cause that is a nuisance."""

    cause: Cause
    nuisance: Nuisance
    end: float
    """After how many repeats, from when holders were asked, it has to have ended."""


def nuisances_of(causes: Sequence[Cause], policy: Policy, done: int = 0) -> list[Found]:
    """The causes that are nuisances, in order.

    A claim is none any more once its end is past: what was measured speaks for itself then. A weak
    entry is one as long as some other nuisance may hold what it is for: alone, what it is for is
    held by a leak.

    Args:
        done: repeats since holders were asked.
    """
    found = [
        first
        for cause in causes
        if (first := _first(cause, policy)) is not None
        and (first.nuisance.certain or first.end > done)
    ]
    last = max((one.end for one in found if one.nuisance is not _WEAK), default=None)
    if last is None:
        return []
    return [
        one._replace(end=min(one.end, last) if one.nuisance is _WEAK else one.end) for one in found
    ]


def _first(cause: Cause, policy: Policy) -> Found | None:
    for nuisance in NUISANCES:
        end = nuisance.end(cause, policy)
        if end is not None:
            return Found(cause, nuisance, end)
    return None


def own_causes(causes: Sequence[Cause], policy: Policy, done: int = 0) -> list[Cause]:
    """The causes that are no nuisance; arguments as of :func:`nuisances_of`."""
    found = {id(one.cause) for one in nuisances_of(causes, policy, done)}
    return [cause for cause in causes if id(cause) not in found]


def explained(evidence: Evidence, policy: Policy) -> list[Explained]:
    """All that nuisances account for."""
    found: list[Explained] = []
    if evidence.kept == 0:
        # Whatever one repeat leaves, the next one replaces.
        found.append(Explained("survivors", math.inf, only_steady=True))
    nuisances = nuisances_of(evidence.causes, policy, evidence.soaked)
    for one in nuisances:
        found += _amounts(one.cause, one.end)
    if nuisances and len(nuisances) == len(evidence.causes):
        # What two nuisances hold together is counted with neither.
        counted = sum(one.cause.objects for one in nuisances)
        shared = max(0, (evidence.kept or 0) - counted)
        last = max(one.end for one in nuisances)
        found.append(Explained("survivors", shared, last))
        found.append(Explained("blocks", shared * _BLOCKS_OF_OBJECT, last))
    return found


def least_of(causes: Sequence[Cause], signal: str) -> float:
    """How much of a signal grows per repeat, at the least, by what is no nuisance."""
    if signal == "survivors":
        return float(sum(cause.objects for cause in causes))
    if signal == "blocks":
        return float(sum(cause.per_run for cause in causes if cause.kind == "container"))
    return 0.0


def _amounts(cause: Cause, end: float) -> list[Explained]:
    """What the entries of a cache take, at most."""
    objects = max(cause.objects, 0 if cause.kind == "container" else cause.per_run)
    things = max(objects, cause.per_run)
    blocks = max(cause.python_bytes / SMALLEST_BLOCK, _BLOCKS_OF_OBJECT * things)
    heap = math.inf if cause.extension else cause.python_bytes + _TABLE_OF_ENTRY * things
    native = math.inf if cause.extension else 0.0
    amounts = {"survivors": objects, "blocks": blocks, "heap_bytes": heap}
    amounts |= {"mapped_bytes": heap, "pool_bytes": native}
    return [Explained(signal, amount, end) for signal, amount in amounts.items()]


def _repeats(items: float, cause: Cause) -> float:
    return math.ceil(items / max(cause.per_run, 1.0))
