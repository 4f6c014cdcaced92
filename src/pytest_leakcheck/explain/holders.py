"""From heads back to what holds them.

A batched walk backwards, one level of referrers at a time for all heads together, cheapest paths
first: a path through the harness or a frame is only asked for where no other is found. A chain of
nodes of the same types (a linked list) is passed in one leap, and where the walk fans out, some
nodes stand for all. Where these lead nowhere, or it takes too long, one walk forwards from the
modules finds the rest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import heappop, heappush
from itertools import islice, zip_longest
from time import perf_counter as _perf_counter

from pytest_leakcheck.explain.definitions import is_imported
from pytest_leakcheck.explain.graph import NEVER, OUT_OF_SIGHT, Hop, Node, ObjectGraph, Root
from pytest_leakcheck.explain.paths import Path

Clock = Callable[[], float]

#: Of a level wider than this some nodes are asked for, half as many: a backward step costs the heap
#: times its width.
WIDTH = 128
#: Of those at least so many for each head.
_LEAST = 4
#: A longer walk costs more than one forwards over everything: lists and trees of nodes.
_LEVELS = 30
#: So many levels whose types repeat those of as many levels before are a chain: a linked list, a
#: tree of parents, dicts in dicts.
_PERIOD = 3
#: With more nodes than this on those levels, it is no chain.
_NARROW = 64
#: More levels to look for a container once only attributes (which are replaced) were found.
_SLACK = 2
#: Paths are cheap below this toll, and worth that slack.
_CHEAP = 100
_BRANCHES = 8
_END_TOLL = 500
#: Of so many objects in a circle it is asked what holds them out of sight.
_MOST_ENDS = 64
#: The walk forwards may outlast the budget by this: a late name is better than none.
_GRACE_S = 5.0
#: So many nodes are asked together on the walk forwards.
_BATCH = 512

NOT_FOUND = Root("(not found in the time allowed)", "unknown", rank=99)


def find_holder(graph: ObjectGraph, heads: list[Node], ignore_ids: Collection[int]) -> Path | None:
    """The best path from a root to one of the nodes of one head, or None."""
    return find_holders(graph, [heads], ignore_ids)[0]


def find_holders(
    graph: ObjectGraph,
    groups: list[list[Node]],
    ignore_ids: Collection[int],
    *,
    clock: Clock = _perf_counter,
    budget_s: float = 5.0,
    width: int = WIDTH,
) -> list[Path | None]:
    """For each head (a group of nodes that stand for it) its best path from a root.

    Costs one ``gc.get_referrers`` per level: 50 to 340 ms on a million objects.
    """
    search = _Search(graph, groups, ignore_ids)
    search.run(clock, clock() + budget_s, width)
    return search.paths()


class _Search:
    """The graph discovered so far, as positions; the nodes lie in one list that is ignored."""

    def __init__(
        self, graph: ObjectGraph, groups: list[list[Node]], ignore_ids: Collection[int]
    ) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.index: dict[int, int] = {}
        self.up: list[dict[int, None]] = []
        """By position, what refers to it, in the order in which it was found."""
        self.cost: list[int] = []
        self.toll: list[int] = []
        self.heads_below: list[int] = []
        self.roots: dict[int, Root] = {}
        self.starts: list[list[int]] = []
        self.buckets: dict[int, list[int]] = {}
        self.passed: set[int] = set()
        """Not expanded: no head below needed it, or others stand for it."""
        self.left_out = False
        """Whether nodes were not expanded for which others stand."""
        self.at = 0
        """The cost of the level that is being expanded."""
        self.recent: list[list[int]] = []
        """The last levels that were expanded, since the last leap."""
        self.found = 0
        self.aliases: dict[tuple[str, str], bool] = {}
        """Whether a module, by name, only imports an attribute; as far as it was asked."""
        self.ignore = {id(self.nodes), id(groups), *map(id, groups), *ignore_ids}
        self.groups = groups
        for number, group in enumerate(groups):
            self.starts.append([self._add(node, 0, 0, 1 << number) for node in group])

    # --- the walk backwards

    def run(self, clock: Clock, deadline: float, width: int) -> None:
        """Expands the cheapest level until each head has a path, or the walk gets too dear."""
        slack, levels, cheaply = _SLACK, 0, True
        while self.buckets:
            self.at = min(self.buckets)
            if cheaply and self.at >= _CHEAP and self.left_out and self._open_heads():
                cheaply = False
                self._walk_forwards(clock, deadline, cheaply=True)
            level = self._settle(self.buckets.pop(self.at))
            wanted = self._open_heads()
            if not wanted:
                wanted = self._heads_held_by_attribute() if slack and self.at < _CHEAP else 0
                slack -= 1
                if not wanted:
                    return
            needed = [p for p in level if self.heads_below[p] & wanted]
            self.passed.update(set(level).difference(needed))
            if not needed:
                continue
            levels += 1
            if levels > _LEVELS or clock() > deadline:
                self._walk_forwards(clock, deadline)
                return
            if len(needed) > width:
                needed = self._some(needed, wanted, width // 2)
            self._leap(needed)
            self._expand(needed)
        if self.left_out and self._open_heads():
            self._walk_forwards(clock, deadline)
        self._end_of_sight()

    def _settle(self, level: list[int]) -> list[int]:
        """Marks the level's roots as found and returns what remains to expand."""
        for position in level:
            if position in self.roots:
                self.found |= self.heads_below[position]
        return [p for p in level if p not in self.roots]

    def _some(self, level: list[int], wanted: int, most: int) -> list[int]:
        """Some nodes of a wide level for each head, of as many types as there are.

        What holds a head is alive, so it leads to a root as well, if it is not held from C.
        """
        self.left_out = True
        numbers = [n for n in range(len(self.groups)) if wanted >> n & 1]
        each = max(_LEAST, most // len(numbers))
        chosen: dict[int, None] = {}
        for number in numbers:
            by_type: dict[str, list[int]] = {}
            for p in level:
                if self.heads_below[p] >> number & 1:
                    by_type.setdefault(self.graph.type_name(self.nodes[p]), []).append(p)
            turns = (p for turn in zip_longest(*by_type.values()) for p in turn if p is not None)
            chosen.update(dict.fromkeys(islice(turns, each)))
        self.passed.update(p for p in level if p not in chosen)
        return list(chosen)

    def _open_heads(self) -> int:
        return ((1 << len(self.groups)) - 1) & ~self.found

    def _heads_held_by_attribute(self) -> int:
        """Heads whose best path ends in an attribute: a growing container is a better answer."""
        mask = 0
        for number in range(len(self.groups)):
            path = self._best(number)
            if path is not None and not path.gathers:
                mask |= 1 << number
        return mask

    def _expand(self, level: list[int]) -> None:
        targets = [self.nodes[p] for p in level]
        self.ignore.add(id(targets))
        for holder, hits in self.graph.referrers(targets):
            key = self.graph.key(holder)
            if key in self.ignore:
                continue
            position = self.index.get(key)
            if position is None:
                toll = self.graph.toll(holder)
                if toll == NEVER:
                    self.ignore.add(key)
                    continue
                position = self._add(holder, self.at + 1 + toll, toll, 0)
                root = self.graph.root(holder)
                if root is not None:
                    self.roots[position] = root
            for hit in hits:
                if level[hit] != position:
                    self._link(position, level[hit])
        self.ignore.discard(id(targets))

    def _add(self, node: Node, cost: int, toll: int, heads: int) -> int:
        position = self._enter(node, cost, toll, heads)
        self.buckets.setdefault(cost, []).append(position)
        return position

    def _enter(self, node: Node, cost: int, toll: int, heads: int) -> int:
        position = self.index[self.graph.key(node)] = len(self.nodes)
        self.nodes.append(node)
        self.up.append({})
        self.cost.append(cost)
        self.toll.append(toll)
        self.heads_below.append(heads)
        return position

    def _link(self, holder: int, target: int) -> None:
        self.up[target][holder] = None
        work = [(holder, self.heads_below[target])]
        while work:
            position, heads = work.pop()
            added = heads & ~self.heads_below[position]
            if added:
                self.heads_below[position] |= added
                if position in self.roots and self.cost[position] < _CHEAP:
                    self.found |= added
                if position in self.passed and added & ~self.found:
                    self.passed.discard(position)
                    # With the next level: levels of its own, one after the other, would be dear.
                    cost = max(self.cost[position], self.at + 1)
                    self.buckets.setdefault(cost, []).append(position)
                work += [(above, added) for above in self.up[position]]

    def _leap(self, level: list[int]) -> None:
        """Where a chain of nodes of some types has begun, enter the rest of it at once.

        Of its nodes only those are asked for that something else refers to as well. O(heap) to find
        the nodes of these types: what a level of some dozens costs.
        """
        self.recent.append(level)
        chain = self._chained()
        if not chain:
            return
        self.recent.clear()
        self.ignore.add(id(chain))
        members = self.graph.alike(chain)
        references, external = self.graph.links(members)
        above: dict[int, list[int]] = {}
        for member, targets in enumerate(references):
            for target in targets:
                above.setdefault(target, []).append(member)
        at = {self.graph.key(node): member for member, node in enumerate(members)}
        work = [at[key] for p in level if (key := self.graph.key(self.nodes[p])) in at]
        while work:
            target = work.pop()
            below = self.index[self.graph.key(members[target])]
            for member in above.get(target, ()):
                position = self.index.get(key := self.graph.key(members[member]))
                if position is None and key not in self.ignore:
                    position = self._pass(members[member], asked=external[member] > 0)
                    if position is not None and position not in self.roots:
                        work.append(member)
                if position is not None and position != below:
                    self._link(position, below)
        self.ignore.discard(id(chain))

    def _chained(self) -> list[Node]:
        """Nodes of the last levels of the types that the levels before have as well."""
        if len(self.recent) < 2 * _PERIOD or sum(map(len, self.recent[-_PERIOD:])) > _NARROW:
            return []
        names = [
            {self.graph.type_name(self.nodes[p]) for level in levels for p in level}
            for levels in (self.recent[-2 * _PERIOD : -_PERIOD], self.recent[-_PERIOD:])
        ]
        both = names[0] & names[1]
        last = [p for level in self.recent[-_PERIOD:] for p in level if not self.toll[p]]
        return [self.nodes[p] for p in last if self.graph.type_name(self.nodes[p]) in both]

    def _pass(self, node: Node, *, asked: bool) -> int | None:
        """Enter a node of a chain, to be expanded or not: the whole chain reads as one step."""
        toll = self.graph.toll(node)
        if toll == NEVER:
            return None
        root = self.graph.root(node)
        enter = self._add if asked or root is not None else self._enter
        position = enter(node, self.at + 1 + toll, toll, 0)
        if root is not None:
            self.roots[position] = root
        return position

    def _end_of_sight(self) -> None:
        """Names what nothing visible refers to, for heads that have no other root."""
        for position, above in enumerate(self.up):
            known = above or position in self.roots or position in self.passed
            if not known and self.heads_below[position] & ~self.found:
                self._end_at(position, self.graph.last_resort(self.nodes[position]))
        rooted = 0
        for position in self.roots:
            rooted |= self.heads_below[position]
        self._ends_of_circles(self._open_heads() & ~rooted)

    def _ends_of_circles(self, lost: int) -> None:
        """Names what holds a head that objects hold which all refer to each other, as with parents
        and children: one of them is a local variable, or has a reference that nothing accounts for.
        """
        if not lost:
            return
        heads = {position for starts in self.starts for position in starts}
        found = (p for p, below in enumerate(self.heads_below) if below & lost)
        positions = [p for p in found if p not in heads and p not in self.passed]
        _, external = self.graph.links([self.nodes[p] for p in positions], held=1)
        held = [p for p, count in zip(positions, external, strict=True) if count > 0]
        ends = {p: self.graph.last_resort(self.nodes[p]) for p in held[:_MOST_ENDS]}
        seen = {p: root for p, root in ends.items() if root.rank < OUT_OF_SIGHT}
        for position, root in (seen or ends).items():
            self._end_at(position, root)

    def _end_at(self, position: int, root: Root) -> None:
        self.roots[position] = root
        self.toll[position] += _END_TOLL

    # --- the walk forwards

    def _walk_forwards(self, clock: Clock, deadline: float, *, cheaply: bool = False) -> None:
        """From the modules down to the open heads: O(heap) once, 1 s per million objects.

        Args:
            cheaply: not through the harness's modules.
        """
        wanted = {
            self.graph.key(self.nodes[p])
            for number, starts in enumerate(self.starts)
            if self._open_heads() >> number & 1
            for p in starts
        }
        entries = self.graph.entries()
        barred = self.ignore | wanted
        if cheaply:
            dear = [entry for entry in entries if self.graph.toll(entry)]
            barred |= {self.graph.key(n) for e in dear for n in (e, *self.graph.referents(e))}
            entries = [entry for entry in entries if self.graph.key(entry) not in barred]
        walk = _Walk(self.graph, entries, barred)
        while wanted and walk.goes_on() and clock() <= deadline + _GRACE_S:
            for key in walk.step(wanted):
                self._adopt(walk.way_to(key), key)
                wanted.discard(key)

    def _adopt(self, way: Iterable[Node], key: int) -> None:
        """Enters a forward chain, from what refers to the head upwards, into the discovered
        graph."""
        below = self.index[key]
        for node in way:
            position = self.index.get(self.graph.key(node))
            if position is None:
                toll = max(self.graph.toll(node), 0)
                position = self._add(node, self.cost[below] + 1 + toll, toll, 0)
            root = self.graph.root(node)
            self._link(position, below)
            if root is not None:
                self.roots[position] = root
                self.found |= self.heads_below[position]
                return
            below = position

    # --- the best path

    def paths(self) -> list[Path | None]:
        """The best path of each head."""
        return [self._best(number) for number in range(len(self.groups))]

    def _best(self, number: int) -> Path | None:
        """The path with the fewest merged steps and tolls; among equals by rank, and from where the
        name is given and not only imported; then by name.

        One that ends in an attribute is worth less: the next run would replace what it holds.
        """
        best: list[Path] = []
        least: tuple[int, int, int] | None = None
        for tolls, positions in self._chains(self.starts[number]):
            chain = [self.nodes[p] for p in positions]
            root = self.roots[positions[0]]
            hops: list[Hop] = self.graph.hops(chain)
            path = Path(root, chain, hops)
            cost = tolls + len(hops) + (0 if path.gathers else _SLACK + 1)
            rank = (cost, root.rank, self._foreign(root, hops))
            if least is None or rank < least:
                best, least = [], rank
            if rank == least:
                best.append(path)
        first = {path.root.name: path for path in reversed(best)}
        if len(first) > 1:
            return min(
                first.values(),
                key=lambda path: (self._is_alias(path), self._is_odd_end(path), path.root.name),
            )
        return best[0] if best else None

    def _is_odd_end(self, path: Path) -> bool:
        """Whether compiled code would hold an object of a Python type, where it holds mostly those
        of its own types: something may refer to the other for a moment only."""
        return path.root.rank == OUT_OF_SIGHT and not self.graph.is_extension(path.chain[0])

    def _is_alias(self, path: Path) -> bool:
        """Whether a path begins with a name that its module only imports."""
        name = path.hops[0].generic.partition("[")[0] if path.hops else ""
        key = path.root.name, name
        if name.startswith(".") and key not in self.aliases:
            self.aliases[key] = is_imported(path.chain[0], name[1:])
        return self.aliases.get(key, False)

    def _foreign(self, root: Root, hops: list[Hop]) -> int:
        """Steps of types from other packages than the root's: an alias is worse than a home."""
        home = root.name.partition(".")[0]
        types = (self.graph.type_name(hop.node) for hop in hops[:-1])
        return sum("." in name and name.partition(".")[0] != home for name in types)

    def _chains(self, starts: list[int]) -> list[tuple[int, list[int]]]:
        """The cheapest chains through each of a head's direct holders: (tolls, positions)."""
        members = set(starts)
        chains: list[tuple[int, list[int]]] = []
        for start in starts:
            if start in self.roots:
                chains.append((self.toll[start], [start]))
            for holder in self._some_holders(start, members):
                if holder not in members:
                    chains += [
                        (tolls, [*chain, start]) for tolls, chain in self._climb(holder, members)
                    ]
        chains.sort(key=lambda chain: (chain[0], len(chain[1])))
        return chains[: _BRANCHES * 4]

    def _some_holders(self, position: int, members: Collection[int]) -> list[int]:
        """A member's direct holders; of very many some from which a root is reached, past the other
        members, one without toll if there is any."""
        holders = list(self.up[position])
        if len(holders) > _BRANCHES * 4:
            free = [root for root in self.roots if not self.toll[root]]
            below = self._below()
            for roots in (free, self.roots):
                rooted = _reached(below, roots, members)
                found = [holder for holder in holders if holder in rooted]
                if found:
                    return found[: _BRANCHES * 4]
            return []
        return holders

    def _below(self) -> list[list[int]]:
        """By position, what it refers to. O(references found so far)."""
        below: list[list[int]] = [[] for _ in self.up]
        for position, above in enumerate(self.up):
            for holder in above:
                below[holder].append(position)
        return below

    def _climb(self, start: int, barred: set[int]) -> list[tuple[int, list[int]]]:
        """Dijkstra upwards over the discovered graph to the nearest few roots.

        Returns their (tolls, positions from root to start). Raw length is not what people see
        (an instance and its dict are one step), so roots a little farther are given too.
        """
        best = {start: self.toll[start]}
        below: dict[int, int] = {start: -1}
        heap = [(self.toll[start], *self._order(start), start)]
        found: list[tuple[int, list[int]]] = []
        nearest: int | None = None
        while heap and len(found) < _BRANCHES:
            cost, *_, position = heappop(heap)
            if cost > best[position]:
                continue
            if nearest is not None and cost > nearest + _SLACK:
                break
            if position in self.roots:
                nearest = cost if nearest is None else nearest
                chain = []
                while position != -1:
                    chain.append(position)
                    position = below[position]
                found.append((sum(self.toll[p] for p in chain), chain))
                continue
            for above in self.up[position]:
                dearer = cost + 1 + self.toll[above]
                if above not in barred and dearer < best.get(above, dearer + 1):
                    best[above], below[above] = dearer, position
                    heappush(heap, (dearer, *self._order(above), above))
        return found

    def _order(self, position: int) -> tuple[int, str]:
        """Breaks ties the same way in every process."""
        root = self.roots.get(position)
        if root is not None:
            return root.rank, root.name
        return 9, self.graph.type_name(self.nodes[position])


def _reached(below: list[list[int]], roots: Iterable[int], barred: Collection[int]) -> set[int]:
    """The positions that some root refers to, past these. O(references)."""
    reached = set(roots).difference(barred)
    work = list(reached)
    while work:
        fresh = [p for p in below[work.pop()] if p not in reached and p not in barred]
        reached.update(fresh)
        work += fresh
    return reached


class _Walk:
    """A walk forwards, breadth first, a batch of nodes at a time: what a batch refers to is asked
    for at once, and which of its nodes refers to what only on the way to a head."""

    def __init__(self, graph: ObjectGraph, entries: list[Node], barred: Iterable[int]) -> None:
        self._graph = graph
        self._nodes = entries
        self._entries = len(self._nodes)
        self._begins = [0]
        """The position at which each batch begins, and behind them that of the next …"""
        self._finds = [self._entries]
        """… and the same of what each one found."""
        self._seen = {graph.key(node) for node in self._nodes}
        self._seen.update(barred, map(id, (self._nodes, self._begins, self._finds, self._seen)))

    def goes_on(self) -> bool:
        """Whether a node is left to ask."""
        return self._begins[-1] < len(self._nodes)

    def step(self, wanted: set[int]) -> list[int]:
        """Ask the next batch; returns the wanted keys that it refers to. O(its references)."""
        begin = self._begins[-1]
        batch = self._nodes[begin : begin + _BATCH]
        keys, onward, onward_keys = self._graph.all_referents(batch)
        unseen = set(onward_keys).difference(self._seen)
        self._seen |= unseen
        found = zip(onward_keys, onward, strict=True)
        fresh = {key: node for key, node in found if key in unseen}
        self._nodes += fresh.values()
        self._begins.append(begin + len(batch))
        self._finds.append(len(self._nodes))
        return [] if wanted.isdisjoint(keys) else list(wanted.intersection(keys))

    def way_to(self, key: int) -> Iterator[Node]:
        """From what refers to a key that the last step found up to an entry. O(batch) each."""
        number = len(self._begins) - 2
        while True:
            at = self._holder(key, *self._begins[number : number + 2])
            yield self._nodes[at]
            if at < self._entries:
                return
            key = self._graph.key(self._nodes[at])
            number = bisect_right(self._finds, at) - 1

    def _holder(self, key: int, begin: int, end: int) -> int:
        """The position of the first node of a batch that refers to the key."""
        while end - begin > 1:
            middle = (begin + end) // 2
            if key in self._graph.all_referents(self._nodes[begin:middle]).keys:
                end = middle
            else:
                begin = middle
        return begin
