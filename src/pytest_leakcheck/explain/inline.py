"""Owners of instance dicts that the collector does not connect (Python 3.13 and later).

From 3.13 on an object whose attributes lie in the object itself does not show its ``__dict__`` to
the collector, once one was asked for, and that dict does not show its values: it would look as if
C held it.
"""

from __future__ import annotations

import sys
import types
from gc import get_referents as _get_referents
from gc import get_referrers as _get_referrers

from pytest_leakcheck.explain.introspect import Live, raw_class_attribute

HIDDEN = sys.version_info >= (3, 13)

_raw_flags = type.__dict__["__flags__"].__get__
_INLINE_VALUES = 1 << 2


def is_inline_type(cls: type) -> bool:
    """Whether instances keep attributes in themselves and may hide a dict. O(1)."""
    return HIDDEN and bool(_raw_flags(cls) & _INLINE_VALUES)


def is_hidden(o: Live) -> bool:
    """Whether the object is a dict that shows none of its values to the collector. O(values)."""
    return HIDDEN and type(o) is dict and len(o) > 0 and not _get_referents(o)


def owner_among(namespace: Live, candidates: list[Live]) -> Live | None:
    """The candidate whose ``__dict__`` the dict is. O(attributes of the candidates).

    A candidate is only asked when it refers to exactly what the dict refers to, so that no dict
    is made for the sake of the question.
    """
    values = _ids(list(dict.values(namespace)))
    for o in candidates:
        if not is_inline_type(type(o)) or _attributes_of(o) != values:
            continue
        descriptor = raw_class_attribute(type(o), "__dict__")
        if type(descriptor) is types.GetSetDescriptorType and descriptor.__get__(o) is namespace:
            return o
    return None


def _ids(values: list[Live]) -> tuple[int, ...]:
    return tuple(sorted(map(id, values)))


def _attributes_of(o: Live) -> tuple[int, ...]:
    return _ids([r for r in _get_referents(o) if r is not type(o)])


def owner_of(namespace: Live) -> Live | None:
    """The object whose hidden ``__dict__`` the dict is. O(heap)."""
    if not is_hidden(namespace):
        return None
    newest = next(reversed(namespace.values()))
    return owner_among(namespace, _get_referrers(newest))


def owners_by_position(nodes: list[Live], orphans: list[int]) -> dict[int, int]:
    """For each orphaned dict its owner among the nodes, by position. O(nodes)."""
    if not HIDDEN or not orphans:
        return {}
    by_values: dict[tuple[int, ...], list[int]] = {}
    for position, o in enumerate(nodes):
        if is_inline_type(type(o)):
            by_values.setdefault(_attributes_of(o), []).append(position)
    owners: dict[int, int] = {}
    for orphan in orphans:
        candidates = by_values.get(_ids(list(dict.values(nodes[orphan]))), [])
        owner = owner_among(nodes[orphan], [nodes[p] for p in candidates])
        for position in candidates:
            if nodes[position] is owner and owner is not None:
                owners[orphan] = position
    return owners
