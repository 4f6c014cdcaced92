"""Survivors → causes: who holds each head, what it retains, and what is known about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from time import perf_counter as _perf_counter
from typing import Any

import msgspec

from pytest_leakcheck.explain import catalogue
from pytest_leakcheck.explain.bounds import (
    NONE,
    bound_of,
    is_keyed_weakly,
    is_one_value,
    is_purged,
    refers_weakly,
)
from pytest_leakcheck.explain.containers import ContainerWatch, watch_containers
from pytest_leakcheck.explain.contents import largest, weight
from pytest_leakcheck.explain.graph import OUT_OF_SIGHT, LiveGraph
from pytest_leakcheck.explain.heads import Head, heads_of
from pytest_leakcheck.explain.holders import NOT_FOUND, find_holders
from pytest_leakcheck.explain.introspect import (
    Live,
    is_dead_reference,
    is_weak,
    keys_bytes,
    type_name,
)
from pytest_leakcheck.explain.match_context import match_context
from pytest_leakcheck.explain.merge_mocks import merge_mock_calls
from pytest_leakcheck.explain.merge_threads import Stacks
from pytest_leakcheck.explain.path_naming import context_value
from pytest_leakcheck.explain.paths import Path, fingerprint, fold, holder_line, steps_of
from pytest_leakcheck.explain.status import BORN
from pytest_leakcheck.explain.subgraph import Subgraph
from pytest_leakcheck.explain.test_runner import at_the_runner, is_runners_own
from pytest_leakcheck.model.causes import Cause, Content

__all__ = ["ContainerWatch", "explain_survivors", "watch_containers"]

#: Heads searched for in one walk: each costs a share of every level.
_BATCH = 12
#: From so many heads of one type on, three that agree speak for all.
_SAMPLED = 24
#: Starting points of one head: members of a large cycle that are held from outside.
_STARTS = 8
#: Heads of one cause of which the one with the largest contents is shown.
_COMPARED = 8
_PATCH = "mock-patch-not-stopped"
_PATCHER = "unittest.mock._patch"


def explain_survivors(
    survivors: list[Live],
    *,
    ignore: Collection[int] = (),
    versions: Mapping[str, str] | None = None,
    known: Sequence[catalogue.Known] | None = None,
    clock: Callable[[], float] = _perf_counter,
    budget_s: float = 5.0,
) -> list[Cause]:
    """The causes for which these objects are alive, the largest first.

    Args:
        survivors: objects born in one run and alive after it; unfreeze the heap first.
        ignore: ids of the caller's containers that hold survivors.
        versions: installed distributions, for what is known of which version.
        known: the catalogue to look them up in (default: the project's own).
        clock: seconds; only differences count.
        budget_s: after this the search for further holders ends.

    Costs 50 to 350 ms per batch of a dozen heads on a million objects. Keeps nothing.
    """
    if not survivors:
        return []
    explanation = _Explanation(survivors, ignore, clock, clock() + budget_s)
    explanation.versions = versions or {}
    explanation.known = known
    return explanation.causes()


class _Explanation:
    """One analysis: heads by position, paths for some of them, groups by fingerprint."""

    def __init__(
        self,
        survivors: list[Live],
        ignore: Collection[int],
        clock: Callable[[], float],
        deadline: float,
    ) -> None:
        self.survivors = survivors
        self.versions: Mapping[str, str] = {}
        self.known: Sequence[catalogue.Known] | None = None
        self.clock, self.deadline = clock, deadline
        born = set(map(id, survivors))
        self.graph = LiveGraph(born)
        self.subgraph: Subgraph = self.graph.subgraph(survivors)
        self.heads = heads_of(self.subgraph)
        self.ignore = {id(survivors), *ignore, *born}
        self.stacks = Stacks(born)

    def causes(self) -> list[Cause]:
        """Searches batch by batch until all heads have a holder or the time is up."""
        pending = dict.fromkeys(
            sorted(range(len(self.heads)), key=lambda n: (-self.heads[n].bytes, n))
        )
        groups: dict[str, Cause] = {}
        agreed: dict[str, str | None] = {}
        while pending and (not groups or self.clock() < self.deadline):
            batch = self._batch(list(pending))
            prints: dict[str, set[str]] = {}
            paths = self._search(batch)
            others = self._other_holders(batch, paths)
            for number, path, other in zip(batch, paths, others, strict=True):
                if number not in pending:
                    continue
                alike = self._siblings(number, path, list(pending))
                cause = self._cause(number, path, alike)
                if other is not None and may_be_excused(cause):
                    # What is held twice is explained by a cache only where both are such.
                    second = self._cause(number, other, alike)
                    cause = cause if may_be_excused(second) else second
                prints.setdefault(self._type(number), set()).add(cause.fingerprint)
                groups[cause.fingerprint] = _sum(groups.get(cause.fingerprint), cause)
                for n in alike:
                    del pending[n]
            for kind, found in prints.items():
                agreed[kind] = found.pop() if len(found) == 1 else None
            self._count_the_rest(pending, groups, agreed)
        for number in pending:
            self._count(self._cause(number, None, [number]), groups)
        return sorted(
            merge_mock_calls(link_patches(self.stacks.merge(list(groups.values())))),
            key=lambda c: (-c.python_bytes, c.holder, c.head),
        )

    def _count_the_rest(
        self, pending: dict[int, None], groups: dict[str, Cause], agreed: dict[str, str | None]
    ) -> None:
        """Of very many heads of one type a sample is searched for; if it agrees, so do the rest."""
        many: dict[str, list[int]] = {}
        for number in pending:
            many.setdefault(self._type(number), []).append(number)
        late = self.clock() >= self.deadline
        for kind, numbers in many.items():
            known = agreed.get(kind)
            if known is None or (len(numbers) < _SAMPLED and not late):
                continue
            for number in numbers:
                del pending[number]
            same = msgspec.structs.replace(groups[known], **self._amounts(numbers))
            self._count(same, groups)

    def _count(self, cause: Cause, groups: dict[str, Cause]) -> None:
        groups[cause.fingerprint] = _sum(groups.get(cause.fingerprint), cause)

    def _type(self, number: int) -> str:
        head = self.heads[number]
        return self.graph.type_name(self.survivors[head.representative])

    def _batch(self, pending: list[int]) -> list[int]:
        """A few heads of each type, from the whole length of the list."""
        by_type: dict[str, list[int]] = {}
        for number in pending:
            by_type.setdefault(self._type(number), []).append(number)
        chosen: list[int] = []
        for numbers in by_type.values():
            middle, last = numbers[len(numbers) // 2], numbers[-1]
            chosen += dict.fromkeys([numbers[0], middle, last])
            if len(chosen) >= _BATCH:
                break
        return chosen[:_BATCH]

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

    def _other_holders(
        self, batch: list[int], paths: Sequence[Path | None]
    ) -> Sequence[Path | None]:
        """Of heads whose holder may be a cache that drops them, who holds them beside it."""
        first = [
            at
            for at, path in enumerate(paths)
            if path is not None
            and path.root.rank != OUT_OF_SIGHT
            and may_be_excused(self._cause(batch[at], path, [batch[at]]))
        ]
        if not first or self.clock() > self.deadline:
            return [None] * len(batch)
        passed = {id(node) for at in first for node in (paths[at] or NO_PATH).chain[-2:-1]}
        found = self._find([self.heads[batch[at]].outside for at in first], passed)
        others: list[Path | None] = [None] * len(batch)
        for at, path in zip(first, found, strict=True):
            if path is not None and path.root.rank < OUT_OF_SIGHT:
                others[at] = path
        return others

    def _victims(self, head: Head) -> list[int]:
        """What a head refers to and is held from elsewhere too, the head itself left out."""
        external = self.subgraph.external or [0] * len(self.subgraph)
        outside = set(head.outside)
        direct = [m for member in head.members for m in self.subgraph.references[member]]
        return [
            m
            for m in dict.fromkeys([*direct, *head.owned])
            if external[m] > 0 and m not in outside and not is_weak(self.survivors[m])
        ]

    def _find(self, starts: list[list[int]], passed: Collection[int] = ()) -> list[Path | None]:
        if not any(starts):
            return [None] * len(starts)
        groups = [[self.survivors[m] for m in members[:_STARTS]] for members in starts]
        return find_holders(
            self.graph,
            groups,
            self.ignore | {id(groups), *passed},
            clock=self.clock,
            budget_s=max(self.deadline - self.clock(), 0.0),
        )

    def _siblings(self, number: int, path: Path | None, pending: list[int]) -> list[int]:
        """Heads of the same type in the same container: they need no search of their own."""
        if path is None or not path.gathers or len(path.chain) < 2:
            return [number]
        kind = self._type(number)
        alike = [n for n in pending if n != number and self._type(n) == kind]
        outside = {id(self.survivors[m]) for n in alike for m in self.heads[n].outside}
        if not outside:
            return [number]
        inside = outside.intersection(map(id, self.graph.referents(path.chain[-2])))
        return [
            number,
            *(
                n
                for n in alike
                if any(id(self.survivors[m]) in inside for m in self.heads[n].outside)
            ),
        ]

    def _cause(self, number: int, path: Path | None, alike: list[int]) -> Cause:
        head = self.heads[number]
        owned = {id(self.survivors[m]) for m in head.owned}
        node = self.survivors[head.representative]
        one_name = ""
        if path is not None:
            path = beyond_namespace(self.graph, path, owned)
            path = at_the_runner(self.graph, path)
            one_name = holder_line(path.root.name, path.hops)
            path = among_numbered(path)
            node = behind_key(path, owned)
        name = type_name(node)
        root = path.root if path is not None else NOT_FOUND
        hops = fold(path.hops) if path is not None else []
        line = holder_line(root.name, hops)
        print_ = fingerprint(root.name, [hop.generic for hop in hops], name)
        self.stacks.saw(print_, root.thread, owned)
        chain = path.chain if path is not None else []
        context = match_context(chain, node)
        known = catalogue.match(line, name, "held", self.versions, context, self.known)
        if known is None and one_name not in ("", line):
            known = catalogue.match(one_name, name, "held", self.versions, context, self.known)
        gathers = path is not None and path.gathers
        bound = bound_of(path.chain[0], path.hops[:-1]) if path is not None and gathers else NONE
        members = [self.survivors[m] for m in head.owned]
        one_value = path is not None and is_one_value(root, path.hops, members)
        return Cause(
            fingerprint=print_,
            kind="held",
            head=name,
            holder=line,
            steps=steps_of(self.graph, path, BORN) if path is not None else [],
            contents=self._contents(node, owned, number, alike),
            label=self.graph.label(node),
            bounded=(known is not None and known.bounded)
            or bound.room is not None
            or one_value
            or is_purged(line, node),
            room=bound.room,
            limit=bound.stated,
            dead=is_dead_reference(node),
            runner=path is not None and is_runners_own(path),
            weak=is_keyed_weakly(chain) or refers_weakly(members),
            **catalogue.told_by(known),
            **self._amounts(alike, self._keys(path, alike)),
        )

    def _keys(self, path: Path | None, alike: list[int]) -> int:
        """Bytes of the keys under which a dict keeps the heads, and that nothing else holds."""
        if path is None or len(path.chain) < 2 or type(path.chain[-2]) is not dict:
            return 0
        heads = {id(self.survivors[m]) for n in alike for m in self.heads[n].outside}
        return keys_bytes(path.chain[-2], heads, self.graph.sizes)

    def _contents(
        self, node: Live, owned: Collection[int], number: int, alike: list[int]
    ) -> list[Content]:
        """The largest things in the head or in one of a few like it: of a mock's calls one keeps a
        payload, the next nothing."""
        found = [largest(node, owned, self.graph.sizes)]
        if node is self.survivors[self.heads[number].representative]:
            for n in alike[1:_COMPARED]:
                if self.clock() >= self.deadline:
                    break
                head = self.heads[n]
                goes_with_it = {id(self.survivors[m]) for m in head.owned}
                other = self.survivors[head.representative]
                found.append(largest(other, goes_with_it, self.graph.sizes))
        return max(found, key=weight)

    def _amounts(self, numbers: list[int], keys: int = 0) -> dict[str, Any]:
        """What heads of one cause add up to."""
        native = self.subgraph.native
        return {
            "per_run": float(len(numbers)),
            "objects": sum(self.heads[n].objects for n in numbers),
            "python_bytes": keys + sum(self.heads[n].bytes for n in numbers),
            "extension": any(m in native for n in numbers for m in self.heads[n].owned),
        }


def may_be_excused(cause: Cause) -> bool:
    """Whether what holds a head may be no leak: a cache with a limit, an entry that goes with what
    it is for, the test runner."""
    return bool(cause.bounded or cause.limit or cause.weak or cause.runner)


NO_PATH = Path(NOT_FOUND, [], [])


def behind_key(path: Path, owned: Collection[int]) -> Live:
    """The head; of a cache's key, which is a tuple of arguments, the first argument that leaks."""
    if type(path.head) is not tuple or not path.hops or path.hops[-1].generic != "cache[*]":
        return path.head
    return next((o for o in path.head if id(o) in owned), path.head)


def beyond_namespace(graph: LiveGraph, path: Path, owned: Collection[int]) -> Path:
    """A path that ends in a new namespace of an older object, continued to what is new in it.

    An instance's dict is made late, a context's tree anew on each change: neither is the culprit.
    """
    value: Live | None = None
    if path.hops and path.hops[-1].generic == ".__dict__":
        value = next((o for o in dict.values(path.head) if id(o) in owned), None)
        if value is not None:
            chain = [*path.chain, value]
            return Path(path.root, chain, graph.hops(chain))
    for at, node in enumerate(path.chain):
        value = context_value(node, path.head, owned)
        if value is not None:
            chain = [*path.chain[: at + 1], path.head, value]
            return Path(path.root, chain, graph.hops(chain))
    return path


#: A name that code makes with a counter.
_NUMBERED = re.compile(r"\.(.*_)[0-9]+")


def among_numbered(path: Path) -> Path:
    """A path; where it ends in one of many names of a namespace that are made with a counter,
    ``.*`` stands for it."""
    numbered = _NUMBERED.fullmatch(path.hops[-1].generic) if path.hops else None
    namespace = path.chain[-2] if numbered else None
    if numbered is None or type(namespace) is not dict:
        return path
    stem, head = numbered[1], path.head
    for name, value in list(dict.items(namespace)):
        if type(value) is type(head) and value is not head and type(name) is str:
            number = name[len(stem) :] if name.startswith(stem) else ""
            if number.isdecimal():
                last = path.hops[-1]._replace(generic=".*")
                return path._replace(hops=[*path.hops[:-1], last])
    return path


def link_patches(causes: list[Cause]) -> list[Cause]:
    """The mock that a patch left in its place has the same cause as the patch."""
    patches = {c.label: c for c in causes if c.known == _PATCH and c.head == _PATCHER}
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
        dead=known.dead and cause.dead,
        contents=max(known.contents, cause.contents, key=weight),
    )
