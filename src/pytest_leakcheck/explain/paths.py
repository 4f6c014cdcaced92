"""A found path as records: one line for people, steps with suspects, and a fingerprint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pytest_leakcheck.explain.graph import KINDS, Hop, Node, ObjectGraph, Root
from pytest_leakcheck.explain.status import propagate
from pytest_leakcheck.model.causes import Step

#: Longest run of steps that is recognised as one that repeats (tree and list nodes).
_PERIOD = 3
_DIGITS = 12
#: A counter at the end of a name.
_COUNTER = re.compile(r"(?<=_)[0-9]{4,}\b")


class Path(NamedTuple):
    """From a root to a head; holds live nodes, so it does not outlive the analysis."""

    root: Root
    chain: list[Node]
    """The root's node first, the head last, raw."""
    hops: list[Hop]
    """The same as merged, named steps, without the root."""

    @property
    def head(self) -> Node:
        """The survivor that the path leads to."""
        return self.chain[-1]

    @property
    def gathers(self) -> bool:
        """Whether the last step leads into something that can hold many, not one attribute."""
        return bool(self.hops) and self.hops[-1].generic.endswith("[*]")


def holder_line(root: str, hops: Sequence[Hop]) -> str:
    """The holder in one line: ``pkg.mod.Class.attr[*]``. Repeated steps are written once."""
    line = root
    for hop in fold(hops):
        if hop.whole:
            line = hop.whole.replace("{}", line)
        elif hop.generic.startswith((".", "[")):
            line += hop.generic
        else:
            line += f" → {hop.generic}"
    return line


def fold(hops: Sequence[Hop]) -> list[Hop]:
    """Collapses steps that repeat, so that a path down a linked list has one length.

    ``.next.next.next`` becomes ``.next…``; the folded hop keeps the last node. O(hops).
    """
    found = list(hops)
    for period in range(1, _PERIOD + 1):
        found = _fold(found, period)
    return found


def _fold(hops: list[Hop], period: int) -> list[Hop]:
    out: list[Hop] = []
    at = 0
    while at < len(hops):
        pattern = [hop.generic for hop in hops[at : at + period]]
        end = at + period
        while [hop.generic for hop in hops[end : end + period]] == pattern:
            end += period
        repeats = (end - at) // period
        # Nested containers are ordinary; three times the same attribute are a list or tree, and
        # three times the same closure a function that was wrapped again and again.
        chained = any(part.startswith((".", "closure cell")) for part in pattern)
        if repeats >= 3 and len(pattern) == period and chained:
            last = hops[end - 1]
            out += hops[at : at + period - 1]
            out.append(last._replace(edge=f"{last.edge}…", generic=f"{last.generic}…", whole=""))
            at = end
        else:
            out.append(hops[at])
            at += 1
    return out


def fingerprint(root: str, generics: Sequence[str], head: str) -> str:
    """12 hex digits over the generic path and the head's type.

    A counter that code puts at the end of the names it makes (``compiled_14052``) is left out.
    """
    text = "\n".join([root, *(_COUNTER.sub("#", step) for step in generics), head])
    return hashlib.sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[
        :_DIGITS
    ]


def steps_of(
    graph: ObjectGraph, path: Path, born: str = "", item: Step | None = None
) -> list[Step]:
    """The path as records, each object with its status and the reason for it.

    Args:
        born: why the head is stuck, where it is known to be: the run that was measured made it.
        item: one more step below the head, stuck for its own reason: what a container gains.
    """
    root, hops = path.root, fold(path.hops)
    own = [(root.status, root.reason)]
    steps = [Step(edge="", generic=root.name, type=root.told or root.name)]
    if root.edge:
        steps.append(_step(graph, Hop(path.chain[0], root.edge, root.edge)))
        own.append(graph.status(path.chain[0]))
    elif root.kind:
        steps[0] = msgspec.structs.replace(steps[0], type=root.kind, label=root.name)
    for hop in hops:
        steps.append(_step(graph, hop))
        own.append(graph.status(hop.node))
    if born and own[-1][0] != "stuck":
        own[-1] = ("stuck", born)
    if item is not None:
        steps.append(item)
        own.append((item.status, item.reason))
    states = propagate(own, [_name(step) for step in steps])
    return [
        msgspec.structs.replace(step, status=s.status, reason=s.reason, suspect=s.suspect)
        for step, s in zip(steps, states, strict=True)
    ]


def _step(graph: ObjectGraph, hop: Hop) -> Step:
    return Step(
        edge=hop.edge,
        generic=hop.generic,
        type=graph.kind(hop.node) or graph.type_name(hop.node),
        label=graph.label(hop.node),
    )


def _name(step: Step) -> str:
    """A short name for another step's reason: the last part of what the object is."""
    if step.type in KINDS:
        return f"the {step.type} {step.label.rpartition('.')[2]}"
    return f"the {step.type.rpartition('.')[2]}"
