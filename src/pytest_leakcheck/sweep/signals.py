"""Readings: every memory signal of this process at one boundary.

On Linux the signals come from ``/proc`` and glibc, through descriptors that stay open; elsewhere
psutil reads what it can. Each probe is chosen once, by trying it; what cannot be read stays
``None`` and :attr:`Probes.sources` says why.

Cost of one reading on Linux: about 10 µs on a small heap. ``sys.getallocatedblocks`` walks the
pymalloc pools (30 to 100 µs for a million objects) and ``mallinfo2`` walks malloc's free chunks;
when one of them gets slow it is read less often (see :class:`_Paced`).
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable

from pytest_leakcheck.model.signals import Growth, Reading

if sys.platform == "linux":
    from resource import RUSAGE_SELF, getrusage

# Tests patch `os`, `time` and `open`; the probes keep their own references.
_clock = time.perf_counter
_open, _file = os.open, open
_blocks = getattr(sys, "getallocatedblocks", None)
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

#: A reading that costs less is always taken: over several tests noise adds up, and a candidate
#: costs a thousand readings.
_CHEAP_S = 0.0001
#: A second look at the C heap that costs less is, too.
_CHEAP_EXTRA_S = 0.00001

#: The share of a run's time for slow readings, and for a second look at the C heap.
_SHARE, _EXTRA_SHARE = 0.05, 0.01

Probe = Callable[[], "int | None"]


class _Mallinfo2(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


class _Paced:
    """A probe that is skipped while reading it would cost more than a share of the run's time.

    Walking a fragmented heap can take milliseconds. What a reading cost the last time has to be
    earned by the time that has passed since: a slow probe is still read after slow tests. The
    lower of the last two costs counts, so that one interruption does not make a probe slow.
    """

    def __init__(self, probe: Probe, share: float = _SHARE, cheap_s: float = _CHEAP_S) -> None:
        self._probe = probe
        self._share, self._cheap_s = share, cheap_s
        self._cost = self._cost_before = 0.0
        self._last = _clock()

    def __call__(self) -> int | None:
        start = _clock()
        cost = min(self._cost, self._cost_before)
        if cost > self._cheap_s and cost > self._share * (start - self._last):
            return None
        value = self._probe()
        self._last = _clock()
        self._cost_before, self._cost = self._cost, self._last - start
        return value


def _unseen(*_: object) -> None:
    return None


class Probes:
    """The signals that this process offers, each with its source.

    Args:
        paced: read slow probes less often. The confirming process wants every reading.
    """

    def __init__(self, *, paced: bool = True) -> None:
        self.sources: dict[str, str] = {}
        self._fds: list[int] = []
        self._start = _clock()
        self._rss: Probe = _unseen
        self._peak: Callable[..., int | None] = _unseen
        self._heap: Probe = _unseen
        self._mapped: Probe = _unseen
        self._open_fds: Probe = _unseen
        self._threads: Probe = _unseen
        self._children: Probe = _unseen
        if sys.platform == "linux":
            self._choose_linux()
        else:
            self._choose_psutil()
        self._count_blocks: Probe = _blocks or _unseen
        self._exact_heap, self._exact_blocks = self._heap, self._count_blocks
        self._heap_before: Probe = self._heap
        # What a collection that finds nothing empties, the interpreter's free lists, is in its
        # pools. Frames were among it before 3.11, too large for them, and without the pools' own
        # allocator all of it is in the C heap.
        self._free_lists_in_pools = sys.version_info >= (3, 11) and bool(self._exact_blocks())
        self.sources["blocks"] = (
            "sys.getallocatedblocks" if _blocks else "not seen: this Python has no such counter"
        )
        if paced:
            self._count_blocks = _Paced(self._count_blocks)
            self._heap_before = _Paced(self._heap, _EXTRA_SHARE, _CHEAP_EXTRA_S)
            self._heap = _Paced(self._heap)
            self.sources["mapped_bytes"] = "not seen: read where tests are repeated only"
        elif sys.platform == "linux":
            self._mapped = self._try("mapped_bytes", self._linux_mapped, "/proc/self/statm")
        else:
            self.sources["mapped_bytes"] = "not seen: no such signal on this platform"

    def read(
        self, *, peak: bool = True, exact: bool = False, heap_before: int | None = None
    ) -> Reading:
        """All signals now. With ``peak``, also the peak since the last such call, and reset it.

        Args:
            exact: the slow ones too, whatever they cost.
            heap_before: the C heap before a collection that found nothing, which has not changed it
                and is not read again where this is so.
        """
        # First: the other probes take one way or another (a peak at the floor), and what they drop
        # waits in the interpreter's free lists, which are blocks too.
        blocks = self._exact_blocks() if exact else self._count_blocks()
        rss = self._rss()
        if exact:
            heap = self._exact_heap()
        elif heap_before is not None and self._free_lists_in_pools:
            heap = heap_before
        else:
            heap = self._heap()
        return Reading(
            at_s=round(_clock() - self._start, 6),
            rss_bytes=rss,
            peak_bytes=self._peak(rss) if peak else None,
            heap_bytes=heap,
            mapped_bytes=self._mapped(),
            blocks=blocks,
            fds=self._open_fds(),
            threads=self._threads(),
            children=self._children(),
        )

    def elapsed(self) -> float:
        """Seconds since these probes were made."""
        return round(_clock() - self._start, 6)

    def rss(self) -> int | None:
        """Resident set size in bytes. About 1 µs on Linux."""
        return self._rss()

    def heap(self) -> int | None:
        """C heap in use, in bytes."""
        return self._heap()

    def heap_before(self) -> int | None:
        """The same beside a reading that follows; skipped where two would take too long."""
        return self._heap_before()

    def threads(self) -> int | None:
        """Threads of the process, about 1 µs; ``None`` where a second count is too dear."""
        return self._threads() if sys.platform == "linux" else None

    def close(self) -> None:
        """Close the descriptors held open."""
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        self._rss = self._peak = _unseen

    # --- Linux ---------------------------------------------------------------------------------

    def _choose_linux(self) -> None:
        self._rss = self._try("rss_bytes", self._linux_rss, "/proc/self/statm")
        self._peak = self._try("peak_bytes", self._linux_peak, "VmHWM, reset through clear_refs")
        self._heap = self._try("heap_bytes", _glibc_heap, "mallinfo2")
        self._open_fds = self._try("fds", self._linux_fds, "/proc/self/fd")
        self._threads = self._try("threads", self._linux_threads, "/proc/self/task")
        self._children = self._try("children", linux_children, "/proc/self/task/*/children")

    def _try(self, signal: str, make: Callable[[], Probe], source: str) -> Probe:
        try:
            probe = make()
            probe()
        except (OSError, AttributeError, ValueError) as error:
            self.sources[signal] = f"not seen: {source}: {error}"
            return _unseen
        self.sources[signal] = source
        return probe

    def _keep_open(self, path: str, flags: int) -> int:
        fd = _open(path, flags | os.O_CLOEXEC)
        self._fds.append(fd)
        return fd

    def _linux_rss(self) -> Probe:
        fd = self._keep_open("/proc/self/statm", os.O_RDONLY)
        pread, page = os.pread, _PAGE
        return lambda: int(pread(fd, 80, 0).split()[1]) * page

    def _linux_mapped(self) -> Probe:
        fd = self._keep_open("/proc/self/statm", os.O_RDONLY)
        pread, page = os.pread, _PAGE
        return lambda: int(pread(fd, 80, 0).partition(b" ")[0]) * page

    def _linux_peak(self) -> Probe:
        clear = self._keep_open("/proc/self/clear_refs", os.O_WRONLY)
        status = self._keep_open("/proc/self/status", os.O_RDONLY)
        pread, write, usage, itself = os.pread, os.write, getrusage, RUSAGE_SELF
        write(clear, b"5")
        # `ru_maxrss` is the same figure in a fifth of the time, but not below a floor that the
        # process inherits from the one that started it; below this value it is not trusted.
        floor = usage(itself).ru_maxrss

        def peak(rss: int | None = None) -> int | None:
            kib = usage(itself).ru_maxrss
            # At the floor it is trusted too where what is resident now reaches that far.
            if kib <= floor and (rss is None or rss < floor * 1024):
                text = pread(status, 4096, 0)
                at = text.find(b"VmHWM:")
                if at < 0:
                    return None
                kib = int(text[at + 6 : text.index(b"kB", at)])
            # Where it stands at the highest already, a reset would change nothing, and it is the
            # dearest call of a reading.
            if rss is None or kib * 1024 > rss:
                write(clear, b"5")
            return kib * 1024

        return peak

    def _linux_fds(self) -> Probe:
        return linux_fds(self._keep_open("/proc/self/fd", os.O_RDONLY))

    def _linux_threads(self) -> Probe:
        return linux_threads(self._keep_open("/proc/self/task", os.O_RDONLY))

    # --- elsewhere -----------------------------------------------------------------------------

    def _choose_psutil(self) -> None:
        try:
            import psutil
        except ImportError:
            for signal in ("rss_bytes", "heap_bytes", "fds", "threads", "children"):
                self.sources[signal] = "not seen: psutil is not installed"
            self.sources["peak_bytes"] = "not seen: no per-test peak on this platform"
            return
        process = psutil.Process()
        self.sources["peak_bytes"] = "not seen: no per-test peak on this platform"
        self._rss = self._try("rss_bytes", lambda: lambda: process.memory_info().rss, "psutil")
        self._threads = self._try("threads", lambda: process.num_threads, "psutil")
        count = getattr(process, "num_handles", None) or process.num_fds
        self._open_fds = self._try("fds", lambda: count, "psutil")
        self._children = self._try("children", lambda: lambda: len(process.children()), "psutil")
        heap_info = getattr(psutil, "heap_info", None)

        def heap() -> Probe:
            if heap_info is None:
                raise AttributeError("psutil 7.2 or newer is needed")

            def in_use() -> int:
                info = heap_info()
                return int(info.heap_used + info.mmap_used)

            return in_use

        self._heap = self._try("heap_bytes", heap, "psutil.heap_info")


def mapped_probe() -> Probe | None:
    """The address space, for a probe without descriptors of its own; None where not on Linux."""
    if sys.platform != "linux":
        return None

    def mapped() -> int:
        with _file("/proc/self/statm", "rb") as statm:
            return int(statm.read().partition(b" ")[0]) * _PAGE

    return mapped


def heap_probe() -> Probe | None:
    """The C heap in use, for a probe without descriptors of its own; None where glibc is not."""
    if sys.platform != "linux":
        return None
    try:
        return _glibc_heap()
    except (OSError, AttributeError):
        return None


def _glibc_heap() -> Probe:
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2

    def in_use() -> int:
        info = mallinfo2()
        return int(info.uordblks) + int(info.hblkhd)

    return in_use


def linux_fds(place: str | int = "/proc/self/fd") -> Probe:
    """Open descriptors; ``place`` may be a descriptor of the folder, which is quicker."""
    # Since Linux 6.2 the directory's size is the number of its entries; older kernels say 0.
    stat, listdir = os.stat, os.listdir
    if not stat("/proc/self/fd").st_size:
        return lambda: len(listdir("/proc/self/fd")) - 1  # listing opens one of its own
    return lambda: stat(place).st_size


def linux_threads(place: str | int = "/proc/self/task") -> Probe:
    """Threads of the process; ``place`` may be a descriptor of the folder."""
    stat = os.stat
    return lambda: stat(place).st_nlink - 2


def linux_children() -> Probe:
    """Children of all threads; one system call where there are none."""
    waitid, none_flags = os.waitid, os.WEXITED | os.WNOHANG | os.WNOWAIT
    everything, listdir = os.P_ALL, os.listdir
    open_, read, close = os.open, os.read, os.close

    def children() -> int:
        try:
            waitid(everything, 0, none_flags)
        except ChildProcessError:
            return 0
        count = 0
        for task in listdir("/proc/self/task"):
            try:
                fd = open_(f"/proc/self/task/{task}/children", os.O_RDONLY)
            except OSError:  # the thread has just ended
                continue
            try:
                count += len(read(fd, 65536).split())
            finally:
                close(fd)
        return count

    return children


def growth(before: Reading, after: Reading, survivors: int | None = None) -> Growth:
    """The difference of two readings; a signal that either lacks stays ``None``."""
    return Growth(
        rss_bytes=_difference(before.rss_bytes, after.rss_bytes),
        heap_bytes=_difference(before.heap_bytes, after.heap_bytes),
        mapped_bytes=_difference(before.mapped_bytes, after.mapped_bytes),
        blocks=_difference(before.blocks, after.blocks),
        fds=_difference(before.fds, after.fds),
        threads=_difference(before.threads, after.threads),
        children=_difference(before.children, after.children),
        survivors=survivors,
    )


def given_back(before: int | None, after: int | None) -> int | None:
    """How much less there is after than before, at least 0; ``None`` where either is unknown."""
    return None if before is None or after is None else max(0, before - after)


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
