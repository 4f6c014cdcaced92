"""The seam between the search for holders and what it searches.

:class:`ObjectGraph` is all that heads, holders, causes and cycles know of memory. It has two
implementations: :class:`LiveGraph`, the heap of this process, and a small language in the tests in
which a hard case is five lines.
"""

from __future__ import annotations

import types
from collections.abc import Collection
from gc import get_objects as _get_objects
from gc import get_referrers as _get_referrers
from gc import is_tracked as _is_tracked
from itertools import compress
from typing import Any, NamedTuple, Protocol, TypeAlias

from pytest_leakcheck.explain import describe, frames, inline, roots
from pytest_leakcheck.explain.introspect import (
    Live,
    Sizes,
    all_referents,
    class_name,
    gone_with_keys,
    has_weak_keys,
    is_extension_type,
    package_of,
    referents,
    type_name,
)
from pytest_leakcheck.explain.path_naming import name_chain
from pytest_leakcheck.explain.status import Status
from pytest_leakcheck.explain.subgraph import Links, Subgraph, links, survey

#: An opaque node: a live object, or a name in the tests' language.
Node: TypeAlias = Any

#: What :meth:`ObjectGraph.kind` may say; a step of such a kind is known by its own name.
KINDS = frozenset({"module", "class", "function"})

#: Rank of a root that is no more than the end of sight.
OUT_OF_SIGHT = 9

#: Never a holder: the search does not see it.
NEVER = -1


class Root(NamedTuple):
    """Where a path begins: something that lives as long as the process, or the end of sight."""

    name: str
    status: Status = "expected"
    rank: int = 0
    """Decides between equally short paths; lower is preferred."""
    reason: str = ""
    """Why it is expected to live."""
    told: str = ""
    """What to call it in this run's path, where that says more than the name, which is the same in
    every run: a thread's name."""
    edge: str = ""
    """The reference from it to the path's first object, where it is itself no object that the
    collector sees: the name of a local variable."""
    thread: int = 0
    """Identifier of the thread on whose stack it is."""
    kind: str = ""
    """One of :data:`KINDS`, where it has a name of its own."""


class Hop(NamedTuple):
    """One merged step of a path: the node that a named edge leads to."""

    node: Node
    edge: str
    generic: str
    whole: str = ""
    """How the holder's line continues, where not by appending ``generic``; ``{}`` is the line."""


class Referents(NamedTuple):
    """What several nodes refer to."""

    keys: list[int]
    onward: list[Node]
    """Without those that refer to nothing of interest."""
    onward_keys: list[int]


class ObjectGraph(Protocol):
    """What the search needs to know of a graph of objects."""

    def key(self, node: Node) -> int:
        """A number that tells the node apart."""

    def type_name(self, node: Node) -> str:
        """Qualified name of the node's type, or of the module or class that it is."""

    def kind(self, node: Node) -> str:
        """One of :data:`KINDS` for what has a name of its own, or an empty string."""

    def label(self, node: Node) -> str:
        """What tells the node apart for a person, or an empty string."""

    def status(self, node: Node) -> tuple[Status, str]:
        """Whether the node should be alive, and why we know."""

    def is_extension(self, node: Node) -> bool:
        """Whether the node is of a compiled type."""

    def subgraph(self, nodes: list[Node]) -> Subgraph:
        """References and sizes among the nodes."""

    def links(self, nodes: list[Node], held: int = 0) -> Links:
        """References among the nodes, and from elsewhere, without so many that the caller has."""

    def referents(self, node: Node) -> list[Node]:
        """The nodes that this one refers to."""

    def all_referents(self, nodes: list[Node]) -> Referents:
        """The nodes that these refer to, one after the other."""

    def referrers(self, nodes: list[Node]) -> list[tuple[Node, list[int]]]:
        """Each node that refers to some of these, with the positions of those."""

    def alike(self, nodes: list[Node]) -> list[Node]:
        """All nodes of the types of these, save types of which there are very many."""

    def root(self, node: Node) -> Root | None:
        """The root that the node is, if it is one."""

    def toll(self, node: Node) -> int:
        """How much a path through the node is worse than its length; :data:`NEVER` bars it."""

    def last_resort(self, node: Node) -> Root:
        """What to call a node to which nothing visible refers."""

    def entries(self) -> list[Node]:
        """The roots from which a forward walk starts."""

    def hops(self, chain: list[Node]) -> list[Hop]:
        """The chain of nodes from a root to a head as named, merged steps, the root's left out."""


