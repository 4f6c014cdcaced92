"""A small language for graphs of objects, so that a hard case is five lines.

``graph(root("app.cache").key("x").holds("Session"))`` is a module-level ``app.cache`` whose item
``'x'`` is a ``Session``. Chains that name the same node (``name=``) meet in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pytest_leakcheck.explain.graph import NEVER, Hop, Referents, Root
from pytest_leakcheck.explain.status import Status
from pytest_leakcheck.explain.subgraph import Links, Subgraph

__all__ = ["NEVER", "Chain", "Graph", "graph", "loose", "root"]


@dataclass(eq=False)
class Thing:
    """A node: compares by identity only, as live objects are compared."""

    name: str
    type: str
    root: Root | None = None
    toll: int = 0
    size: int = 100
    status: Status = "unknown"
    compiled: bool = False
    held: list[tuple[str, str, Thing]] = field(default_factory=list)


@dataclass
class Chain:
    """One way down from a root, in the order in which it is written."""

    start: Thing
    links: list[tuple[str, str, str, str, dict[str, Any]]] = field(default_factory=list)
    pending: tuple[str, str] | None = None

    def attr(self, name: str) -> Chain:
        """The next object is this attribute."""
        return self._edge(f".{name}", f".{name}")

    def key(self, key: object) -> Chain:
        """The next object lies under this key."""
        return self._edge(f"[{key!r}]", "[*]")

    def holds(self, type: str, name: str = "", **fields: Any) -> Chain:  # noqa: A002
        """The object that the last edge leads to."""
        assert self.pending is not None, "an edge first: .attr('x') or .key('x')"
        self.links.append((*self.pending, type, name or type, fields))
        self.pending = None
        return self

    def _edge(self, edge: str, generic: str) -> Chain:
        if self.pending is not None:
            self.holds("object", name=f"{self.start.name}{len(self.links)}{self.pending[0]}")
        self.pending = edge, generic
        return self


def root(name: str, *, rank: int = 0, toll: int = 0, status: Status = "expected") -> Chain:
    """A module, class or function that lives as long as the process."""
    return Chain(Thing(name, name, Root(name, status, rank), toll))


def loose(type: str, *, compiled: bool = False) -> Chain:  # noqa: A002
    """An object to which nothing visible refers."""
    return Chain(Thing(f"loose {type}", type, compiled=compiled))


class Graph:
    """An ``ObjectGraph`` of things."""

    def __init__(self, chains: tuple[Chain, ...]) -> None:
        self.things: dict[str, Thing] = {}
        self.asked: list[list[str]] = []
        for chain in chains:
            at = self.things.setdefault(chain.start.name, chain.start)
            for edge, generic, kind, name, fields in chain.links:
                thing = self.things.setdefault(name, Thing(name, kind, **fields))
                at.held.append((edge, generic, thing))
                at = thing

    def __getitem__(self, name: str) -> Thing:
        return self.things[name]

    def key(self, node: Thing) -> int:
        return id(node)

    def type_name(self, node: Thing) -> str:
        return node.type

    def kind(self, node: Thing) -> str:
        return ""

    def label(self, node: Thing) -> str:
        return node.name if node.name != node.type else ""

    def status(self, node: Thing) -> tuple[Status, str]:
        return node.status, "closed" if node.status == "stuck" else ""

    def is_extension(self, node: Thing) -> bool:
        return node.compiled

    def subgraph(self, nodes: list[Thing]) -> Subgraph:
        return Subgraph(self.links(nodes).references, [node.size for node in nodes])

    def links(self, nodes: list[Thing], held: int = 0) -> Links:
        index = {id(node): position for position, node in enumerate(nodes)}
        references = [[index[id(t)] for *_, t in node.held if id(t) in index] for node in nodes]
        inside = [target for targets in references for target in targets]
        every = [id(t) for thing in self.things.values() for *_, t in thing.held]
        external = [every.count(id(o)) - inside.count(p) for p, o in enumerate(nodes)]
        return Links(references, external)

    def referents(self, node: Thing) -> list[Thing]:
        return [target for *_, target in node.held]

    def all_referents(self, nodes: list[Thing]) -> Referents:
        found = [target for node in nodes for target in self.referents(node)]
        onward = [target for target in found if target.held]
        return Referents([*map(self.key, found)], onward, [*map(self.key, onward)])

    def referrers(self, nodes: list[Thing]) -> list[tuple[Thing, list[int]]]:
        self.asked.append([node.name for node in nodes])
        found = []
        for thing in self.things.values():
            hits = [n for n, node in enumerate(nodes) if any(t is node for *_, t in thing.held)]
            if hits:
                found.append((thing, hits))
        return found

    def alike(self, nodes: list[Thing]) -> list[Thing]:
        kinds = {node.type for node in nodes}
        return [thing for thing in self.things.values() if thing.type in kinds]

    def root(self, node: Thing) -> Root | None:
        return node.root

    def toll(self, node: Thing) -> int:
        return node.toll

    def last_resort(self, node: Thing) -> Root:
        return Root(f"({node.type} held from C)", "unknown", 9)

    def entries(self) -> list[Thing]:
        return [thing for thing in self.things.values() if thing.root is not None]

    def hops(self, chain: list[Thing]) -> list[Hop]:
        hops = []
        for holder, target in pairwise(chain):
            edge, generic = next((e, g) for e, g, t in holder.held if t is target)
            hops.append(Hop(target, edge, generic))
        return hops


def graph(*chains: Chain) -> Graph:
    """The graph of these chains."""
    return Graph(chains)
