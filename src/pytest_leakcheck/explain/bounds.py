"""Whether what gains items has a limit: of the standard library's making, or stated by its owner;
and whether what gathers goes with something that is held elsewhere.

Only the place where items are gathered counts. Something that grows *inside* an item of a bounded
cache (the list of a settings object that ``lru_cache`` keeps) is bounded by nothing.
"""

from __future__ import annotations

import collections
import re
import types
import weakref
from collections.abc import Sequence
from typing import NamedTuple

from pytest_leakcheck.explain.graph import Hop, Root
from pytest_leakcheck.explain.introspect import (
    LRU,
    Live,
    ThreadLocal,
    attribute,
    class_name,
    filled,
    instance_dict,
    is_one_of,
    is_weak,
    members,
    mro_of,
    plain,
    referents,
    type_name,
)

#: Names under which a cache, pool or queue keeps how many items it holds at most, underscores
#: aside. ``limit`` is not among them: as often it is of a rate, or of a query.
_NAMES = frozenset(
    (
        *("capacity", "maxsize", "max_size", "maxlen", "max_len", "max_length"),
        *("maxentries", "max_entries", "max_items", "size_limit", "cache_size"),
    )
)
#: ``_Cache__maxsize``: a private name with its class's.
_PRIVATE = re.compile(r"_[A-Za-z0-9]\w*?__(?=[A-Za-z])")
#: A limit beyond this is none.
_MOST = 1_000_000
#: Many caches drop what is too much in batches: a container longer than this times what its owner
#: states does not keep to it.
_SLACK = 2

#: An entry for something that is held elsewhere is made of these …
_PLAIN = (dict, list, set, tuple)
#: … and has, beside weak references, such values.
_NAMING = (int, str, type(None), type, types.FunctionType)

_MAXLEN = collections.deque.__dict__["maxlen"].__get__
_LENGTHS = (
    (dict, dict.__len__),
    (list, list.__len__),
    (set, set.__len__),
    (collections.deque, collections.deque.__len__),
)


class Bound(NamedTuple):
    """What limits the number of items at a place."""

    room: int | None = None
    """The standard library limits it, and so many more find room; ``None`` where it does not."""
    stated: int = 0
    """Or its owner says so: at most so many items; 0 where it does not."""


NONE = Bound()


def bound_of(root: Live, hops: Sequence[Hop]) -> Bound:
    """The limit of what the last hop leads to, which gains items. O(attributes of its owner).

    Args:
        root: where the path begins.
        hops: merged steps from there to the container, unfolded.
    """
    container = hops[-1].node if hops else root
    holder = hops[-2].node if len(hops) > 1 else root
    room = _room(container)
    if room is None and _is_table_of(holder, container):
        room = _room(holder)
    if room is not None:
        return Bound(room=room)
    length = _length(container)
    if length is None:
        return NONE
    owners = [container, *_owner(root, hops)]
    stated = next((limit for owner in owners if (limit := _stated(owner))), 0)
    return Bound(stated=stated) if length <= _SLACK * stated else NONE


def is_one_value(root: Root, hops: Sequence[Hop], owned: Sequence[Live]) -> bool:
    """Whether a path ends at a local variable of a running call whose values do not add up.

    A variable has one value at a time, and the loop that runs gives it another one.

    Args:
        root: where the path begins.
        hops: merged steps from there to the variable's value.
        owned: the value, with what goes with it.
    """
    direct = not hops or (len(hops) == 1 and hops[0].generic.startswith("local "))
    return bool(root.thread) and direct and not links_back(owned)


def is_purged(holder: str, o: Live) -> bool:
    """Whether an object is a cancelled timer among those of an asyncio loop, which drops such when
    they are more than a hundred, and more than half of all."""
    timer = any(class_name(base) == "asyncio.events.TimerHandle" for base in mro_of(type(o)))
    return timer and holder.endswith("._scheduled[*]") and attribute(o, "_cancelled") is True