#: Why a module is expected.
LOADED = "a loaded module"

#: Packages of the harness. What they hold is charged to pytest, by name.
HARNESS = frozenset({"_pytest", "pytest", "pluggy", "xdist", "execnet"})
_SELF = __package__.partition(".")[0]
_HOME = __file__[: -len("explain/graph.py")]

#: Of a type with more objects than this a chain is not looked for.
_MANY = 50_000

_VIEW_TOLL = 2
_FRAME_TOLL = 300
_HARNESS_TOLL = 1_000

_raw_frame_code = types.FrameType.__dict__["f_code"].__get__


def _fixture_value(hops: list[Hop]) -> list[Hop]:
    """Without pytest's way from a fixture to its value: the fixture's name stands for it."""
    generics = [hop.generic for hop in hops[:2]]
    return hops[2:] if generics == [".cached_result", "[*]"] and len(hops) > 2 else hops


class LiveGraph:
    """The heap of this process. Nodes are live objects; lives for one analysis only.

    Sees what the cyclic collector sees: objects that are tracked and not frozen (call
    ``gc.unfreeze()`` first).
    """

    def __init__(self, born: Collection[int] = ()) -> None:
        """Args: born: ids of the objects whose holders are looked for."""
        self._born = born
        self.sizes = Sizes()
        self._extension: dict[int, bool] = {}
        self._modules = roots.module_names()
        self._tops: roots.Tops | None = None

    def key(self, node: Live) -> int:
        """The object's address."""
        return id(node)

    def type_name(self, node: Live) -> str:
        """Qualified type name; a module's or class's own name."""
        if issubclass(type(node), type):
            return class_name(node)
        name = self._modules.get(id(node))
        return name if name is not None else type_name(node)

    def kind(self, node: Live) -> str:
        """Module (also by its namespace), class or function. O(1)."""
        return "module" if id(node) in self._modules else describe.kind(node)

    def label(self, node: Live) -> str:
        """See :func:`describe.label`."""
        return describe.label(node)

    def status(self, node: Live) -> tuple[Status, str]:
        """What the object says about itself: see :func:`describe.stuck` and ``expected``."""
        if id(node) in self._modules:
            return "expected", LOADED
        if roots.qualified_name(node) is not None:
            return "expected", f"a {describe.kind(node) or 'function'} of a module"
        reason = describe.stuck(node)
        if reason:
            return "stuck", reason
        reason = describe.expected(node)
        return ("expected", reason) if reason else ("unknown", "")

    def subgraph(self, nodes: list[Live]) -> Subgraph:
        """O(references of the nodes)."""
        return survey(nodes, self.sizes)

    def links(self, nodes: list[Live], held: int = 0) -> Links:
        """O(references of the nodes); without sizes, so a fifth to all of what a subgraph costs."""
        return links(nodes, held)

    def referents(self, node: Live) -> list[Live]:
        """O(references of the node)."""
        return referents(node)

    def all_referents(self, nodes: list[Live]) -> Referents:
        """What the collector does not track leads nowhere. O(references of the nodes), a fraction
        of what asking one by one costs."""
        found = all_referents(nodes)
        onward = list(filter(_is_tracked, found))
        return Referents(list(map(id, found)), onward, list(map(id, onward)))

    def referrers(self, nodes: list[Live]) -> list[tuple[Live, list[int]]]:
        """O(heap) for each node: 84 ms for one node, 736 ms for 500 on a million objects."""
        wanted = {id(node): position for position, node in enumerate(nodes)}
        found: list[tuple[Live, list[int]]] = []
        last = object()  # tells the tuple of arguments, which 3.13 shows, from a tuple of theirs
        for holder in _get_referrers(*nodes, last):
            if holder is nodes or _is_ours(holder):
                continue
            if type(holder) is tuple and holder and holder[-1] is last:
                continue
            hits = [wanted[id(r)] for r in referents(holder) if id(r) in wanted]
            if hits and self._born and has_weak_keys(holder):
                gone = gone_with_keys(holder, (nodes[hit] for hit in hits), self._born)
                hits = [hit for hit in hits if id(nodes[hit]) not in gone]
            if hits:
                found.append((holder, sorted(set(hits))))
        return found + self._hidden_owners(nodes)

    def _hidden_owners(self, nodes: list[Live]) -> list[tuple[Live, list[int]]]:
        """From 3.13 on the collector does not see every instance's reference to its dict."""
        if not inline.HIDDEN:
            return []
        owners = [
            (inline.owner_of(node), [position])
            for position, node in enumerate(nodes)
            if inline.is_hidden(node)
        ]
        return [(owner, hits) for owner, hits in owners if owner is not None]

    def alike(self, nodes: list[Live]) -> list[Live]:
        """O(heap): 80 ms and 8 MB on a million objects."""
        kinds = set(map(id, map(type, nodes)))
        objects = _get_objects()
        of_these = map(kinds.__contains__, map(id, map(type, objects)))
        found: dict[int, list[Live]] = {}
        for o in compress(objects, of_these):
            found.setdefault(id(type(o)), []).append(o)
        return [o for alike in found.values() if len(alike) <= _MANY for o in alike]

    def root(self, node: Live) -> Root | None:
        """Modules of ``sys.modules``, and what is reached by its own qualified name. O(1)."""
        name = self._modules.get(id(node))
        if name is not None:
            return Root(name, rank=roots.module_rank(name), reason=LOADED, kind="module")
        owner = roots.class_of_namespace(node) or node
        qualified = roots.qualified_name(owner)
        if qualified is not None:
            kind = describe.kind(owner) or "function"
            return Root(qualified, reason=f"a {kind} of a module", kind=kind)
        if type(node) is types.FrameType and roots.is_running(node):
            ident = frames.thread_of(node)
            told = frames.told(node, ident)
            return Root("stack", rank=8, reason=roots.RUNNING, told=told, thread=ident)
        if issubclass(type(node), types.ModuleType):
            return Root(describe.label(node), "unknown", rank=5)
        fixture = roots.fixture_name(node)
        return None if fixture is None else Root(fixture, *roots.fixture_status(node))

    def toll(self, node: Live) -> int:
        """Frames and the harness are asked last; this package's own objects never."""
        cls = type(node)
        if cls is types.FrameType:
            return _FRAME_TOLL
        if cls is types.MappingProxyType:
            return _VIEW_TOLL
        package = package_of(cls)
        if package == _SELF:
            return NEVER
        if package in HARNESS:
            return 0 if roots.fixture_name(node) is not None else _HARNESS_TOLL
        name = self._modules.get(id(node))
        if name is None:
            name = roots.qualified_name(roots.class_of_namespace(node) or node) or ""
        top = name.partition(".")[0]
        if top == _SELF:
            return NEVER
        return _HARNESS_TOLL if top in HARNESS else 0

    def last_resort(self, node: Live) -> Root:
        """A local variable of a running function, thread-local data, a context, or C. O(stack)."""
        if self._tops is None:
            self._tops = roots.Tops()
        top = self._tops.name(node)
        status: Status = "expected" if top.reason else "unknown"
        rank = 8 if top.seen else OUT_OF_SIGHT
        return Root(top.name, status, rank, *top[2:])

    def entries(self) -> list[Live]:
        """The modules of ``sys.modules``, the harness's last."""
        modules = roots.loaded_modules()
        return sorted(modules, key=lambda m: self.toll(m) > 0)

    def hops(self, chain: list[Live]) -> list[Hop]:
        """Names each reference; O(size of each container on the way)."""
        owner: Live = roots.module_of_namespace(chain[0], self._modules)
        if owner is None:
            owner = roots.class_of_namespace(chain[0])
        if owner is None and self._tops is not None:
            owner = self._tops.local_of(chain[0])
        if owner is not None:
            chain = [owner, *chain]
        hops = [Hop(node, *edge) for node, edge in name_chain(chain)]
        if roots.fixture_name(chain[0]) is not None:
            return _fixture_value(hops)
        return hops

    def is_extension(self, node: Live) -> bool:
        """Whether the object is of a compiled type outside CPython. O(1) after the first."""
        cls = type(node)
        known = self._extension.get(id(cls))
        if known is None:
            known = self._extension[id(cls)] = is_extension_type(cls)
        return known


def _is_ours(holder: Live) -> bool:
    """Whether a frame belongs to this package (3.10 shows running frames as referrers)."""
    if type(holder) is not types.FrameType:
        return False
    return bool(_raw_frame_code(holder).co_filename.startswith(_HOME))
