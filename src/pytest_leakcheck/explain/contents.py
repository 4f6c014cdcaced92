"""The largest things that a head retains, with the path to each from the head."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from gc import is_tracked as _is_tracked

from pytest_leakcheck.explain.graph import Hop
from pytest_leakcheck.explain.introspect import Live, Sizes, referents, type_name
from pytest_leakcheck.explain.path_naming import name_chain
from pytest_leakcheck.explain.paths import holder_line
from pytest_leakcheck.model.causes import Content

#: Smaller things explain nothing.
_WORTH_BYTES = 512
_AT_MOST = 50_000


def largest(head: Live, owned: Collection[int], sizes: Sizes, limit: int = 3) -> list[Content]:
    """The largest owned objects and values below the head, itself left out.

    ``owned`` are ids of survivors that go with the head; untracked values are followed too.
    O(references of what is owned).
    """
    queue: list[Live] = [head]
    parents = [-1]
    seen = {id(head)}
    weights: list[tuple[int, int]] = []
    at = 0
    while at < len(queue) and len(queue) < _AT_MOST:
        for o in referents(queue[at]):
            if id(o) in seen or (id(o) not in owned and _is_tracked(o)) or _is_class(o):
                continue
            seen.add(id(o))
            weights.append((sizes.of(o), len(queue)))
            queue.append(o)
            parents.append(at)
        at += 1
    weights.sort(key=lambda weight: (-weight[0], weight[1]))
    return [
        Content(path=_path(queue, parents, at), type=type_name(queue[at]), bytes=size)
        for size, at in weights[:limit]
        if size >= _WORTH_BYTES
    ]


def weight(contents: Sequence[Content]) -> int:
    """Bytes of the largest of them; 0 of none."""
    return max((content.bytes for content in contents), default=0)


def _is_class(o: Live) -> bool:
    """Whether the object is a class: shared machinery rather than contents."""
    return issubclass(type(o), type)


def _path(queue: list[Live], parents: list[int], at: int) -> str:
    chain = []
    while at != -1:
        chain.append(queue[at])
        at = parents[at]
    chain.reverse()
    hops = [Hop(node, edge.edge, edge.edge, edge.whole) for node, edge in name_chain(chain)]
    return holder_line("", hops).lstrip(" →")
