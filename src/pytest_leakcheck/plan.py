"""What the parent asks of a confirming process, and what it hears from it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from pytest_leakcheck.judge.known import LookedInto
from pytest_leakcheck.settings import Settings

# Tests may have `os` patched.
_open, _close = os.open, os.close
_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY

#: Slugs of events about a test that was to run before a task: it was not collected; it ended in
#: another way than passing (the sentence is its outcome).
NOT_COLLECTED, EARLIER_ENDED = "earlier-not-collected", "earlier-ended"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One suspect to repeat."""

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
    after: list[str] = []
    """Node ids of tests to run once before it, in this order, in the same process."""


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
    """The folder in which they claim tasks, where there is more than one process."""
    known: LookedInto = msgspec.field(default_factory=LookedInto)
    """What processes before this one have looked into."""
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


def claim(folder: Path, task: Task) -> bool:
    """Take a task, if no other process has: true for the first that asks.

    Where files cannot be made, every process takes it: it is better repeated twice than never.
    """
    try:
        _close(_open(_claim_file(folder, task), _NEW_FILE))
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def is_claimed(folder: Path, task: Task) -> bool:
    """Whether some process has taken it."""
    return _claim_file(folder, task).exists()


def _claim_file(folder: Path, task: Task) -> Path:
    name = task.name.encode("utf-8", "surrogatepass")
    return folder / hashlib.sha1(name, usedforsecurity=False).hexdigest()
