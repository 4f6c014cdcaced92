"""memray and tracemalloc around one test.

tracemalloc started for one test and stopped after it costs milliseconds; memray's tracker costs 15
to 80 ms to start and stop. One memray tracker may exist in a process: where another has it
(pytest-memray's, the test's own), the refusal is recorded. memray's *object* tracking is never used
here: it must not share a process with tracemalloc.
"""

from __future__ import annotations

import gc
import hashlib
import os
import sys
import sysconfig
import tracemalloc
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_leakcheck.model.causes import Site

PACKAGE = str(Path(__file__).resolve().parents[1])
_INSTALLED = tuple(
    sorted(
        {
            str(Path(path).resolve()) + os.sep
            for name in ("purelib", "platlib", "stdlib", "platstdlib")
            if (path := sysconfig.get_paths().get(name))
        },
        key=len,
        reverse=True,
    )
)
# Tests patch `open`.
_file = open
_collect = gc.collect
_blocks: Callable[[], int] = getattr(sys, "getallocatedblocks", lambda: 0)

#: Frames that allocate on behalf of another: never the place that a person looks for.
MACHINERY = ("<frozen importlib", "/_pytest/", "/pluggy/", "/tracemalloc.py", PACKAGE)
_MOST_SITES = 5
#: A snapshot of more takes longer than it tells: minutes, after the import of a large library.
_MOST_BLOCKS = 50_000
_MOST_FRAMES = 8
_MOST_SOURCE = 80


def short_path(path: str, root: str = "") -> str:
    """A path without what only this machine knows: relative to the project or to site-packages."""
    for prefix in (*_INSTALLED, root + os.sep if root else ""):
        if prefix and path.startswith(prefix):
            return path[len(prefix) :].replace(os.sep, "/")
    home = str(Path.home())
    if home != "/" and path.startswith(home + os.sep):
        return "~" + path[len(home) :].replace(os.sep, "/")
    return path.replace(os.sep, "/")


def source_line(path: str, line: int) -> str:
    """The text of a line of source, shortened; empty where it cannot be read. O(line).

    Read past `linecache`, which would keep the whole file.
    """
    try:
        with _file(path, encoding="utf-8", errors="replace") as lines:
            text = next(islice(lines, line - 1, line), "").strip()
    except (OSError, ValueError):
        return ""
    return text if len(text) <= _MOST_SOURCE else f"{text[: _MOST_SOURCE - 1]}…"


def capture_name(nodeid: str) -> str:
    """A file name for a node id: readable at its start, unique by its end."""
    digest = hashlib.sha1(nodeid.encode(), usedforsecurity=False).hexdigest()[:10]
    readable = "".join(c if c.isalnum() else "-" for c in nodeid.rpartition("/")[2])[:60]
    return f"{readable}-{digest}"


class PythonTrace:
    """tracemalloc from :meth:`start` to :meth:`stop`.

    Args:
        frames: depth of the stacks that are kept.
        root: the project's folder, cut from paths.
    """

    def __init__(self, frames: int, root: str) -> None:
        self._frames = frames
        self._root = root
        self._running = False
        self._blocks = 0
        self.refused: str | None = None

    def start(self) -> None:
        """Begin to trace, unless somebody else does."""
        if tracemalloc.is_tracing():
            self.refused = "tracemalloc was on already: the test or another plugin has it"
            return
        self.refused = None
        self._blocks = _blocks()
        tracemalloc.start(self._frames)
        self._running = True

    def stop(self, runs: int = 1) -> tuple[int, int, list[Site]] | None:
        """End tracing, after a collection.

        Args:
            runs: how many runs were traced. Of several, only places that left at least a block on
                each of them count: what grew once is no leak.

        Returns:
            Bytes that stayed per run, peak bytes, and where what stayed was allocated; ``None``
            where tracing was refused or stopped by the test. What pytest and the harness
            allocate for themselves is left out.
        """
        if not self._running:
            return None
        self._running = False
        if not tracemalloc.is_tracing():
            self.refused = "the test stopped tracemalloc itself"
            return None
        _, peak = tracemalloc.get_traced_memory()
        _collect()
        kept = _blocks() - self._blocks
        if kept > _MOST_BLOCKS:
            left, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.refused = (
                f"{kept:,} Python blocks stayed, as after a first import: where they were "
                "allocated was not looked up"
            )
            return left, peak, []
        snapshot = tracemalloc.take_snapshot()
        tracemalloc.stop()
        return self._read(snapshot, peak, runs)

    def _read(
        self, snapshot: tracemalloc.Snapshot, peak: int, runs: int
    ) -> tuple[int, int, list[Site]]:
        by_place: dict[tuple[str, int], list[tuple[int, tuple[Any, ...]]]] = defaultdict(list)
        for trace in snapshot.traces:
            # tracemalloc has the innermost frame last.
            frames = tuple(reversed(tuple(trace.traceback)))
            # The harness's own buffers are nobody's growth.
            if frames and frames[0].filename.startswith(PACKAGE):
                continue
            told = _told(frames)
            if told:
                by_place[told[0].filename, told[0].lineno].append((trace.size, told))
        kept = [allocations for allocations in by_place.values() if len(allocations) >= runs]
        sites = [self._site(allocations, runs) for allocations in kept]
        sites.sort(key=lambda site: (-site.bytes, site.file, site.line))
        return sum(site.bytes for site in sites), peak, sites[:_MOST_SITES]

    def _site(self, allocations: list[tuple[int, tuple[Any, ...]]], runs: int) -> Site:
        _, frames = max(allocations, key=lambda pair: pair[0])
        return Site(
            file=short_path(frames[0].filename, self._root),
            line=frames[0].lineno,
            bytes=round(sum(size for size, _ in allocations) / runs),
            blocks=len(allocations) // runs,
            source=source_line(frames[0].filename, frames[0].lineno),
            stack=[
                f"{short_path(f.filename, self._root)}:{f.lineno}" for f in frames[:_MOST_FRAMES]
            ],
        )


