"""Read a run folder back, also after a kill: damaged lines are counted and passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pytest_leakcheck.model.errors import RunError
from pytest_leakcheck.model.journal_lines import (
    AlikeRecord,
    AskedRecord,
    AssignRecord,
    CalibrationRecord,
    CandidateRecord,
    CaptureRecord,
    CauseRecord,
    CycleRecord,
    EndRecord,
    EventRecord,
    FixtureRecord,
    JournalRecord,
    LedgerRecord,
    RepeatRecord,
    ResourceRecord,
    SkipRecord,
    SpanRecord,
    StartRecord,
    TestRecord,
    WatchRecord,
)
from pytest_leakcheck.model.run import Run, Span
from pytest_leakcheck.store.folder import read_info
from pytest_leakcheck.store.journal import HARNESS_FAILED


def load_run(folder: Path) -> Run:
    """Read a run folder back. Damaged lines are counted and passed over.

    Raises:
        RunError: ``run.json`` is unreadable, or nothing was measured.
    """
    run = Run(folder=folder, info=read_info(folder))
    for path in sorted(folder.glob("journal-*.jsonl"), key=_in_number_order):
        read_journal(run, path)
    if not run.tests and not run.starts and run.events:
        raise RunError(f"{folder} holds no measured test. {run.events[0].sentence}")
    if not run.tests and not run.starts:
        raise RunError(
            f"{folder} holds no measured test: the run was empty or ended at collection."
        )
    return run


def _in_number_order(path: Path) -> list[tuple[int, str]]:
    """``journal-confirm-9`` before ``journal-confirm-10``: the later one may begin anew."""
    words = path.stem.split("-")
    return [(int(word), "") if word.isdigit() else (0, word) for word in words]


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
        except (msgspec.DecodeError, RecursionError):
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
        case AskedRecord():
            run.asked[record.nodeid] = record
        case CandidateRecord(at="begin"):
            run.unfinished.add(record.nodeid)
            # Begun again where its first process died: what that one saw is a part only.
            for lists in (run.repeats, run.causes, run.resources, run.cycles):
                lists.pop(record.nodeid, None)
        case CandidateRecord():
            run.unfinished.discard(record.nodeid)
        case SkipRecord():
            run.skips[record.nodeid] = record
        case CalibrationRecord():
            run.calibrations.append(record)
        case AssignRecord():
            run.assigned[record.nodeid] = record
