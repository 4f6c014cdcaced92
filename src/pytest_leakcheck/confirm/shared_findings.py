"""What was looked into once, told among the confirming processes of a run: a second test that shows
the same causes, or leaves the same open, needs no second look.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pytest_leakcheck.resources.opened import OpenedAt

# Tests may have `os` patched.
_open, _close, _read, _write, _seek = os.open, os.close, os.read, os.write, os.lseek
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_APPEND, _READ = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS, os.O_RDONLY | _FLAGS
_SET, _PART = os.SEEK_SET, 1 << 16

#: With so many tests that leave as much open, one at another place each, a test is compared.
_MOST_ALIKE = 8


class Likeness(NamedTuple):
    """What tests share that leave as much open on each run."""

    function: str
    """The test function; other functions may leave the same."""
    amounts: tuple[tuple[str, int], ...]
    """How many of what stay open after each run."""
    kinds: frozenset[str]
    """The types of the objects that stay."""


class Endured(msgspec.Struct, frozen=True, tag=True):
    """The growth of these causes together went on over many more runs."""

    prints: list[str]


class Repeated(msgspec.Struct, frozen=True, tag=True):
    """A test that was repeated as often as any leaks, by these causes together."""

    prints: list[str]


class Traced(msgspec.Struct, frozen=True, tag=True):
    """It is known where these causes, together, were allocated."""

    prints: list[str]


class Opened(msgspec.Struct, frozen=True, tag=True):
    """A test that leaks by what it leaves open, and where that was opened."""

    nodeid: str
    likeness: Likeness
    places: list[OpenedAt]
    """Empty where it was not watched."""


Note = Endured | Repeated | Traced | Opened

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode


class SharedFindings:
    """What this process and those beside and before it have looked into.

    Args:
        path: the file in which they tell each other, a line for each note; None for a process that
            is alone. Of what cannot be written or read, each looks for itself.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._read_to = 0
        self.endured: list[list[str]] = []
        self.repeated: list[list[str]] = []
        self.traced: list[list[str]] = []
        self._groups = {Endured: self.endured, Repeated: self.repeated, Traced: self.traced}
        self._instances: dict[Likeness, str] = {}
        self._others: dict[tuple[object, ...], list[Opened]] = {}

    def instance_like(self, likeness: Likeness) -> str:
        """Another instance of the function that was looked into; empty for none."""
        return self._instances.get(likeness, "")

    def tests_like(self, likeness: Likeness) -> Sequence[Opened]:
        """Tests of any function that leave as much open, each at a place of its own."""
        return self._others.get(likeness[1:], ())

    def add(self, note: Note) -> None:
        """Remember what was looked into, and tell the others. One ``write``."""
        self._keep(note)
        if self._path is None:
            return
        try:
            fd = _open(self._path, _APPEND, 0o644)
            try:
                _write(fd, _encode(note) + b"\n")
            finally:
                _close(fd)
        except (OSError, UnicodeEncodeError):  # a file's name that UTF-8 cannot carry
            return

    def refresh(self) -> None:
        """Hear what the others have told since the last time; a line in the making comes later."""
        for line in self._new_lines():
            note = _decoded(line)
            if note is not None:
                self._keep(note)

    def _new_lines(self) -> Sequence[bytes]:
        if self._path is None:
            return ()
        parts: list[bytes] = []
        try:
            fd = _open(self._path, _READ)
            try:
                _seek(fd, self._read_to, _SET)
                while part := _read(fd, _PART):
                    parts.append(part)
            finally:
                _close(fd)
        except OSError:  # nobody has told anything yet
            return ()
        whole, end, _ = b"".join(parts).rpartition(b"\n")
        self._read_to += len(whole) + len(end)
        return whole.splitlines()

    def _keep(self, note: Note) -> None:
        if isinstance(note, Opened):
            self._instances.setdefault(note.likeness, note.nodeid)
            others = self._others.setdefault(note.likeness[1:], [])
            known = any(set(note.places) == set(other.places) for other in others)
            if note.places and not known and len(others) < _MOST_ALIKE:
                others.append(note)
            return
        groups = self._groups[type(note)]
        if note.prints not in groups:
            groups.append(note.prints)


def _decoded(line: bytes) -> Note | None:
    try:
        note: Note = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a killed process left a part of one
        return None
    return note
