"""Containers that grow: for leaks of plain values, which leave no survivors.

A list of ``bytes`` that is older than the test grows on every run, and the collector sees nothing
new. So the lengths of all containers are written down, as ids and numbers, and those that grow on
each further run are explained.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import Context
from gc import get_objects as _get_objects
from gc import get_referents as _get_referents
from gc import is_tracked as _is_tracked
from itertools import islice, pairwise
from time import perf_counter as _perf_counter
from typing import Any, NamedTuple

from pytest_leakcheck.explain import catalogue
from pytest_leakcheck.explain.bounds import bound_of
from pytest_leakcheck.explain.graph import Hop, LiveGraph
from pytest_leakcheck.explain.holders import find_holders
from pytest_leakcheck.explain.introspect import (
    Live,
    filled,
    is_dead_reference,
    is_module,
    type_name,
)
from pytest_leakcheck.explain.match_context import match_context
from pytest_leakcheck.explain.paths import Path, fingerprint, fold, holder_line, steps_of
from pytest_leakcheck.explain.status import ADDED
from pytest_leakcheck.explain.test_runner import at_the_runner, is_runners_own
from pytest_leakcheck.model.causes import Cause, Step

_CHUNK = 5_000
_AT_MOST = 24
_NEWEST = 64
#: A slot in a list, or a key, a value and a hash in a dict's table, as far as they add up.
_SLOT_BYTES = {"list": 8, "deque": 8, "dict": 64, "set": 32, "context": 64}


class _Kind(NamedTuple):
    name: str
    cls: type
    length: Callable[[Any], int]


_KINDS = (
    _Kind("dict", dict, dict.__len__),
    _Kind("list", list, list.__len__),
    _Kind("set", set, set.__len__),
    _Kind("deque", deque, deque.__len__),
    _Kind("context", Context, Context.__len__),
)


def watch_containers(*, ignore: Collection[int] = ()) -> ContainerWatch:
    """A watch over all containers of the heap; ``ignore`` has ids of the caller's own."""
    return ContainerWatch(ignore)


class ContainerWatch:
    """``first()``, then ``again()`` after each further run, then ``grown()``. Keeps ids only."""

    def __init__(self, ignore: Collection[int] = ()) -> None:
        self._ignore = set(ignore)
        self._ids = array("Q")
        self._lengths = array("Q")
        self._growing: dict[int, list[int]] | None = None
        self._rounds = 0

    def first(self) -> None:
        """Writes down every container's length. O(heap): 0.5 s and 16 bytes a container."""
        self._ids, self._lengths = array("Q"), array("Q")
        self._growing, self._rounds = None, 0
        for o, length in _containers():
            self._ids.append(id(o))
            self._lengths.append(length)

    def again(self) -> None:
        """Keeps only the containers that grew since the last look. O(heap)."""
        self._rounds += 1
        if self._growing is None:
            before = dict(zip(self._ids, self._lengths, strict=True))
            self._ids, self._lengths = array("Q"), array("Q")
            history: dict[int, list[int]] = {}
        else:
            before = {key: lengths[-1] for key, lengths in self._growing.items()}
            history = self._growing
        own = {id(before), id(history), id(self._ignore), *self._ignore}
        growing: dict[int, list[int]] = {}
        for o, now in _containers():
            key = id(o)
            length = before.get(key)
            if length is not None and now > length and key not in own:
                growing[key] = [*history.get(key, [length]), now]
        self._growing = growing

    def grown(
        self,
        min_rounds: int = 2,
        *,
        versions: Mapping[str, str] | None = None,
        known: Sequence[catalogue.Known] | None = None,
        clock: Callable[[], float] = _perf_counter,
        budget_s: float = 5.0,
    ) -> list[Cause]:
        """Causes for the containers that grew in each of at least so many rounds.

        The harness's own containers are left out. O(heap) and one search for holders.
        """
        if self._rounds < min_rounds or not self._growing:
            return []
        found = _Found(self._growing, versions or {}, known)
        return found.causes(clock, budget_s)


def _containers() -> Iterator[tuple[Live, int]]:
    """Every container of the heap with its length, untracked dicts (of plain values) included.

    O(references).
    """
    heap = _get_objects()
    mine = id(heap)
    lengths: dict[int, Callable[[Any], int] | None] = {}
    seen: set[int] = set()
    o: Live = None
    try:
        for o in heap:
            cls = type(o)
            length = lengths.get(id(cls), _unseen)
            if length is _unseen:
                length = lengths[id(cls)] = _length_of(cls)
            if length is not None and id(o) != mine:
                yield o, length(o)
        for start in range(0, len(heap), _CHUNK):
            chunk = [o for o in heap[start : start + _CHUNK] if not is_module(o)]
            for o in _get_referents(*chunk):
                if type(o) is dict and not _is_tracked(o) and id(o) not in seen:
                    seen.add(id(o))
                    yield o, len(o)
    finally:
        # The heap holds this generator's own frame: without this it would be cyclic garbage.
        heap.clear()
        del o


def _unseen(_: Any) -> int:
    return 0


def _length_of(cls: type) -> Callable[[Any], int] | None:
    kind = _kind_of(cls)
    return kind.length if kind is not None else None


