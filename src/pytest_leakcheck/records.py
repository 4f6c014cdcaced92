"""The records: every fact that is stored, with its unit.

A record holds ids, counts, strings and numbers, never a live object: a leak tool that keeps what it
measures is a leak. ``None`` means *not seen here* (the platform or the depth does not offer that
signal), which is not the same as zero.

Records of one kind share a tag (``kind``), so that a journal line names what it is. A change that
an older reader would misread raises :data:`SCHEMA`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import msgspec

#: Version of the run folder. 1: the first.
SCHEMA = 1

Outcome: TypeAlias = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]

VerdictName: TypeAlias = Literal[
    "clean",  # nothing stays
    "leak",  # grows on every repeat, by two signals or an exact one
    "settles",  # a cache, lazy import or pool: growth stops
    "held",  # a wider fixture holds it, and lets go
    "late",  # cyclic garbage only: freed by the collector, raises the peak
    "unconfirmed",  # it grew once and was not repeated, or the repeats disagree
    "not judged",  # failed, skipped, forked …: the reason says which
]
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)

Phase: TypeAlias = Literal[
    "null",
    "null-net",
    "warm-up",
    "steady",
    "traced",
    "kept",
    "net",
    "long",
    "release",
    "release-net",
]
Mark: TypeAlias = Literal["fixed", "better", "same", "worse", "new", "not comparable"]
CauseKind: TypeAlias = Literal["held", "container", "cycle", "native", "resource"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Base of all records that are stored in a journal."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of records that only stand inside others."""


class Reading(Part, frozen=True):
    """All signals of a process at one boundary. Absolute values."""

    at_s: float
    """Seconds since the run began in this process (monotonic)."""
    rss_bytes: int | None = None
    """Resident set size."""
    peak_bytes: int | None = None
    """Highest resident set size since the previous boundary (``VmHWM``, reset at each)."""
    heap_bytes: int | None = None
    """C heap in use: handed out by malloc and not given back (``mallinfo2``: uordblks + hblkhd).
    Holds native data and every Python object over 512 bytes."""
    mapped_bytes: int | None = None
    """Address space (``VmSize``): what an allocator of an extension's own, or mmap, takes too. Read
    in the confirming process only."""
    blocks: int | None = None
    """Python memory blocks in use (``sys.getallocatedblocks``)."""
    fds: int | None = None
    """Open file descriptors."""
    threads: int | None = None
    """Threads of the process, native ones included."""
    children: int | None = None
    """Child processes, zombies included."""


class Growth(Part, frozen=True):
    """What stayed between two boundaries: the difference of two readings. Signed."""

    rss_bytes: int | None = None
    heap_bytes: int | None = None
    """C heap; see :attr:`Reading.heap_bytes`."""
    mapped_bytes: int | None = None
    blocks: int | None = None
    survivors: int | None = None
    """gc-tracked objects born in between and alive after a collection, less what pytest keeps."""
    python_bytes: int | None = None
    """Bytes of Python memory (tracemalloc); only where tracing was on."""
    fds: int | None = None
    threads: int | None = None
    children: int | None = None


#: The signals of a growth, in the order in which tables show them.
SIGNALS: tuple[str, ...] = Growth.__struct_fields__

#: Signals counted in bytes; the others count things.
BYTE_SIGNALS = frozenset({"rss_bytes", "heap_bytes", "mapped_bytes", "python_bytes"})


def add_growth(left: Growth, right: Growth, sign: int = 1) -> Growth:
    """``left + sign * right``, signal by signal.

    A signal is ``None`` only where ``left`` does not have it; what ``right`` lacks adds nothing.
    """
    values: dict[str, int | None] = {}
    for name in Growth.__struct_fields__:
        base = getattr(left, name)
        values[name] = None if base is None else base + sign * (getattr(right, name) or 0)
    return Growth(**values)


class Late(Part, frozen=True):
    """Late garbage: what only the cyclic collector frees."""

    objects: int = 0
    """Objects that the collector found unreachable between the two boundaries."""
    heap_bytes: int | None = None
    """C heap that the collection at the boundary gave back."""
    blocks: int | None = None
    """Python memory blocks that the collection at the boundary gave back (repeats only)."""


#: What stands behind a function of compiled code in a stack.
COMPILED = " (compiled code)"


