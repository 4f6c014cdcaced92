"""Registries of the interpreter that it holds from C, recognised by what is in them.

The collector sees their contents and not who holds them: without a name they would look like
objects that some extension forgot.
"""

from __future__ import annotations

# `signal.getsignal` would make an enumeration member of the handler, and hash it for that.
import _signal  # type: ignore[import-not-found]
import encodings
import threading
from types import FunctionType, MethodType

from pytest_leakcheck.explain.introspect import Live, filled, is_one_of, type_name

_after_fork = vars(threading).get("_after_fork")

#: These lists begin with the standard library's own functions; so many are looked at.
_FIRST = 8
#: Larger tables are none of the interpreter's.
_LARGEST = 500


def place(o: Live) -> str:
    """Where the interpreter holds the object, as a person would write it, or an empty string.

    O(signals) for a function; O(entries) for a small dict; O(1) for anything else.
    """
    cls = type(o)
    if cls is list:
        return _known_list(o)
    if cls is dict and o:
        return _codec_table(o)
    if is_one_of(cls, (FunctionType, MethodType)) or type_name(o) == "functools.partial":
        return _signal_handler(o)
    return ""


def _known_list(o: list[Live]) -> str:
    """The codec search functions, or the functions that run in the child after a fork."""
    for item in filled(o)[:_FIRST]:
        if item is encodings.search_function:
            return "codecs.register"
        if _after_fork is not None and item is _after_fork:
            return "os.register_at_fork"
    return ""


def _codec_table(o: dict[Live, Live]) -> str:
    if len(o) > _LARGEST or any(type(key) is not str for key in o):
        return ""
    if "strict" in o and "backslashreplace" in o:
        return "codecs.register_error"
    return "codecs.lookup" if all(type_name(v) == "codecs.CodecInfo" for v in o.values()) else ""


def _signal_handler(o: Live) -> str:
    for number in range(1, _signal.NSIG):
        try:
            found = _signal.getsignal(number)
        except ValueError:
            continue
        if found is o:
            return "signal.signal handler"
    return ""