def _kind_of(cls: type) -> _Kind | None:
    for kind in _KINDS:
        if issubclass(cls, kind.cls):
            return kind
    return None


class _Found:
    """The grown containers themselves, for the length of one explanation."""

    def __init__(
        self,
        growing: Mapping[int, list[int]],
        versions: Mapping[str, str],
        known: Sequence[catalogue.Known] | None,
    ) -> None:
        self.graph = LiveGraph()
        self.versions, self.known = versions, known
        self.objects: list[Live] = []
        self.per_run: list[float] = []
        for o, _ in _containers():
            lengths = growing.get(id(o))
            if lengths is not None:
                steps = [after - before for before, after in pairwise(lengths)]
                self.objects.append(o)
                self.per_run.append(_median(steps))
        order = sorted(range(len(self.objects)), key=lambda n: -self.per_run[n])[:_AT_MOST]
        self.objects = [self.objects[n] for n in order]
        self.per_run = [self.per_run[n] for n in order]

    def causes(self, clock: Callable[[], float], budget_s: float) -> list[Cause]:
        ignore = {id(self.objects)}
        groups = [[o] for o in self.objects]
        ignore |= {id(groups), *map(id, groups)}
        paths = find_holders(self.graph, groups, ignore, clock=clock, budget_s=budget_s)
        begun = [None if path is None else at_the_runner(self.graph, path) for path in paths]
        causes = [
            self._cause(number, path)
            for number, path in enumerate(begun)
            if path is not None and not _is_harness(path)
        ]
        return sorted(causes, key=lambda c: (-c.python_bytes, c.holder, c.head))

    def _cause(self, number: int, path: Path) -> Cause:
        container, per_run = self.objects[number], self.per_run[number]
        newest = _newest(container, max(1, round(per_run)))
        head, label = _commonest(newest)
        sample = next((item[-1] for item in newest if type_name(item[-1]) == head), None)
        hops = _open_ended(fold(path.hops), container)
        line = holder_line(path.root.name, hops)
        context = match_context(path.chain, sample)
        known = catalogue.match(line, head, "container", self.versions, context, self.known)
        bound = bound_of(path.chain[0], path.hops)
        kind = _kind_of(type(container))
        slot = _SLOT_BYTES[kind.name] if kind is not None else 0
        each = [sum(self.graph.sizes.of(o) for o in item) + slot for item in newest]
        item_bytes = sum(each) / len(each) if each else slot
        item = Step(edge="[*]", generic="[*]", type=head, label=label, status="stuck", reason=ADDED)
        return Cause(
            fingerprint=fingerprint(path.root.name, [hop.generic for hop in hops], head),
            kind="container",
            head=head,
            holder=line,
            steps=steps_of(self.graph, path, item=item),
            per_run=per_run,
            python_bytes=round(item_bytes * per_run),
            label=label,
            bounded=(known is not None and known.bounded) or bound.room is not None,
            room=bound.room,
            limit=bound.stated,
            dead=bool(newest) and all(is_dead_reference(item[-1]) for item in newest),
            extension=any(self.graph.is_extension(o) for item in newest for o in item),
            **catalogue.told_by(known),
        )


def _median(steps: list[int]) -> float:
    # `statistics` would bring fractions and random into the measured process.
    ordered, half = sorted(steps), len(steps) // 2
    return (ordered[half] + ordered[~half]) / 2


def _is_harness(path: Path) -> bool:
    top = path.root.name.partition(".")[0]
    return top == __package__.partition(".")[0] or is_runners_own(path)


def _open_ended(hops: list[Hop], container: Live) -> list[Hop]:
    """The path to the container, continued to any of its items; ``.*`` for attributes."""
    if hops and hops[-1].generic == ".__dict__":
        return [*hops[:-1], hops[-1]._replace(edge=".*", generic=".*")]
    node = hops[-1].node if hops else None
    if type(container) is Context:
        return [*hops, Hop(node, "context variable *", "context variable *")]
    return [*hops, Hop(node, "[*]", "[*]")]


def _newest(container: Live, count: int) -> list[tuple[Live, ...]]:
    """The newest items, each with its key where it has one; of a set or a context, some."""
    count = min(count, _NEWEST)
    cls = type(container)
    try:
        if issubclass(cls, dict):
            return list(islice(reversed(list(dict.items(container))), count))
        if issubclass(cls, list):
            return [(o,) for o in reversed(filled(container, last=count))]
        if issubclass(cls, deque):
            return [(o,) for o in islice(deque.__reversed__(container), count)]
        if cls is Context:
            return list(islice(Context.items(container), _NEWEST))
        return [(o,) for o in islice(set.__iter__(container), _NEWEST)]
    except RuntimeError:  # another thread changed it meanwhile
        return []


def _commonest(newest: list[tuple[Live, ...]]) -> tuple[str, str]:
    """The commonest type of the newest items, and the type of their keys as a label."""
    if not newest:
        return "?", ""
    values = Counter(type_name(item[-1]) for item in newest)
    keys = Counter(type_name(item[0]) for item in newest if len(item) == 2)
    name = min(values, key=lambda n: (-values[n], n))
    label = f"keys: {min(keys, key=lambda n: (-keys[n], n))}" if keys else ""
    return name, label
