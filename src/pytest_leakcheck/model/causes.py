"""Who holds what stays, and where it was allocated: the parts of a cause."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pytest_leakcheck.model.signals import Part

CauseKind: TypeAlias = Literal["held", "container", "cycle", "native", "resource"]


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
    runner: bool = False
    """The test runner keeps it by itself: nothing that the suite hung on the runner's objects."""
    extension: bool = False
    """Retains objects of compiled extension types, whose native size Python cannot see."""
