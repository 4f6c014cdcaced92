"""Local variables of frames, read without leaving anything behind in them.

Up to Python 3.12, reading ``frame.f_locals`` stores a dict in the frame that keeps every local
alive until the function returns. Where nobody else holds that dict it is emptied again.
"""

from __future__ import annotations

import sys
import types
from sys import _current_frames
from sys import getrefcount as _getrefcount
from threading import _active  # type: ignore[attr-defined]
from typing import Any

from pytest_leakcheck.explain.introspect import Live, attribute, plain

_raw_locals = types.FrameType.__dict__["f_locals"].__get__
_raw_code = types.FrameType.__dict__["f_code"].__get__
_raw_back = types.FrameType.__dict__["f_back"].__get__
_raw_globals = types.FrameType.__dict__["f_globals"].__get__
_raw_contents = types.CellType.__dict__["cell_contents"].__get__

_OPTIMIZED = 1
_HOME = __file__[: -len("explain/frames.py")]


def function_name(frame: types.FrameType) -> str:
    """``module.function`` of a frame. O(1).

    The plain name: Python 3.10 knows no qualified one, and fingerprints are to agree.
    """
    module = plain(_raw_globals(frame).get("__name__"))
    return f"{module}.{plain(_raw_code(frame).co_name)}"


def cell_contents(cell: Live) -> Live:
    """What a closure cell holds, or None when it is empty. O(1)."""
    try:
        return _raw_contents(cell)
    except ValueError:
        return None


def local_name(frame: types.FrameType, target: Live) -> str | None:
    """The local variable that refers to the target (directly or by a cell). O(locals).

    None for a value on the evaluation stack, or where the frame's namespace is not a plain dict.
    """
    if type(target) is types.CellType:
        target = cell_contents(target)
    namespace = _raw_locals(frame)
    if type(namespace) is dict:
        name = _find(list(namespace.items()), target)
        # Only the frame and this function hold a snapshot nobody else has asked for.
        if _raw_code(frame).co_flags & _OPTIMIZED and _getrefcount(namespace) <= 3:
            namespace.clear()
        return name
    if sys.version_info >= (3, 13) and type(namespace).__name__ == "FrameLocalsProxy":
        return _find(list(type(namespace).items(namespace)), target)
    return None


def _find(items: list[tuple[Any, Any]], target: Live) -> str | None:
    for name, value in items:
        if value is target:
            return plain(name)
    return None


def thread_of(frame: types.FrameType) -> int:
    """The identifier of the thread on whose stack a frame is; 0 for none. O(stack depth)."""
    at: types.FrameType | None = None
    stacks = _current_frames()
    try:
        for ident, top in stacks.items():
            at = top
            while at is not None and at is not frame:
                at = _raw_back(at)
            if at is frame:
                return ident
        return 0
    finally:
        del at, stacks


def told(frame: types.FrameType, ident: int) -> str:
    """``frame of thread worker-3 (queue.get)``: a running frame for people. O(1)."""
    return f"frame of thread {_thread_name(ident)} ({function_name(frame)})"


def _thread_name(ident: int) -> str:
    thread = _active.get(ident)
    name = attribute(thread, "_name", make=True) if thread is not None else None
    return plain(name) if name is not None else str(ident)


def running() -> list[types.FrameType]:
    """All frames on the stacks of all threads, this package's own left out. O(stack depth).

    The caller drops the list at once: frames keep their callers alive.
    """
    found: list[types.FrameType] = []
    frame: types.FrameType | None = None
    stack = list(_current_frames().values())
    try:
        while stack:
            frame = stack.pop()
            while frame is not None:
                if not _raw_code(frame).co_filename.startswith(_HOME):
                    found.append(frame)
                frame = _raw_back(frame)
    finally:
        # A frame that is one of its own locals is a cycle, and keeps all that it has seen.
        del frame, stack
    return found
