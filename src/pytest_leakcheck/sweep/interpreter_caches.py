"""The interpreter's own caches, which would look like growth of the tests that fill them.

CPython remembers recent attribute look-ups of types (4,096 entries), with the names that were
asked for. C code that makes its names anew (``PyObject_GetAttrString``: opening a text file does)
leaves one there on each call, until the cache is full: Python memory that grows on every run and is
nobody's. Emptying it changes no behaviour.

The C code behind ``warnings`` keeps the list of filters by which it judged the last warning, until
it judges another one. pytest gives each test filters of its own: of every test that warns, the list
and its tuples would stay until a later test warns.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

_judge: Callable[..., object] | None
try:
    from _warnings import warn_explicit
except ImportError:  # another Python: it keeps no such list
    _judge = None
else:
    _judge = warn_explicit


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

#: Filters of our own for the interpreter to keep, by which a warning goes unseen.
_UNSEEN: list[tuple[str, None, type[Warning], None, int]] = [("ignore", None, Warning, None, 0)]


def settle_warning_filters() -> None:
    """Let the interpreter drop the filters by which it judged the last warning. About 1 µs.

    A warning of another thread that falls into that time goes unseen.
    """
    filters = getattr(warnings, "filters", None)
    if _judge is None or filters is None:
        return
    warnings.filters = _UNSEEN
    try:
        _judge("", Warning, "", 0)
    finally:
        warnings.filters = filters
