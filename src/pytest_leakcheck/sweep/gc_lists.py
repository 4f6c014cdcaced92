"""Objects found by their address, without a list of all objects.

A tracked object has a place in one of the collector's lists, and its neighbours there point back to
it. Those of an object that is gone do not: it was taken out of the list before it was freed. What
stands at its address now is another tracked object, or nothing to which anything points back.

The memory is read through ``/proc/self/mem``, which answers with an error where nothing is mapped.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from array import array

if sys.platform == "linux":
    from os import close as _close
    from os import open as _open
    from os import pread as _pread

# The tests under measurement may patch these modules.
_is_enabled, _enable, _disable = gc.isenabled, gc.enable, gc.disable
_current_frames = sys._current_frames  # noqa: SLF001 - there is no public one
_number = int.from_bytes

#: Before an object stand the address of the next one in its list and that of the one before …
_POINTER = 8
_HEAD = 2 * _POINTER
#: … whose lowest bits are the collector's own.
_ADDRESS = ~7

#: Each takes 5 µs: more of them are found sooner in a list of all objects.
_MOST = 1024

_CAN = (
    sys.platform == "linux"
    and sys.implementation.name == "cpython"
    and ctypes.sizeof(ctypes.c_void_p) == _POINTER
    and "t" not in sys.abiflags  # free-threaded: objects stand in no list
)


def tracked_at(ids: set[int]) -> list[object] | None:
    """The tracked objects with these ids, in no order; ``None`` where it cannot be told.

    O(ids). Nothing else may run meanwhile, so it is not told where there are other threads.
    """
    if not _CAN or len(ids) > _MOST or len(_current_frames()) > 1:
        return None
    try:
        memory = _open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a process may hide its memory, from itself too
        return None
    was_on = _is_enabled()
    # A finalizer could free what has just been looked at.
    _disable()
    try:
        return _tracked_at(memory, ids)
    finally:
        if was_on:
            _enable()
        _close(memory)


def _tracked_at(memory: int, ids: set[int]) -> list[object] | None:
    # What is made here may get the address of an object that is gone. At a look, these two are the
    # only tracked objects of ours: no tuple outlives its line, a range's iterator is not tracked.
    addresses = array("Q", ids)
    found: list[int] = []
    one, other = id(addresses), id(found)
    if not _stands_in_a_list(memory, other - _HEAD):
        return None  # another Python, or the memory is not what it says
    for at in range(len(addresses)):
        address = addresses[at]
        if address not in (one, other) and _stands_in_a_list(memory, address - _HEAD):
            found.append(address)
    return [ctypes.cast(address, ctypes.py_object).value for address in found]


def _stands_in_a_list(memory: int, head: int) -> bool:
    """Whether the neighbours that are told here tell of this place, too."""
    following = _read(memory, head)
    before = _read(memory, head + _POINTER)
    return (
        bool(following and before)
        and _read(memory, following + _POINTER) == head
        and _read(memory, before) == head
    )


def _read(memory: int, address: int) -> int:
    """The address that stands at this one; 0 where nothing is mapped.

    What stands in memory that is no object's may be any number, and one of the upper half of all is
    too large for an offset.
    """
    try:
        return _number(_pread(memory, _POINTER, address), "little") & _ADDRESS
    except (OSError, OverflowError):
        return 0
