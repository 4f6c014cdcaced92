"""The lines of a run's journals, one record each: what was observed, never what it means.

A record holds plain values only, so it keeps no object of the tested process alive.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from pytest_leakcheck.model.causes import Cause, Site, Step, Traced
from pytest_leakcheck.model.signals import Growth, Late, Outcome, Part, Reading

Phase: TypeAlias = Literal[
    "blank",  # the blank test: one repeat …
    "blank-window",  # … or a soak window
    "warm-up",
    "steady",
    "kept",  # how many objects of a repeat the next one does not replace
    "window",  # a soak window
    "release-window",  # the same, with wider fixtures ended after each repeat
    "traced",
    # Written by older versions:
    "null",
    "null-net",
    "net",
    "long",
    "release",
    "release-net",
]
Mark: TypeAlias = Literal["fixed", "better", "same", "worse", "new", "not comparable"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Base of all records that are stored in a journal."""


class StartRecord(Record, frozen=True, tag="start"):
    """A test begins. On disk before it runs, so that a killed worker names its last test."""

    nodeid: str
    at_s: float
    rss_bytes: int | None = None


class TestRecord(Record, frozen=True, tag="test"):
    """One test's account in the sweep: its whole protocol, closed after its teardown."""

    __test__ = False

    nodeid: str
    index: int
    """Position in the order in which this worker ran its tests, from 0."""
    outcome: Outcome
    duration_s: float
    reading: Reading
    """The signals when the account closed."""
    growth: Growth
    """Charged to the test: less wider fixtures and less what pytest keeps (survivors)."""
    types: dict[str, int] = {}
    """Survivors by type, the most frequent ones."""
    opened: list[str] = []
    """What the descriptors lead to that the test left open (``file data.bin``), each once."""
    pytest_survivors: int = 0
    """gc-tracked objects that pytest keeps of this test (reports, class instances, items)."""
    fixture_survivors: int = 0
    """gc-tracked objects born in the set-up of wider fixtures during this test."""
    modules: list[str] = []
    """Modules first imported during the test (top-level packages)."""
    module_count: int = 0
    """How many modules were first imported during the test."""
    late: Late = Late()
    peak_growth_bytes: int | None = None
    """Highest resident set size during the test, less the resident set size at its start."""
    fixtures: list[str] = []
    """Wider fixtures set up during this test."""
    notes: list[str] = []
    """Slugs of what happened that bears on the verdict: ``forked``, ``gc-disabled``,
    ``gc-frozen``, ``gc-unfrozen``, ``tracer-taken`` …"""
    traced: Traced | None = None


class SpanRecord(Record, frozen=True, tag="span"):
    """Growth over several tests of a signal that was not read after each of them, since reading it
    would have taken too large a share of their time."""

    nodeid: str
    """The last of them."""
    tests: int
    """How many there are, in the order in which the worker ran them."""
    signal: Literal["heap_bytes", "blocks"]
    grown: int
    """Charged to them together: less wider fixtures."""


class FixtureRecord(Record, frozen=True, tag="fixture"):
    """A wider fixture (class, module, package, session) was set up or finalised."""

    fixture: str
    scope: str
    where: str
    """The node id or path prefix where the fixture is defined."""
    instance: int
    """Tells apart set-ups of one fixture in one worker; shared by its set-up and finaliser."""
    phase: Literal["setup", "finalise"]
    nodeid: str
    """The test during which it happened."""
    growth: Growth


class RepeatRecord(Record, frozen=True, tag="repeat"):
    """One repeat of a candidate in the confirming process."""

    nodeid: str
    phase: Phase
    number: int
    """From 0 within its phase; in windows over how many repeats the growth was measured."""
    growth: Growth
    """Of one repeat, or in windows of all of them together; objects are those that are tracked
    after it, less those before."""
    sites: list[Site] = []
    """Where what stayed was allocated, per run (``traced`` only)."""
    late: Late = Late()
    types: dict[str, int] = {}
    outcome: Outcome = "passed"
    duration_s: float = 0.0
    module_count: int = 0


class CauseRecord(Record, frozen=True, tag="cause"):
    """A cause that the confirming process found for a test."""

    nodeid: str
    cause: Cause


class CycleRecord(Record, frozen=True, tag="cycle"):
    """Late garbage of one run of a test, as readable cycles."""

    nodeid: str
    objects: int
    """Objects that waited for the collector."""
    python_bytes: int
    """Their own bytes."""
    types: dict[str, int] = {}
    cycles: list[list[Step]] = []
    """Each a closed walk: the last step's edge leads back to the first object."""


