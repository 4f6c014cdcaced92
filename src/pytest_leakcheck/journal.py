"""The run folder: append, recover after a kill, read back.

``.leakcheck/<label>/`` holds ``run.json`` (:class:`~pytest_leakcheck.records.RunInfo`) and one
``journal-<worker>.jsonl`` per process, a record a line, each line written by one ``write`` call, so
that a killed process loses nothing but what it was writing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from pytest_leakcheck.errors import RunError
from pytest_leakcheck.records import (
    SCHEMA,
    AlikeRecord,
    AssignRecord,
    CalibrationRecord,
    CaptureRecord,
    CauseRecord,
    CycleRecord,
    DroppedRecord,
    EndRecord,
    EventRecord,
    FixtureRecord,
    JournalRecord,
    LedgerRecord,
    RepeatRecord,
    ResourceRecord,
    RunInfo,
    SkipRecord,
    SpanRecord,
    StartRecord,
    SuspectRecord,
    TestRecord,
    WatchRecord,
)

DEFAULT_ROOT = ".leakcheck"
RUN_FILE = "run.json"

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
            self.failure = _cannot_write(self.path, error)

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
            self.failure = _cannot_write(self.path, error)
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
                self.failure = self.failure or _cannot_write(self.path, error)
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


def _cannot_write(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return (
        f"{path.parent} cannot be written ({reason}): what was measured before is kept there; "
        "make room or name another folder with --leakcheck-dir."
    )


def write_info(folder: Path, info: RunInfo) -> None:
    """Write ``run.json``.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data = msgspec.json.format(msgspec.json.encode(info), indent=2)
        (folder / RUN_FILE).write_bytes(data + b"\n")
    except OSError as error:
        raise RunError(_cannot_write(folder / RUN_FILE, error)) from None


def fresh_label(root: Path, wanted: str | None, now: datetime | None = None) -> str:
    """A label that names a new folder under ``root``: the wanted one, or the time."""
    if wanted:
        return wanted
    stamp = (now or datetime.now(timezone.utc)).strftime("%Y%m%d-%H%M%S")
    label, number = stamp, 1
    while (root / label).exists():
        number += 1
        label = f"{stamp}-{number}"
    return label


#: Ends the name of the folder in which the run before of the same label is kept.
PREVIOUS = ".previous"


def valid_label(label: str) -> bool:
    """Whether a label can be a folder's name on every platform."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}", label))


# --- reading back --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """Tests of one worker that ran after each other, and what they grew by together."""

    nodeids: tuple[str, ...]
    signal: Literal["heap_bytes", "blocks"]
    grown: int


@dataclass
class Run:
    """A run folder, read back. Lists are in the journals' order."""

    folder: Path
    info: RunInfo
    tests: list[TestRecord] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    starts: dict[str, list[StartRecord]] = field(default_factory=dict)
    """Worker → tests begun, in order."""
    order: dict[str, list[TestRecord]] = field(default_factory=dict)
    """Worker → its tests, in the order in which they ran."""
    fixtures: dict[str, list[FixtureRecord]] = field(default_factory=dict)
    """Worker → set-ups and finalisers of wider fixtures, in order."""
    repeats: dict[str, list[RepeatRecord]] = field(default_factory=dict)
    causes: dict[str, list[CauseRecord]] = field(default_factory=dict)
    cycles: dict[str, list[CycleRecord]] = field(default_factory=dict)
    captures: dict[str, list[CaptureRecord]] = field(default_factory=dict)
    resources: dict[str, list[ResourceRecord]] = field(default_factory=dict)
    watched: dict[str, WatchRecord] = field(default_factory=dict)
    alike: dict[str, str] = field(default_factory=dict)
    """Suspect → the one whose evidence stands for both."""
    dropped: dict[str, str] = field(default_factory=dict)
    """Suspect → the one over whose further runs what both gather was dropped again."""
    skips: dict[str, SkipRecord] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    """Suspects whose repeats were cut off: the budget ended, or the process died."""
    assigned: dict[str, AssignRecord] = field(default_factory=dict)
    calibrations: list[CalibrationRecord] = field(default_factory=list)
    """Of each confirming process."""
    ledgers: dict[str, LedgerRecord] = field(default_factory=dict)
    """Worker → its ledger."""
    events: list[EventRecord] = field(default_factory=list)
    cut_off: dict[str, StartRecord | None] = field(default_factory=dict)
    """Worker whose journal ends without an end record → the test that it was running."""
    damaged: dict[str, int] = field(default_factory=dict)
    """Journal file → lines that could not be read."""

    def opened_by(self, nodeid: str) -> list[ResourceRecord]:
        """What a test opens and leaves open."""
        return self.resources.get(self.alike.get(nodeid, nodeid), [])

    def nodeids(self) -> set[str]:
        """Every test that was measured."""
        return {test.nodeid for test in self.tests}


