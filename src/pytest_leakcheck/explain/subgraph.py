"""References and sizes among a handful of objects: what heads and cycles are computed from.

Positions, never objects, leave :func:`survey`, so that nothing here keeps anything alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from gc import get_referents as _get_referents
from gc import is_tracked as _is_tracked
from sys import getrefcount as _getrefcount

from .anatomy import Live, Sizes, is_extension_type, is_gc_type

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


class _Survey:
    """One pass over the nodes; holds references to them only while it runs."""

    def __init__(self, nodes: list[Live], sizes: Sizes) -> None:
        self._index = {id(o): position for position, o in enumerate(nodes)}
        self._sizes = sizes
        self._atoms: dict[int, tuple[int, int, list[int]]] = {}
        self._native_types: dict[int, bool] = {}
        self._is_native: Callable[[type], bool] = is_extension_type
        count = len(nodes)
        self.subgraph = Subgraph([[] for _ in range(count)], [0] * count)
        self._inner = [0] * count
        overhead = _overhead()
        for position, o in enumerate(nodes):
            self._visit(position, o, overhead)
            self._weak(position, o)
        self.subgraph.common = [
            (owners, size)
            for references, size, owners in self._atoms.values()
            if references == len(owners)
        ]
        inner, overhead = self._inner, _counting_overhead()
        self.subgraph.external = [
            _getrefcount(o) - overhead - inner[position] for position, o in enumerate(nodes)
        ]

    def _weak(self, position: int, o: Live) -> None:
        """A weak reference goes with the survivor it points to: it counts as that one's own."""
        if issubclass(type(o), weakref.ReferenceType):
            target = self._index.get(id(_referent(o)))
            if target is not None:
                self.subgraph.references[target].append(position)

    def _visit(self, position: int, o: Live, overhead: int) -> None:
        subgraph, index, inner = self.subgraph, self._index, self._inner
        size_of = self._sizes.of
        out = subgraph.references[position]
        total = size_of(o)
        native = self._native(type(o))
        pending = [o]
        while pending:
            for r in _get_referents(pending.pop()):
                target = index.get(id(r))
                if target is not None:
                    out.append(target)
                    inner[target] += 1
                    continue
                if _is_tracked(r):
                    continue
                references = _getrefcount(r) - overhead
                if references > _SHARED:
                    continue
                cls = type(r)
                if references > 1:
                    self._share(r, references, position)
                    continue
                total += size_of(r)
                native = native or self._native(cls)
                if is_gc_type(cls):
                    pending.append(r)
        subgraph.own[position] = total
        if native:
            subgraph.native.add(position)

    def _share(self, value: Live, references: int, owner: int) -> None:
        known = self._atoms.get(id(value))
        if known is None:
            self._atoms[id(value)] = (references, self._sizes.of(value), [owner])
        else:
            known[2].append(owner)

    def _native(self, cls: type) -> bool:
        known = self._native_types.get(id(cls))
        if known is None:
            known = self._native_types[id(cls)] = self._is_native(cls)
        return known


def _overhead() -> int:
    """References that the loop of ``_visit`` itself adds; interpreters differ."""
    probe = [object()]
    for r in _get_referents(probe):
        return _getrefcount(r) - 1
    return 0


def _counting_overhead() -> int:
    """References that the caller's list and the counting loop add; interpreters differ."""
    probe = [object()]
    return [_getrefcount(o) for _, o in enumerate(probe)].pop()
