"""References and sizes among a handful of objects: what heads and cycles are computed from.

Positions, never objects, leave :func:`survey`, so that nothing here keeps anything alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from gc import is_tracked as _is_tracked
from sys import getrefcount as _getrefcount
from typing import NamedTuple

from pytest_leakcheck.explain import inline
from pytest_leakcheck.explain.introspect import (
    Live,
    Sizes,
    is_extension_type,
    is_gc_type,
    referents,
)

_referent = weakref.ReferenceType.__call__

#: A value with more references than this is an interned name or a small number: nobody's own.
_SHARED = 1_000


class Subgraph:
    """References among nodes by position, with what each node alone weighs."""

    __slots__ = ("common", "external", "native", "own", "references")

    def __init__(self, references: list[list[int]], own: list[int]) -> None:
        self.references = references
        """For each node, the positions of the nodes it refers to."""
        self.own = own
        """For each node, its bytes and those of untracked values that it alone refers to."""
        self.common: list[tuple[list[int], int]] = []
        """Untracked values with several owners, all of them nodes: (owners, bytes)."""
        self.external: list[int] | None = None
        """For each node, references to it from outside the subgraph, where they can be counted."""
        self.native: set[int] = set()
        """Nodes that are, or alone refer to, objects of compiled extension types."""

    def __len__(self) -> int:
        return len(self.references)


def survey(nodes: list[Live], sizes: Sizes) -> Subgraph:
    """The subgraph of live objects, with the untracked values that belong to them alone.

    A value belongs to the nodes when its reference count is what the nodes' references add up to.
    About 2 µs per object.
    """
    return _Survey(nodes, sizes).subgraph


class Links(NamedTuple):
    """References among nodes by position."""

    references: list[list[int]]
    """For each node, the positions of the nodes it refers to."""
    external: list[int]
    """For each node, references to it from elsewhere."""


def links(nodes: list[Live], held: int = 0) -> Links:
    """The references among live objects alone. About 0.1 µs per reference.

    Args:
        held: references to each that the caller has beside this list.
    """
    index = {id(o): position for position, o in enumerate(nodes)}
    references = [[index[i] for i in map(id, referents(o)) if i in index] for o in nodes]
    inner = [0] * len(nodes)
    for targets in references:
        for target in targets:
            inner[target] += 1
    external = _external(nodes, references, inner)
    return Links(references, [count - held for count in external])


def _external(nodes: list[Live], references: list[list[int]], inner: list[int]) -> list[int]:
    """References to each node from outside; adds to both lists those that the collector does not
    see, of instances to their dicts."""
    orphans = [p for p, o in enumerate(nodes) if inline.is_hidden(o)] if inline.HIDDEN else []
    for orphan, owner in inline.owners_by_position(nodes, orphans).items():
        references[owner].append(orphan)
        inner[orphan] += 1
    overhead = _counting_overhead()
    return [_getrefcount(o) - overhead - inner[position] for position, o in enumerate(nodes)]


class _Kind(NamedTuple):
    """What is asked about every object, once per type."""

    size: Callable[[Live], int]
    native: bool
    collected: bool
    weak: bool


class _Survey:
    """One pass over the nodes; holds references to them only while it runs."""

    def __init__(self, nodes: list[Live], sizes: Sizes) -> None:
        self._index = {id(o): position for position, o in enumerate(nodes)}
        self._size = sizes.of
        self._atoms: dict[int, tuple[int, int, list[int]]] = {}
        self._kinds: dict[int, _Kind] = {}
        count = len(nodes)
        self.subgraph = Subgraph([[] for _ in range(count)], [0] * count)
        self._inner = [0] * count
        overhead = _overhead()
        for position, o in enumerate(nodes):
            kind = self._kinds.get(id(type(o))) or self._kind(type(o))
            self._visit(position, o, kind, overhead)
            if kind.weak:
                self._weak(position, o)
        self.subgraph.common = [
            (owners, size)
            for references, size, owners in self._atoms.values()
            if references == len(owners)
        ]
        self.subgraph.external = _external(nodes, self.subgraph.references, self._inner)

    def _weak(self, position: int, o: Live) -> None:
        """A weak reference goes with the survivor it points to: it counts as that one's own."""
        target = self._index.get(id(_referent(o)))
        if target is not None:
            self.subgraph.references[target].append(position)

    def _visit(self, position: int, o: Live, kind: _Kind, overhead: int) -> None:
        index, inner, kinds = self._index, self._inner, self._kinds
        out = self.subgraph.references[position]
        total = kind.size(o)
        native = kind.native
        pending: list[Live] = []
        shown = referents(o)
        while True:
            for r in shown:
                target = index.get(id(r))
                if target is not None:
                    out.append(target)
                    inner[target] += 1
                elif not _is_tracked(r) and (references := _getrefcount(r) - overhead) < _SHARED:
                    if references > 1:
                        self._share(r, references, position)
                        continue
                    kind = kinds.get(id(type(r))) or self._kind(type(r))
                    total += kind.size(r)
                    native = native or kind.native
                    if kind.collected:
                        pending.append(r)
            if not pending:
                break
            shown = referents(pending.pop())
        self.subgraph.own[position] = total
        if native:
            self.subgraph.native.add(position)

    def _share(self, value: Live, references: int, owner: int) -> None:
        known = self._atoms.get(id(value))
        if known is None:
            self._atoms[id(value)] = (references, self._size(value), [owner])
        else:
            known[2].append(owner)

    def _kind(self, cls: type) -> _Kind:
        weak = issubclass(cls, weakref.ReferenceType)
        kind = _Kind(self._size, is_extension_type(cls), is_gc_type(cls), weak)
        self._kinds[id(cls)] = kind
        return kind


def _overhead() -> int:
    """References that the loop of ``_visit`` itself adds; interpreters differ."""
    shown = referents([object()])
    for r in shown:
        # Not the probe's own list any more: only ``shown`` and the loop refer to it.
        return _getrefcount(r)
    return 0


def _counting_overhead() -> int:
    """References that the caller's list and the counting loop add; interpreters differ."""
    probe = [object()]
    return [_getrefcount(o) for _, o in enumerate(probe)].pop()
