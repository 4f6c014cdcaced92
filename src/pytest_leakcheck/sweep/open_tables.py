"""Descriptors, threads and child processes one by one: which are new, and what they are.

Linux only: elsewhere nothing tells them apart cheaply, and the tables are empty.

A listing costs 10 to 100 µs; it is taken only when a count (2 to 6 µs) has changed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pytest_leakcheck.sweep.signals import Probe, linux_children, linux_fds, linux_threads

# Tests patch `os` and `open`; these are our own.
_listdir, _readlink = os.listdir, os.readlink
_open, _read, _close = os.open, os.read, os.close
_get_inheritable = os.get_inheritable

Signal = Literal["fds", "threads", "children"]

#: Descriptors with greater numbers are not told apart in the sweep.
_MOST_DESCRIPTORS = 1 << 16


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of resource of this process."""

    signal: Signal
    count: Probe
    entries: Callable[[], dict[int, str]]
    """Number → what tells it from another of the same number."""


def tables() -> list[Table]:
    """The kinds of resources that this platform tells apart; none where it tells none."""
    if sys.platform != "linux":
        return []
    found: list[Table] = []
    kinds: list[tuple[Signal, Callable[[], Probe], Callable[[], dict[int, str]]]] = [
        ("fds", linux_fds, _fds),
        ("threads", linux_threads, _threads),
        ("children", linux_children, _children),
    ]
    for signal, make, listing in kinds:
        try:
            count = make()
            count()
            listing()
        except (OSError, AttributeError, ValueError):
            continue
        found.append(Table(signal, count, listing))
    return found


def _fds() -> dict[int, str]:
    """Descriptor → the target of its link in ``/proc``."""
    found: dict[int, str] = {}
    for name in _listdir("/proc/self/fd"):
        # The listing's own is gone, and another thread may have closed one.
        with suppress(OSError):
            found[int(name)] = _readlink(f"/proc/self/fd/{name}")
    return found


def _threads() -> dict[int, str]:
    return dict.fromkeys(map(int, _listdir("/proc/self/task")), "")


def _children() -> dict[int, str]:
    found: dict[int, str] = {}
    for task in _listdir("/proc/self/task"):
        with suppress(OSError):  # the thread has just ended
            text = _content(f"/proc/self/task/{task}/children")
            found.update(dict.fromkeys(map(int, text.split()), ""))
    return found


def _content(path: str) -> str:
    fd = _open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := _read(fd, 65536):
            parts.append(part)
    finally:
        _close(fd)
    return b"".join(parts).decode("utf-8", "replace")


class NewDescriptors:
    """What descriptors lead to that are new since the last look. Linux only: elsewhere never any.

    Keeps a byte for each, in one block of memory that is there from the start. One that is closed
    and opened again under its number between two looks is not told from what was there.
    """

    def __init__(self) -> None:
        self._known = bytearray(_MOST_DESCRIPTORS)

    def look(self) -> list[str]:
        """Names of what is new, sorted, each once. O(open descriptors): look when their number has
        changed."""
        if sys.platform != "linux":
            return []
        try:
            numbers = sorted(map(int, _listdir("/proc/self/fd")))
        except OSError:  # hidden from this process
            return []
        known = self._known
        held = bytearray(len(known))
        names: set[str] = set()
        of_listing = True
        for number in numbers:
            if number >= len(held):
                break
            if of_listing and _is_closed(number):
                of_listing = False  # the listing had the lowest number that is free
                continue
            held[number] = 1
            if not known[number]:
                with suppress(OSError):  # another thread may have closed it
                    link = _readlink(f"/proc/self/fd/{number}")
                    names.add(describe_descriptor(link, _any_socket))
        known[:] = held
        return sorted(names)


def _is_closed(descriptor: int) -> bool:
    try:
        _get_inheritable(descriptor)
    except OSError:
        return True
    return False


def _any_socket(_inode: str) -> str:
    return "socket"


# --- what they are -------------------------------------------------------------------------------


def describe(signal: Signal, number: int, identity: str) -> str:
    """What a resource is, in words that are the same on each run and machine."""
    if signal == "fds":
        return describe_descriptor(identity, socket_kind)
    path = f"/proc/self/task/{number}/comm" if signal == "threads" else f"/proc/{number}/comm"
    name = generic_name(_comm(path))
    if signal == "children":
        return f"process {name}" if name else "process"
    # Python's own threads bear the process's name, unless they are given another.
    return f"thread {name}" if name and name != generic_name(_comm("/proc/self/comm")) else "thread"


def _comm(path: str) -> str:
    try:
        return _content(path).strip()
    except OSError:
        return ""


def describe_descriptor(link: str, kind_of_socket: Callable[[str], str]) -> str:
    """What a descriptor's link in ``/proc/self/fd`` says."""
    kind, _, rest = link.partition(":")
    if kind == "socket":
        return kind_of_socket(rest.strip("[]"))
    if kind == "pipe":
        return "pipe"
    if kind == "anon_inode":
        return rest.strip("[]")
    if link.startswith("/dev/") and "/shm/" not in link:
        return f"device {generic_name(link)}"
    if link.startswith("/memfd:"):
        return "memory file"
    name = generic_name(link.removesuffix(" (deleted)").rpartition("/")[2])
    return f"deleted file {name}" if link.endswith(" (deleted)") else f"file {name}"


_SOCKETS = {
    "TCP socket": ("tcp", "tcp6"),
    "UDP socket": ("udp", "udp6"),
    "Unix socket": ("unix",),
}


def socket_kind(inode: str) -> str:
    """``TCP socket``, ``UDP socket``, ``Unix socket``; ``socket`` where the kernel does not say."""
    for kind, files in _SOCKETS.items():
        for name in files:
            try:
                text = _content(f"/proc/self/net/{name}")
            except OSError:
                continue
            if re.search(rf"(?m)\s{re.escape(inode)}(?:\s|$)", text):
                return kind
    return "socket"


_CHANCE = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"  # a UUID
    r"|(?<=tmp)[a-z0-9_]{8}|(?<=psm_)[0-9a-f]{8}"  # tempfile's names, shared memory's
    r"|[0-9a-f]{16,}"
    r"|(?<![A-Za-z])[0-9]+|[0-9]{2,}"
)


def generic_name(name: str) -> str:
    """A name with the parts that differ from run to run written as ``*``; a digit behind a letter
    belongs to the name (``chroma.sqlite3``)."""
    return _CHANCE.sub("*", name)