class Site(Part, frozen=True):
    """A place in source code where memory was allocated that stayed."""

    file: str
    line: int
    function: str = ""
    bytes: int = 0
    """Bytes that stayed, per run."""
    blocks: int = 0
    """Allocations that stayed, per run."""
    source: str = ""
    """The line's text, where it could be read and nothing else names what is called there."""
    native: bool = False
    """A frame of C, C++ or Rust (``file`` may be a shared object)."""
    library: str = ""
    """Shared object of a native frame; of a Python frame, the one whose compiled code called it."""
    caller: str = ""
    """The Python function that called a native frame: ``function (file)``."""
    stack: list[str] = []
    """Callers, innermost first, as ``function (file:line)``."""


class Traced(Part, frozen=True):
    """What memray and tracemalloc saw around one test (``--leakcheck-depth=full``)."""

    python_bytes: int | None = None
    """Python memory that stayed after a collection (tracemalloc)."""
    python_peak_bytes: int | None = None
    """Peak of traced Python memory during the test (tracemalloc)."""
    sites: list[Site] = []
    """Where the Python memory that stayed was allocated, largest first."""
    memray_peak_bytes: int | None = None
    """memray's high water mark during the test."""
    memray_left_bytes: int | None = None
    """Allocated during the test, not freed by its end, before any collection (memray)."""
    capture: str | None = None
    """memray's capture file, relative to the run folder."""
    refused: str | None = None
    """Why a tracer did not run, in one sentence."""


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
    """One repeat of a suspect in the confirming process."""

    nodeid: str
    phase: Phase
    number: int
    """From 0 within its phase; in ``long`` and the ``net`` ones over how many runs the growth was
    measured."""
    growth: Growth
    """Of one run, or in ``long`` and the ``net`` ones of all of them together."""
    sites: list[Site] = []
    """Where what stayed was allocated, per run (``traced`` only)."""
    late: Late = Late()
    types: dict[str, int] = {}
    outcome: Outcome = "passed"
    duration_s: float = 0.0
    module_count: int = 0


class Step(Part, frozen=True):
    """One step of a holder path, from the root towards the head."""

    edge: str
    """The reference that leads here from the step before, as a person would write it:
    ``._clients``, ``['key']``, ``[3]``, ``closure cell x``, ``local cache``. Empty for the root."""
    generic: str
    """The same with keys and indices collapsed to ``[*]``; what the fingerprint is made of."""
    type: str
    """Qualified name of the object's type, or the name of the module or class that it is."""
    label: str = ""
    """What tells this object apart: a module's name, a patch's target, a mock's name."""
    status: Literal["expected", "stuck", "unknown"] = "unknown"
    reason: str = ""
    suspect: bool = False
    """Whether the edge into this object may be the faulty one."""


class Content(Part, frozen=True):
    """Something large that a head retains."""

    path: str
    """From the head, as a person would write it: ``[0][1]['payload']``."""
    type: str
    bytes: int


class Cause(Part, frozen=True, gc=True):
    """Why memory stays: a head, who holds it, and what it retains. Per run of one test."""

    fingerprint: str
    """12 hex digits; the same cause has the same fingerprint in every test, run and machine."""
    kind: CauseKind
    head: str
    """Qualified type name of the head; for a container: of what is added to it; for native
    growth: who allocates; for a resource: what stays open."""
    holder: str
    """The holder path in one line, keys and indices collapsed: ``pkg.mod.Class.attr[*]``.
    Empty where nothing in Python holds it (native growth)."""
    steps: list[Step] = []
    per_run: float = 1.0
    """Heads (or items of the container) added per run."""
    objects: int = 0
    """gc-tracked objects that the head retains, itself included, per run."""
    python_bytes: int = 0
    """Bytes of Python objects that would be freed with the head, per run."""
    contents: list[Content] = []
    """The largest things that it retains."""
    sites: list[Site] = []
    """Where it was allocated, where known, largest first."""
    label: str = ""
    """What tells the head apart: a patch's target, a mock's name."""
    known: str | None = None
    """Identifier in the catalogue of known causes."""
    what: str = ""
    """What is known about it, one sentence (catalogue)."""
    remedy: str = ""
    """What lets it go, one sentence (catalogue)."""
    link: str = ""
    bounded: bool = False
    """What holds it has a limit (an ``lru_cache`` with a ``maxsize``, a ``deque`` with a
    ``maxlen``, the cache of ``re``): it grows until it is full, and no further."""
    room: int | None = None
    """So many more items what is bounded will take before it is full; ``None`` where that is not
    known."""
    endless: bool = False
    """Known to grow on each time: nothing drops what holds it gathers (catalogue)."""
    limit: int = 0
    """So many items, at most, are kept there by what its owner states (an attribute such as
    ``maxsize``); 0 where nothing is stated."""
    dead: bool = False
    """Only weak references to what is gone already: they keep nothing but themselves."""
    weak: bool = False
    """An entry for something that is held elsewhere, and that commonly goes with it: a plain
    container of weak references and names, a value of a ``WeakKeyDictionary``."""
    extension: bool = False
    """Retains objects of compiled extension types, whose native size Python cannot see."""


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
    """memray's file, relative to the run folder; kept for suspects only."""
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
    """Where a suspect opened what stays was not looked for again: another instance of the same test
    function, which leaves as many descriptors, threads and children, was looked into."""

    nodeid: str
    of: str


