"""What the parent asks of a confirming process, and what it hears from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.screen.nodeids import file_of

# Tests may have `os` patched.
_open, _close, _read, _write = os.open, os.close, os.read, os.write
_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY
_OLD_FILE, _MOST_DIGITS = os.O_RDONLY, 20

#: About so many portions come to each process, or fewer of so many tasks each.
_PORTIONS, _LEAST_PORTION = 8, 3

#: Slugs of events about a test that was to run before a task: it was not collected; it ended in
#: another way than passing (the sentence is its outcome).
NOT_COLLECTED, EARLIER_ENDED = "earlier-not-collected", "earlier-ended"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate to repeat."""

    name: str
    """Under which it is recorded: a node id, or a wider fixture's name."""
    nodeid: str
    """The test to run."""
    file: str
    """The file that collects it, relative to the root folder."""
    patient: bool = False
    """Repeat it more often before it is let go: it left much, and may do so on some runs only."""
    wide: bool = False
    """End all fixtures but the session's after each repeat."""
    uninspected: bool = False
    """Look at what it leaves by growth alone: to look at its objects ended a process."""
    after: list[str] = []
    """Node ids of tests to run once before it, in this order, in the same process."""
    portion: int = 0
    """Tasks of one portion are repeated by one of several processes."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a confirming process is to do. Travels as a JSON file."""

    folder: str
    number: int
    """Which confirming process of this run it is."""
    progress: str
    settings: Settings
    tasks: list[Task]
    lane: int = 0
    """Which of the processes that share the tasks this one is …"""
    lanes: int = 1
    """… of how many."""
    claims: str = ""
    """The folder in which they claim portions, where there is more than one process."""
    looked_into: str = ""
    """The file in which processes tell each other what they have looked into; empty for none."""
    begin_s: float | None = None
    """Begin no further task so many seconds after the first; None: no such end."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the progress file."""

    begin: str = ""
    """A task, or a test before it, begins."""
    end: str = ""
    over: bool = False
    """The time in which tasks may begin is over; what is left is not wanted any more."""
    full: bool = False
    """The process has grown enough and wants to be replaced."""
    done: bool = False
    """Everything is written; nothing of the process is wanted any more."""
    alive: list[str] = []
    """With ``done``: the threads that keep the interpreter from ending, by name."""


def worker_input(plan: Plan) -> dict[str, object]:
    """What pytest-xdist tells a worker of itself (``config.workerinput``), for one of several
    confirming processes: fixtures take the names of databases and ports from it."""
    return {
        "workerid": f"gw{plan.lane}",
        "workercount": plan.lanes,
        "testrunuid": Path(plan.folder).name,
        "mainargv": [],
    }


def worker_environment(plan: Plan) -> dict[str, str]:
    """The same as environment variables; nothing for a process that is alone."""
    if plan.lanes == 1:
        return {}
    told = worker_input(plan)
    return {
        "PYTEST_XDIST_WORKER": str(told["workerid"]),
        "PYTEST_XDIST_WORKER_COUNT": str(told["workercount"]),
        "PYTEST_XDIST_TESTRUNUID": str(told["testrunuid"]),
    }


def in_suite_order(tasks: Iterable[Task], order: Mapping[str, Sequence[TestRecord]]) -> list[Task]:
    """The tasks as the suite has them, those on fixtures of a file after its tests.

    Args:
        order: worker → its tests, in the order in which they ran. Of several workers each ran a
            part: their files stand as pytest collects those of a folder, by name.
    """
    tests = {record.nodeid: record.index for records in order.values() for record in records}
    files: dict[str, int] = {}
    if len(order) == 1:
        for nodeid, index in tests.items():
            files.setdefault(file_of(nodeid), index)

    def place(task: Task) -> tuple[int, str, bool, int]:
        index = tests.get(task.name, tests.get(task.nodeid, 0))
        return files.get(task.file, 0), task.file, task.wide, index

    return sorted(tasks, key=place)


def in_portions(tasks: Sequence[Task], lanes: int) -> list[Task]:
    """The tasks, in their order, in portions for so many processes to take one after the other.

    A portion begins with a new file where it can: fixtures of a module are set up in each process
    that repeats one of its tests.
    """
    size = max(_LEAST_PORTION, len(tasks) // (lanes * _PORTIONS))
    divided: list[Task] = []
    portion = filled = 0
    for before, task in zip((None, *tasks), tasks, strict=False):
        new_file = before is not None and before.file != task.file
        if filled >= size or (new_file and 2 * filled >= size):
            portion, filled = portion + 1, 0
        divided.append(msgspec.structs.replace(task, portion=portion))
        filled += 1
    return divided


def claim(folder: Path, portion: int, lane: int) -> bool:
    """Take a portion for the processes of a lane, if no other lane has it.

    Where files cannot be made, every process takes it: it is better repeated twice than never.
    """
    try:
        file = _open(folder / str(portion), _NEW_FILE)
    except FileExistsError:
        return owner(folder, portion) == lane
    except OSError:
        return True
    try:
        _write(file, b"%d" % lane)
    except OSError:
        pass  # nobody knows whose it is: this process has it, and none that comes after
    finally:
        _close(file)
    return True


def owner(folder: Path, portion: int) -> int | None:
    """The lane that has taken a portion; ``None`` where none has, -1 where it is about to."""
    try:
        file = _open(folder / str(portion), _OLD_FILE)
    except OSError:
        return None
    try:
        told = _read(file, _MOST_DIGITS)
    finally:
        _close(file)
    return int(told) if told.isdigit() else -1