def links_back(owned: Sequence[Live]) -> bool:
    """Whether new objects refer to one of their own types that is not among them.

    What grows as a chain does: each new link refers to an older one. O(references of the objects).
    """
    new = set(map(id, owned))
    kinds = set(map(id, map(type, owned)))
    return any(id(type(o)) in kinds and id(o) not in new for link in owned for o in referents(link))


def refers_weakly(owned: Sequence[Live]) -> bool:
    """Whether objects are plain containers of weak references, and of names, numbers and functions
    beside them. O(references of the objects)."""
    containers = [o for o in owned if not is_weak(o)]
    if not all(is_one_of(type(o), _PLAIN) for o in containers):
        return False
    own = set(map(id, owned))
    parts = [part for o in containers for part in referents(o)]
    weak = len(containers) < len(owned) or any(map(_has_weak, parts))
    return weak and all(id(o) in own or _only_names(o) for o in parts)


def _only_names(o: Live) -> bool:
    """Whether an object is a weak reference, a name, a number, or a tuple of these."""
    if type(o) is tuple:
        return all(map(_only_names, filled(o)))
    return is_weak(o) or issubclass(type(o), _NAMING)


def _has_weak(o: Live) -> bool:
    return any(map(_has_weak, filled(o))) if type(o) is tuple else is_weak(o)


def is_keyed_weakly(chain: Sequence[Live]) -> bool:
    """Whether the last object of a path is a value of a ``WeakKeyDictionary``: it goes with its
    key, and whoever holds that one holds both.

    Args:
        chain: from the root to the value, as the collector sees it.
    """
    if len(chain) < 3 or type(chain[-2]) is not dict:
        return False
    owner = next((o for o in reversed(chain[:-2]) if type(o) is not dict), None)
    return type(owner) is weakref.WeakKeyDictionary


def _room(o: Live) -> int | None:
    """How many more items a cache or queue of the standard library takes until it is full; ``None``
    of one without a limit, and of anything else. O(1)."""
    cls = type(o)
    if cls is LRU:
        seen = cls.cache_info(o)
        return None if seen.maxsize is None else max(0, seen.maxsize - seen.currsize)
    if not issubclass(cls, collections.deque) or _MAXLEN(o) is None:
        return None
    return int(_MAXLEN(o) - collections.deque.__len__(o))


def _is_table_of(holder: Live, container: Live) -> bool:
    """Whether a dict is the table of an ``lru_cache``, and not one of its results."""
    if type(holder) is not LRU or type(container) is not dict:
        return False
    newest = next(reversed(dict.values(container)), None)
    return type_name(newest) == "functools._lru_list_elem"


def _length(container: Live) -> int | None:
    for cls, length in _LENGTHS:
        if issubclass(type(container), cls):
            return length(container)
    return None


def _owner(root: Live, hops: Sequence[Hop]) -> list[Live]:
    """The object of which the container is an attribute, past a thread's own namespace."""
    for at in range(len(hops) - 1, -1, -1):
        generic = hops[at].generic
        if not generic.startswith(".") or generic.endswith("[*]"):
            return []
        owner = hops[at - 1].node if at else root
        if not issubclass(type(owner), ThreadLocal):
            return [owner]
    return []


def _stated(owner: Live) -> int:
    """The number under a telling name among an instance's own attributes; 0 where there is none.

    Classes and modules are not asked: what they say is not said of this container.
    """
    if issubclass(type(owner), (type, type(collections))) or type(owner) is dict:
        return 0
    stored = list(members(owner))
    namespace = instance_dict(owner, make=True)
    if namespace is not None:
        stored += [(plain(name), value) for name, value in dict.items(namespace)]
    limits = [
        value
        for name, value in stored
        if type(value) is int and 0 < value <= _MOST and _bare(name) in _NAMES
    ]
    return max(limits, default=0)


def _bare(name: str) -> str:
    return _PRIVATE.sub("", name, count=1).strip("_").lower()
