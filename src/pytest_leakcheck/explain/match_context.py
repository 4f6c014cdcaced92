"""What a cause looks like to the catalogue: the names of its head and of what leads to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pytest_leakcheck.explain import describe, roots
from pytest_leakcheck.explain.catalogue import MatchContext
from pytest_leakcheck.explain.introspect import Live, class_name, holds_own_key, mro_of, type_name


def match_context(chain: Sequence[Live], head: Live) -> MatchContext:
    """The context of a head at the end of a chain of objects, root first. O(chain)."""
    through: dict[str, None] = {}
    for o in [*chain, head]:
        through.update(dict.fromkeys(_names(o)))
    state = describe.stuck(head) or roots.replaced(head) or _own_key(chain)
    return MatchContext(_names(head), tuple(through), state)


def _own_key(chain: Sequence[Live]) -> str:
    """Why an entry of a table with weak keys never goes; empty where it does."""
    for table, value in pairwise(chain):
        if holds_own_key(table, value):
            return "refers to its own weak key"
    return ""


def _names(o: Live) -> tuple[str, ...]:
    """The type's name, its base classes' (``object`` left out), and the type with the label."""
    names = [class_name(base) for base in mro_of(type(o)) if base is not object]
    label = describe.label(o)
    return (*names, f"{type_name(o)} ({label})") if label else tuple(names)
