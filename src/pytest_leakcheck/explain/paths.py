"""A found path as records: one line for people, steps with suspects, and a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from pytest_leakcheck.records import Step

from .graph import Hop, Node, ObjectGraph, Root

#: Longest run of steps that is recognised as one that repeats (tree and list nodes).
_PERIOD = 3
_DIGITS = 12


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
        # Nested containers are ordinary; three times the same attribute are a list or tree.
        chained = any(part.startswith(".") for part in pattern)
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
    """12 hex digits over the generic path and the head's type."""
    text = "\n".join([root, *generics, head])
    return hashlib.sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[
        :_DIGITS
    ]


def steps_of(graph: ObjectGraph, path: Path) -> list[Step]:
    """The path as records; the edges between what is expected to live and the head are suspect.

    Everything above an expected object is expected too; everything below a stuck one is stuck.
    """
    hops = fold(path.hops)
    status = [path.root.status, *(graph.status(hop.node)[0] for hop in hops)]
    reasons = ["", *(graph.status(hop.node)[1] for hop in hops)]
    expected = max((i for i, s in enumerate(status) if s == "expected"), default=-1)
    stuck = min((i for i, s in enumerate(status) if s == "stuck"), default=len(hops))
    stuck = max(stuck, expected + 1)
    steps = [Step(edge="", generic=path.root.name, type=path.root.name, status=path.root.status)]
    for position, hop in enumerate(hops, start=1):
        state = status[position]
        if position <= expected:
            state = "expected"
        elif position >= stuck and stuck < len(hops):
            state = "stuck"
        steps.append(
            Step(
                edge=hop.edge,
                generic=hop.generic,
                type=graph.type_name(hop.node),
                label=graph.label(hop.node),
                status=state,
                reason=reasons[position] if state == "stuck" else "",
                suspect=expected < position <= stuck,
            )
        )
    return steps