class CaptureRecord(Record, frozen=True, tag="capture"):
    """memray's evidence for a test, read after the run by a process of its own."""

    nodeid: str
    capture: str
    """memray's file, relative to the run folder; kept for candidates only."""
    flamegraph: str | None = None
    """Offline HTML page, relative to the run folder."""
    sites: list[Site] = []
    runs: int = 1
    """How many runs of the test the capture covers."""


class ResourceRecord(Record, frozen=True, tag="resource"):
    """Descriptors, threads or children that one run of a test opened and left open."""

    nodeid: str
    signal: Literal["fds", "threads", "children"]
    what: str
    """What they are, without a machine's paths or numbers: ``file chroma.sqlite3``, ``pipe``."""
    count: float
    """Per run."""
    site: Site | None = None
    """The innermost frame outside the standard library under which they were opened, with the
    function of compiled code that did it; ``None`` where two runs did not agree on it."""


class CompiledCall(Part, frozen=True):
    """A function of compiled code, and a place in Python that called it."""

    file: str
    line: int
    name: str
    """Qualified as Python knows it: ``hiredis.Reader.gets``."""
    library: str = ""
    """Its shared object, without the folder of packages; empty where Python does not tell."""


class WatchRecord(Record, frozen=True, tag="watch"):
    """A run of a test in which every call was watched (``sys.setprofile``)."""

    nodeid: str
    calls: list[CompiledCall] = []
    """Calls of compiled code outside the standard library."""
    libraries: list[str] = []
    """Extension modules loaded from outside the standard library, the harness's left out."""
    heap: list[Site] = []
    """Where C heap grew and was not given back, per run, largest first."""
    python: list[Site] = []
    """Where the Python memory that stayed was allocated (tracemalloc), largest first."""


class AlikeRecord(Record, frozen=True, tag="alike"):
    """Where a candidate opened what stays was not looked for again: another instance of the same
    test function, which leaves as many descriptors, threads and children, was looked into."""

    nodeid: str
    of: str


class AskedRecord(Record, frozen=True, tag="asked"):
    """All questions that a candidate was asked have been answered, or need no answer."""

    nodeid: str
    asked: list[str]
    """Names of questions."""
    of: str = ""
    """The test whose evidence answered what was not asked of this one."""


class CandidateRecord(Record, frozen=True, tag="suspect"):
    """The confirming process begins with a candidate, or has written all it has to say of it."""

    nodeid: str
    at: Literal["begin", "end"]


class SkipRecord(Record, frozen=True, tag="skip"):
    """A candidate that the confirming process could not judge."""

    nodeid: str
    reason: str
    """One sentence."""


class CalibrationRecord(Record, frozen=True, tag="calibration"):
    """What a confirming process can see: the smallest leaks that were planted in it and seen.

    ``None``: none of the sizes that were tried was seen on every repeat.
    """

    null: Growth
    """Growth per run of an empty test."""
    object_bytes: int | None = None
    """Size of a gc-tracked object that was seen."""
    python_bytes: int | None = None
    """Size of an untracked Python value that was seen."""
    heap_bytes: int | None = None
    """C heap that was seen."""


class AssignRecord(Record, frozen=True, tag="assign"):
    """How candidates were grouped: this test's witness was repeated in its place."""

    nodeid: str
    signature: str
    witness: bool
    """Whether this test is itself repeated."""


class LedgerRecord(Record, frozen=True, tag="ledger"):
    """What each account was charged over one process's run, and what the process grew by."""

    process: Growth
    tests: Growth
    fixtures: Growth
    pytest: Growth
    collected: Growth
    """Given back by full collections at module ends (negative)."""
    tests_run: int = 0
    full_collections: int = 0
    harness_s: float = 0.0
    """CPU seconds that the measuring itself took."""


class EventRecord(Record, frozen=True, tag="event"):
    """Something that a reader of the report must know, in one sentence."""

    slug: str
    sentence: str
    nodeid: str = ""


class EndRecord(Record, frozen=True, tag="end"):
    """The worker ended in order; a journal without it was cut off."""

    tests_run: int
    at_s: float


JournalRecord: TypeAlias = (
    StartRecord
    | TestRecord
    | SpanRecord
    | FixtureRecord
    | RepeatRecord
    | CauseRecord
    | CycleRecord
    | CaptureRecord
    | ResourceRecord
    | WatchRecord
    | AlikeRecord
    | AskedRecord
    | CandidateRecord
    | SkipRecord
    | AssignRecord
    | CalibrationRecord
    | LedgerRecord
    | EventRecord
    | EndRecord
)