class DroppedRecord(Record, frozen=True, tag="dropped"):
    """Whether a suspect's growth goes on was not looked for: dead weak references gather, and those
    of the same cause were dropped again over many more runs of another test."""

    nodeid: str
    of: str


class SuspectRecord(Record, frozen=True, tag="suspect"):
    """The confirming process begins with a suspect, or has written all that it has to say of it."""

    nodeid: str
    at: Literal["begin", "end"]


class SkipRecord(Record, frozen=True, tag="skip"):
    """A suspect that the confirming process could not judge."""

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
    """How suspects were grouped: this test's witness was repeated in its place."""

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
    | DroppedRecord
    | SuspectRecord
    | SkipRecord
    | AssignRecord
    | CalibrationRecord
    | LedgerRecord
    | EventRecord
    | EndRecord
)


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """``run.json``: what was run, where, and how."""

    schema: int
    label: str
    created: str
    """UTC, ISO 8601."""
    argv: list[str]
    rootdir: str
    """Name of the folder only, so that a run can be shown without a machine's paths."""
    started_in: str = "."
    """The folder in which pytest was started, relative to the root folder."""
    confirm_argv: list[str] = []
    """Options with which a confirming pytest collects the same tests; no files. Paths are relative
    to the folder in which pytest was started."""
    settings: dict[str, Any]
    python: str
    implementation: str
    platform: str
    machine: str
    cpu_count: int
    memory_bytes: int | None
    packages: dict[str, str]
    """Installed distributions and their versions."""
    environment: dict[str, str]
    """Environment variables that change memory or the selection of tests."""
    git_revision: str | None = None
    git_dirty: bool | None = None
    workers: int = 0
    """pytest-xdist's worker count; 0 without xdist."""
    dist: str = ""
    """How pytest-xdist gave out the tests (``load``, ``loadgroup`` …); empty without xdist."""
    probes: dict[str, str] = {}
    """Each signal and where it comes from, or why it is not seen here."""


# --- derived, never stored: what judge/ makes of a run ------------------------------------------


class Slope(Part, frozen=True):
    """Growth of one signal per run."""

    per_run: float
    low: float | None = None
    """Lower end of the interval; None where one run only was measured."""
    high: float | None = None
    runs: int = 1


class TestVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of one test."""

    __test__ = False

    nodeid: str
    verdict: VerdictName
    reason: str
    """In words, with the numbers that decided."""
    outcome: Outcome | Literal["crashed"]
    slopes: dict[str, Slope]
    """Signal (a field of Growth) → growth per run."""
    basis: Literal["repeated", "by signature", "one run"]
    """What the growth rests on."""
    like: str = ""
    """With ``by signature``: the test that was repeated in its place."""
    resembles: str = ""
    """With ``one run``: a leaking test of another function that grew like it."""
    hidden: bool = False
    """Repeats alone told: at first sight it was no suspect."""
    fingerprints: list[str] = []
    """Causes of this test, the one that carries its native growth first."""
    late: Late = Late()
    repeats: list[Growth] = []
    """Growth of each steady repeat, in order."""


class CauseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One cause over the whole run."""

    cause: Cause
    """Of its best witness."""
    witnesses: list[str]
    """Node ids of the tests that show it, the one that the slopes are of first."""
    slopes: dict[str, Slope]
    """Growth per run that moves with it, of the best witness."""
    total: dict[str, float]
    """Signal → growth over one run of all its witnesses."""
    opened: list[ResourceRecord] = []
    """What a witness opens and leaves open; where this cause carries its growth."""
    shared: int = 0
    """Objects that stay after each run of the best witness, and none of its causes keeps alone."""


class JudgedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its verdicts: what tables, gates and pages are made from."""

    info: RunInfo
    tests: list[TestVerdict]
    """Sorted by node id."""
    causes: list[CauseSummary]
    """Worst first."""
