"""A run as it was read back: every record, sorted by kind and by test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pytest_leakcheck.model.journal_lines import (
    AskedRecord,
    AssignRecord,
    CalibrationRecord,
    CaptureRecord,
    CauseRecord,
    CycleRecord,
    EventRecord,
    FixtureRecord,
    LedgerRecord,
    RepeatRecord,
    ResourceRecord,
    SkipRecord,
    StartRecord,
    TestRecord,
    WatchRecord,
)
from pytest_leakcheck.model.run_info import RunInfo

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
    """Candidate → the one whose evidence stands for both."""
    asked: dict[str, AskedRecord] = field(default_factory=dict)
    """Candidate → which questions have been answered; none in journals of older versions."""
    skips: dict[str, SkipRecord] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    """Candidates whose repeats were cut off: the budget ended, or the process died."""
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
