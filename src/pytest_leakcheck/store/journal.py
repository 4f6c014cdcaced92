"""Append to a run's journals: ``.leakcheck/<label>/journal-<worker>.jsonl``, one per process.

Each record is a line, and each line is written by one ``write`` call: a killed process loses
nothing but the line it was writing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from pytest_leakcheck.model.journal_lines import (
    JournalRecord,
)

#: Slug of the event that ends the measuring in a process whose tests ran on.
HARNESS_FAILED = "harness-failed"

# Tests patch `os` and `open`: the journal keeps its own references.
_open, _write, _close = os.open, os.write, os.close
_O_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_getpid = os.getpid

R = TypeVar("R", bound=JournalRecord)


class Journal:
    """Appends records to one process's journal. Never raises while tests run.

    When a line cannot be written (a full disk, a folder taken away) the journal stops and keeps the
    reason in :attr:`failure`; the suite goes on.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self.path = folder / f"journal-{worker}.jsonl"
        self.failure: str | None = None
        self._encoder = msgspec.json.Encoder()
        self._pid = _getpid()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = _open(self.path, _O_FLAGS, 0o644)
        except OSError as error:
            self._fd = -1
            self.failure = cannot_write(self.path, error)

    def append(self, *records: JournalRecord) -> None:
        """Write each record as one line, all in one ``write`` call."""
        # A forked child shares the descriptor: its records would be the parent's twice.
        if self._fd < 0 or _getpid() != self._pid:
            return
        lines = b"".join([self._encode(record) + b"\n" for record in records])
        try:
            written = _write(self._fd, lines)
            while written < len(lines):
                lines = lines[written:]
                written = _write(self._fd, lines)
        except OSError as error:
            self.failure = cannot_write(self.path, error)
            self.close()

    def _encode(self, record: JournalRecord) -> bytes:
        try:
            return self._encoder.encode(record)
        except UnicodeEncodeError:
            # The name of a file or class that UTF-8 cannot carry: written with escapes.
            return self._encoder.encode(_escaped(msgspec.to_builtins(record)))

    def close(self) -> None:
        """Close the file; later records are dropped."""
        if self._fd >= 0 and _getpid() == self._pid:
            try:
                _close(self._fd)
            except OSError as error:  # pragma: no cover - a network disk
                self.failure = self.failure or cannot_write(self.path, error)
        self._fd = -1


def _escaped(value: object) -> object:
    """Plain values with every text made fit for UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(key): _escaped(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(entry) for entry in value]
    return value


def cannot_write(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return (
        f"{path.parent} cannot be written ({reason}): what was measured before is kept there; "
        "make room or name another folder with --leakcheck-dir."
    )