def _told(frames: tuple[Any, ...]) -> tuple[Any, ...]:
    """The frames without those that allocate on behalf of another."""
    return tuple(f for f in frames if not any(part in f.filename for part in MACHINERY))


def memray_missing() -> str | None:
    """Why memray cannot run here, in one sentence; ``None`` where it can."""
    if sys.platform == "win32":
        return "memray has no Windows build: native allocation stacks are unseen here"
    try:
        import memray  # noqa: F401
    except ImportError:
        return (
            "memray is not installed: native allocation stacks are unseen; "
            "run pip install 'pytest-leakcheck[memray]'"
        )
    return None


def memray_capture(path: Path, run: Callable[[], None], *, native: bool = True) -> str | None:
    """Run something under a memray tracker that writes ``path``.

    Returns:
        Why there is no capture, in one sentence; ``None`` where there is one. ``run`` is called
        once in either case.
    """
    tracker, refused = open_tracker(path, native=native)
    try:
        run()
    finally:
        if tracker is not None:
            tracker.__exit__(None, None, None)
    return refused


def open_tracker(path: Path, *, native: bool) -> tuple[Any, str | None]:
    """A memray tracker, already running; or ``None`` and why."""
    refused = memray_missing()
    if refused:
        return None, refused
    import memray

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        tracker = memray.Tracker(
            path,
            native_traces=native,
            trace_python_allocators=True,
            file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
        )
        tracker.__enter__()
    except RuntimeError as error:
        return None, f"memray could not start; another tracker may have this process: {error}"
    except OSError as error:
        return None, f"memray could not write its capture: {error}"
    return tracker, None


class FullTrace:
    """memray and tracemalloc around one test (``--leakcheck-depth=full``).

    memray's tracker is opened first and closed last, so that the two allocator hooks nest.
    """

    def __init__(self, folder: Path, frames: int, root: str) -> None:
        self._folder = folder
        self._python = PythonTrace(frames, root)
        self._tracker: Any = None
        self._path: Path | None = None
        self.refused: str | None = None

    def start(self, name: str, taken: str | None = None) -> None:
        """Begin.

        Args:
            name: of the capture file.
            taken: who else has the process's memray tracker; then there is none of ours.
        """
        self._path = self._folder / f"{name}.bin"
        if taken is None:
            self._tracker, self.refused = open_tracker(self._path, native=False)
        else:
            self._tracker, self.refused = None, taken
        if taken is None or "leaked_objects" not in taken:  # memray's object tracking is alone
            self._python.start()

    def stop(self) -> tuple[tuple[int, int, list[Site]] | None, Path | None, str | None]:
        """End both.

        Returns:
            What tracemalloc saw, memray's capture file, and what was refused.
        """
        traced = self._python.stop()
        capture: Path | None = None
        if self._tracker is not None:
            self._tracker.__exit__(None, None, None)
            self._tracker = None
            capture = self._path
        refused = "; ".join(filter(None, (self.refused, self._python.refused))) or None
        return traced, capture, refused
