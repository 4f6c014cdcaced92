"""Survivors → causes: who holds each head, what it retains, and what is known about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import perf_counter as _perf_counter

import msgspec

from pytest_leakcheck.records import Cause

from . import catalogue
from .anatomy import Live, type_name
from .chains import context_value
from .containers import ContainerWatch, watch_containers
from .contents import largest
from .graph import OUT_OF_SIGHT, LiveGraph
from .heads import Head, heads_of
from .holders import NOT_FOUND, find_holders
from .paths import Path, fingerprint, fold, holder_line, steps_of
from .subgraph import Subgraph

__all__ = ["ContainerWatch", "explain_survivors", "watch_containers"]

#: Heads searched for in one walk: each costs a share of every level.
_BATCH = 12
#: Of one type in one batch; the siblings are found by looking into their holder.
_PER_TYPE = 3
#: Starting points of one head: members of a large cycle that are held from outside.
_STARTS = 8
_PATCH = "mock-patch-not-stopped"


def explain_survivors(
    survivors: list[Live],
    *,
    ignore: Collection[int] = (),
    versions: Mapping[str, str] | None = None,
    clock: Callable[[], float] = _perf_counter,
    budget_s: float = 5.0,
) -> list[Cause]:
    """The causes for which these objects are alive, the largest first.

    Args:
        survivors: objects born in one run and alive after it; unfreeze the heap first.
        ignore: ids of the caller's containers that hold survivors.
        versions: installed distributions, for what is known of which version.
        clock: seconds; only differences count.
        budget_s: after this the search for further holders ends.

    Costs 50 to 350 ms per batch of a dozen heads on a million objects. Keeps nothing.
    """
    if not survivors:
        return []
    return _Explanation(survivors, ignore, versions or {}, clock, clock() + budget_s).causes()


class _Explanation:
    """One analysis: heads by position, paths for some of them, groups by fingerprint."""

    def __init__(
        self,
        survivors: list[Live],
        ignore: Collection[int],
        versions: Mapping[str, str],
        clock: Callable[[], float],
        deadline: float,
    ) -> None:
        self.survivors = survivors
        self.versions = versions
        self.clock, self.deadline = clock, deadline
        self.graph = LiveGraph()
        self.subgraph: Subgraph = self.graph.subgraph(survivors)
        self.heads = heads_of(self.subgraph)
        self.ignore = {id(survivors), *ignore, *map(id, survivors)}

    def causes(self) -> list[Cause]:
        pending = sorted(range(len(self.heads)), key=lambda n: (-self.heads[n].bytes, n))
        groups: dict[str, Cause] = {}
        last_of_type: dict[str, str] = {}
        while pending and (not groups or self.clock() < self.deadline):
            batch = self._batch(pending)
            for number, path in zip(batch, self._search(batch), strict=True):
                if number not in pending:
                    continue
                alike = self._siblings(number, path, pending)
                cause = self._cause(number, path, alike)
                last_of_type[self._type(number)] = cause.fingerprint
                groups[cause.fingerprint] = _sum(groups.get(cause.fingerprint), cause)
                taken = set(alike)
                pending = [n for n in pending if n not in taken]
        for number in pending:
            print_of = last_of_type.get(self._type(number))
            cause = self._cause(number, None, [number])
            if print_of is not None:
                cause = _renamed(cause, groups[print_of])
            groups[cause.fingerprint] = _sum(groups.get(cause.fingerprint), cause)
        return sorted(
            link_patches(list(groups.values())), key=lambda c: (-c.python_bytes, c.holder, c.head)
        )

    def _type(self, number: int) -> str:
        head = self.heads[number]
        return self.graph.type_name(self.survivors[head.representative])

    def _batch(self, pending: list[int]) -> list[int]:
        chosen: list[int] = []
        count: dict[str, int] = {}
        for number in pending:
            name = self._type(number)
            if count.get(name, 0) < _PER_TYPE:
                count[name] = count.get(name, 0) + 1
                chosen.append(number)
                if len(chosen) == _BATCH:
                    break
        return chosen

    def _search(self, batch: list[int]) -> list[Path | None]:
        """Holders of the heads; where only C holds one, those of what goes with it.

        A running thread is held from C by its start-up method, and from `threading` by name.
        """
        paths = self._find([self.heads[n].outside for n in batch])
        hidden = [
            at for at, path in enumerate(paths) if path is None or path.root.rank == OUT_OF_SIGHT
        ]
        victims = [self._victims(self.heads[batch[at]]) for at in hidden]
        if self.clock() > self.deadline:
            return paths
        for at, path in zip(hidden, self._find(victims), strict=True):
            if path is not None and path.root.rank != OUT_OF_SIGHT:
                paths[at] = path
        return paths

    def _victims(self, head: Head) -> list[int]:
        """What goes with a head and is held from elsewhere too, the head itself left out."""
        external = self.subgraph.external or [0] * len(self.subgraph)
        outside = set(head.outside)
        return [m for m in head.owned if external[m] > 0 and m not in outside]

    def _find(self, starts: list[list[int]]) -> list[Path | None]:
        if not any(starts):
            return [None] * len(starts)
        groups = [[self.survivors[m] for m in members[:_STARTS]] for members in starts]
        return find_holders(
            self.graph,
            groups,
            self.ignore | {id(groups)},
            clock=self.clock,
            budget_s=max(self.deadline - self.clock(), 0.0),
        )

    def _siblings(self, number: int, path: Path | None, pending: list[int]) -> list[int]:
        """Heads of the same type in the same container: they need no search of their own."""
        if path is None or not path.gathers or len(path.chain) < 2:
            return [number]
        inside = {id(o) for o in self.graph.referents(path.chain[-2])}
        kind = self._type(number)
        return [
            n
            for n in pending
            if n == number
            or (
                self._type(n) == kind
                and any(id(self.survivors[m]) in inside for m in self.heads[n].outside)
            )
        ]

    def _cause(self, number: int, path: Path | None, alike: list[int]) -> Cause:
        head = self.heads[number]
        owned = {id(self.survivors[m]) for m in head.owned}
        node = self.survivors[head.representative]
        if path is not None:
            path = beyond_tree(self.graph, path, owned)
            node = behind_key(path, owned)
        name = type_name(node)
        root = path.root if path is not None else NOT_FOUND
        hops = fold(path.hops) if path is not None else []
        line = holder_line(root.name, hops)
        known = catalogue.match(line, name, "held", self.versions)
        return Cause(
            fingerprint=fingerprint(root.name, [hop.generic for hop in hops], name),
            kind="held",
            head=name,
            holder=line,
            steps=steps_of(self.graph, path) if path is not None else [],
            per_run=float(len(alike)),
            objects=sum(self.heads[n].objects for n in alike),
            python_bytes=sum(self.heads[n].bytes for n in alike),
            contents=largest(node, owned, self.graph.sizes),
            label=self.graph.label(node),
            known=known.id if known else None,
            what=known.what if known else "",
            remedy=known.remedy if known else "",
            link=known.link if known else "",
            extension=any(m in self.subgraph.native for n in alike for m in self.heads[n].owned),
        )


def behind_key(path: Path, owned: Collection[int]) -> Live:
    """The head; of a cache's key, which is a tuple of arguments, the first argument that leaks."""
    if type(path.head) is not tuple or not path.hops or path.hops[-1].generic != "cache[*]":
        return path.head
    return next((o for o in path.head if id(o) in owned), path.head)