def find_run(name: str, root: Path) -> Path:
    """The folder of a run: a path to it, or a label under ``root``.

    Raises:
        RunError: there is none; the sentence lists the labels that exist.
    """
    for candidate in (Path(name), root / name):
        if (candidate / RUN_FILE).is_file():
            return candidate
    labels = sorted(p.parent.name for p in root.glob(f"*/{RUN_FILE}")) if root.is_dir() else []
    if Path(name).is_dir() or (root / name).is_dir():
        raise RunError(f"{name} is a folder without {RUN_FILE}, so it is not a run of leakcheck.")
    if labels:
        raise RunError(f"There is no run called {name}; {root} has: {', '.join(labels)}.")
    raise RunError(
        f"There is no run called {name} and none in {root}: "
        f"make one with pytest --leakcheck --leakcheck-label={name}."
    )


def read_info(folder: Path) -> RunInfo:
    """Read ``run.json``.

    Raises:
        RunError: missing, damaged, or written by another version of the schema.
    """
    path = folder / RUN_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}).") from None
    try:
        schema = msgspec.json.decode(data, type=_OnlySchema).schema
        if schema != SCHEMA:
            raise RunError(
                f"{folder} was written with schema {schema} and this version of pytest-leakcheck "
                f"reads schema {SCHEMA}: measure again, or use the version that wrote it."
            )
        return msgspec.json.decode(data, type=RunInfo)
    except msgspec.DecodeError as error:
        raise RunError(f"{path} is damaged ({error}): the run has to be measured again.") from None


class _OnlySchema(msgspec.Struct):
    schema: int


def load_run(folder: Path) -> Run:
    """Read a run folder back. Damaged lines are counted and passed over.

    Raises:
        RunError: ``run.json`` is unreadable, or nothing was measured.
    """
    run = Run(folder=folder, info=read_info(folder))
    for path in sorted(folder.glob("journal-*.jsonl")):
        read_journal(run, path)
    if not run.tests and not run.starts and run.events:
        raise RunError(f"{folder} holds no measured test. {run.events[0].sentence}")
    if not run.tests and not run.starts:
        raise RunError(
            f"{folder} holds no measured test: the run was empty or ended at collection."
        )
    return run


def read_journal(run: Run, path: Path) -> None:
    """Add one process's records to a run. Damaged lines are counted and passed over.

    Raises:
        RunError: the file cannot be read.
    """
    worker = path.stem.removeprefix("journal-")
    decoder = msgspec.json.Decoder(JournalRecord)
    ended = False
    running: StartRecord | None = None
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}).") from None
    for line in lines:
        try:
            record = decoder.decode(line)
        except msgspec.DecodeError:
            run.damaged[path.name] = run.damaged.get(path.name, 0) + 1
            continue
        ended = ended or isinstance(record, EndRecord) or _measuring_stopped(record)
        if isinstance(record, StartRecord):
            running = record
        elif isinstance(record, TestRecord):
            running = None
        _sort_in(run, worker, record)
    if worker in run.starts and not ended:
        run.cut_off[worker] = running


def _measuring_stopped(record: JournalRecord) -> bool:
    return isinstance(record, EventRecord) and record.slug == HARNESS_FAILED


def _sort_in(run: Run, worker: str, record: JournalRecord) -> None:
    match record:
        case TestRecord():
            run.tests.append(record)
            run.order.setdefault(worker, []).append(record)
        case SpanRecord():
            tests = run.order.get(worker, [])[-record.tests :]
            if tests and tests[-1].nodeid == record.nodeid:  # else a line of theirs is damaged
                nodeids = tuple(test.nodeid for test in tests)
                run.spans.append(Span(nodeids, record.signal, record.grown))
        case StartRecord():
            run.starts.setdefault(worker, []).append(record)
        case FixtureRecord():
            run.fixtures.setdefault(worker, []).append(record)
        case LedgerRecord():
            run.ledgers[worker] = record
        case EventRecord():
            run.events.append(record)
        case EndRecord():
            pass
        case _:
            _sort_in_evidence(run, record)


#: Where a run keeps what there may be several of for a test.
_LISTS: dict[type, str] = {
    RepeatRecord: "repeats",
    CauseRecord: "causes",
    CycleRecord: "cycles",
    CaptureRecord: "captures",
    ResourceRecord: "resources",
}


def _sort_in_evidence(run: Run, record: JournalRecord) -> None:
    match record:
        case RepeatRecord() | CauseRecord() | CycleRecord() | CaptureRecord() | ResourceRecord():
            lists: dict[str, list[Any]] = getattr(run, _LISTS[type(record)])
            lists.setdefault(record.nodeid, []).append(record)
        case WatchRecord():
            run.watched[record.nodeid] = record
        case AlikeRecord():
            run.alike[record.nodeid] = record.of
        case DroppedRecord():
            run.dropped[record.nodeid] = record.of
        case SuspectRecord(at="begin"):
            run.unfinished.add(record.nodeid)
        case SuspectRecord():
            run.unfinished.discard(record.nodeid)
        case SkipRecord():
            run.skips[record.nodeid] = record
        case CalibrationRecord():
            run.calibrations.append(record)
        case AssignRecord():
            run.assigned[record.nodeid] = record
