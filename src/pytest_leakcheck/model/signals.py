"""What is read at a boundary, and what two readings differ by."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Outcome: TypeAlias = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]


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


# --- derived, never stored: what judge/ makes of a run ------------------------------------------


class Slope(Part, frozen=True):
    """Growth of one signal per run."""

    per_run: float
    low: float | None = None
    """Lower end of the interval; None where one run only was measured."""
    high: float | None = None
    runs: int = 1