def beyond_tree(graph: LiveGraph, path: Path, owned: Collection[int]) -> Path:
    """A path that ends in a context's inner tree, continued to the variable's new value."""
    for at, node in enumerate(path.chain):
        value = context_value(node, path.head, owned)
        if value is not None:
            chain = [*path.chain[: at + 1], path.head, value]
            return Path(path.root, chain, graph.hops(chain))
    return path


def link_patches(causes: list[Cause]) -> list[Cause]:
    """The mock that a patch left in its place has the same cause as the patch."""
    patches = {c.label: c for c in causes if c.known == _PATCH}
    return [
        msgspec.structs.replace(c, known=p.known, what=p.what, remedy=p.remedy, link=p.link)
        if c.known is None and c.head.startswith("unittest.mock.") and (p := patches.get(c.holder))
        else c
        for c in causes
    ]


def _sum(known: Cause | None, cause: Cause) -> Cause:
    """Two causes of one fingerprint as one, per run."""
    if known is None:
        return cause
    return msgspec.structs.replace(
        known,
        per_run=known.per_run + cause.per_run,
        objects=known.objects + cause.objects,
        python_bytes=known.python_bytes + cause.python_bytes,
        extension=known.extension or cause.extension,
    )


def _renamed(cause: Cause, like: Cause) -> Cause:
    """A head whose holder was not searched for, counted with the last one of its type."""
    return msgspec.structs.replace(
        like,
        per_run=cause.per_run,
        objects=cause.objects,
        python_bytes=cause.python_bytes,
        extension=cause.extension,
    )
