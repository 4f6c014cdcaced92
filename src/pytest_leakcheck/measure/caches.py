"""The interpreter's own caches, emptied after each run of the confirming process.

CPython remembers recent attribute look-ups of types (4,096 entries), with the names that were
asked for. C code that makes its names anew (``PyObject_GetAttrString``: opening a text file does)
leaves one there on each call, until the cache is full: Python memory that grows on every run and
is nobody's. Emptying it changes no behaviour.
"""

from __future__ import annotations

import sys
from collections.abc import Callable


def _nothing() -> None:
    return None


def _clearing() -> Callable[[], object]:
    # Private to the interpreter, and meant for this: its own leak tests use it. From 3.13 on under
    # another name; the old one warns there.
    for name in ("_clear_internal_caches", "_clear_type_cache"):
        found = getattr(sys, name, None)
        if found is not None:
            return found  # type: ignore[no-any-return]
    return _nothing


#: Empty the caches of attribute look-ups. About 10 µs.
clear_interpreter_caches: Callable[[], object] = _clearing()
