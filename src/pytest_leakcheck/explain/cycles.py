"""Late garbage as readable cycles."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from types import CellType, FrameType, FunctionType
from typing import NamedTuple

from pytest_leakcheck.explain.edges import Edge
from pytest_leakcheck.explain.graph import LiveGraph
from pytest_leakcheck.explain.heads import strong_components
from pytest_leakcheck.explain.introspect import Live, Sizes, is_one_of, package_of
from pytest_leakcheck.explain.path_naming import name_chain
from pytest_leakcheck.explain.subgraph import survey
from pytest_leakcheck.model.causes import Step

_STARTS = 12
_SHAPES = 40
_TYPES = 12


class Garbage(NamedTuple):
    """What a :class:`~pytest_leakcheck.model.journal_lines.CycleRecord` says, less its node id."""

    objects: int
    python_bytes: int
    types: dict[str, int]
    cycles: list[list[Step]]


def describe_garbage(garbage: list[Live], limit: int = 3) -> Garbage:
    """Counts the garbage and names one short cycle per distinct shape, the largest first.

    Each cycle is a closed walk: its last step leads back to the first object. About 3 µs per
    object. Keeps nothing; the caller frees the list.
    """
    graph = LiveGraph()
    subgraph = survey(garbage, Sizes())
    types = Counter(graph.type_name(o) for o in garbage)
    components = strong_components(subgraph.references)
    cyclic = [sorted(c) for c in components if len(c) > 1 or c[0] in subgraph.references[c[0]]]
    return Garbage(
        objects=len(garbage),
        python_bytes=sum(subgraph.own),
        types=dict(sorted(types.items(), key=lambda item: (-item[1], item[0]))[:_TYPES]),
        cycles=_distinct(graph, garbage, subgraph.references, cyclic, limit),
    )


def _distinct(
    graph: LiveGraph,
    garbage: list[Live],
    references: list[list[int]],
    components: list[list[int]],
    limit: int,
) -> list[list[Step]]:
    """One cycle per shape; components with the same types are looked at once."""
    looked: set[frozenset[tuple[int, int]]] = set()
    shapes: set[tuple[str, ...]] = set()
    cycles: list[list[Step]] = []
    for component in sorted(components, key=lambda c: (-len(c), c[0])):
        kinds = frozenset(Counter(id(type(garbage[m])) for m in component).items())
        if kinds in looked:
            continue
        looked.add(kinds)
        steps = _shortest(graph, garbage, references, component)
        shape = tuple(part for step in steps for part in (step.generic, step.type))
        if steps and shape not in shapes:
            shapes.add(shape)
            cycles.append(steps)
        if len(cycles) == limit or len(looked) == _SHAPES:
            break
    return cycles


def _shortest(
    graph: LiveGraph, garbage: list[Live], references: list[list[int]], component: list[int]
) -> list[Step]:
    """The most readable short cycle of a component, from its most telling objects."""
    ranks = {m: _rank(garbage[m]) for m in component}
    best: tuple[int, list[int]] | None = None
    for start in _starts(garbage, ranks):
        found = _around(start, references, ranks)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        return []
    named = name_chain([garbage[p] for p in best[1]])
    first = garbage[best[1][0]]
    steps = [Step(edge="", generic="", type=graph.type_name(first), label=graph.label(first))]
    return steps + [_step(graph, node, edge) for node, edge in named]


def _step(graph: LiveGraph, node: Live, edge: Edge) -> Step:
    return Step(
        edge=edge.edge,
        generic=edge.generic,
        type=graph.type_name(node),
        label=graph.label(node),
        suspect=True,
    )


def _starts(garbage: list[Live], ranks: dict[int, int]) -> list[int]:
    """A few of the most telling objects, of different types as far as possible."""
    lowest = min(ranks.values())
    seen: Counter[int] = Counter()
    turns: list[tuple[int, int]] = []
    for member, rank in ranks.items():
        if rank == lowest:
            kind = id(type(garbage[member]))
            turns.append((seen[kind], member))
            seen[kind] += 1
    return [member for _, member in sorted(turns)[:_STARTS]]


def _rank(o: Live) -> int:
    """How little an object tells a reader: instances first, a class's own machinery last."""
    cls = type(o)
    if issubclass(cls, type):
        return 8
    if is_one_of(cls, (FunctionType, FrameType)) or issubclass(cls, BaseException):
        return 1
    if cls is CellType or package_of(cls) == "builtins":
        return 2
    return 0


def _around(
    start: int, references: list[list[int]], ranks: dict[int, int]
) -> tuple[int, list[int]] | None:
    """The cheapest walk from a node back to itself: (cost, positions). O(component)."""
    best = {start: 0}
    parents: dict[int, int] = {}
    heap = [(0, start)]
    while heap:
        cost, node = heappop(heap)
        if cost > best[node] and node != start:
            continue
        if node == start and parents.get(start) is not None:
            walk = [start]
            at = parents[start]
            while at != start:
                walk.append(at)
                at = parents[at]
            return cost, [start, *reversed(walk)]
        for target in references[node]:
            if target not in ranks:
                continue
            dearer = cost + 1 + ranks[target]
            known = best.get(target)
            if known is None or dearer < known or (target == start and start not in parents):
                best[target], parents[target] = dearer, node
                heappush(heap, (dearer, target))
    return None
