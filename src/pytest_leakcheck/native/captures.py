"""Read memray's captures after a run, in a process of its own: ``python -m …captures RUN ROOT``.

For each capture: where the memory that stayed was allocated, with native frames. Captures of tests
that are no candidates are deleted; the worst candidates' get an offline flame graph.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import memray

from pytest_leakcheck.model.causes import Site
from pytest_leakcheck.model.journal_lines import CompiledCall
from pytest_leakcheck.native.allocations import MACHINERY, short_path, source_line
from pytest_leakcheck.native.attribution import UNKNOWN, Frame, author_of, is_evaluation
from pytest_leakcheck.native.compiled import is_standard
from pytest_leakcheck.native.symbols import Addresses

_MOST_SITES = 8
_MOST_FRAMES = 16
MOST_READ = 24

_MOST_RECORDS = 400
_MOST_NATIVE = 40

_PYTHON = frozenset(kind for kind in memray.AllocatorType if kind.name.startswith("PYMALLOC"))
_UNNAMED = "compiled code without a name"


class _Place(NamedTuple):
    """Who answers for allocations: what a site tells, without sizes."""

    file: str
    line: int
    function: str
    native: bool
    library: str


class _Found(NamedTuple):
    size: int
    allocations: int
    caller: str
    stack: list[str]


def read_capture(
    path: Path, runs: int, root: str, calls: Sequence[CompiledCall] = ()
) -> list[Site]:
    """Where memory was allocated that stayed, largest first.

    Args:
        runs: how many runs of the test the capture covers; sizes are per run.
        root: the project's folder, cut from paths.
        calls: what the test was seen to call, for names where symbols are missing.
    """
    reader = memray.FileReader(path)
    addresses = Addresses.of(path) if reader.metadata.has_native_traces else Addresses()
    by_place: dict[_Place, list[_Found]] = defaultdict(list)
    # Reading a stack resolves symbols: the small ones after so many would not be shown.
    records = sorted(reader.get_leaked_allocation_records(merge_threads=True), key=_smallest_last)
    for record in records[:_MOST_RECORDS]:
        frames = read_frames(record, addresses)
        if record.n_allocations < runs or is_nobodys(frames):
            continue
        place, caller, stack = place_of(frames, record.allocator in _PYTHON, root, calls)
        by_place[place].append(_Found(record.size, record.n_allocations, caller, stack))
    sites = [_site(place, found, runs, root) for place, found in by_place.items()]
    sites.sort(key=lambda site: (-site.bytes, site.file, site.line, site.function))
    return sites[:_MOST_SITES]


def _smallest_last(record: Any) -> tuple[int, int]:
    return -record.size, record.stack_id


def read_frames(record: Any, addresses: Addresses) -> list[Frame]:
    """The frames of an allocation, innermost first, each native one with its shared object."""
    try:
        mixed = record.hybrid_stack_trace()
    except NotImplementedError:
        return [Frame(*found) for found in record.stack_trace()]
    natives = _natives(record, addresses)
    frames: list[Frame] = []
    at = 0
    for found in mixed:
        # A frame of Python stands in the place of the interpreter's loop, or beside it.
        if at < len(natives) and natives[at][:3] == tuple(found):
            frames.append(natives[at])
            at += 1
            continue
        frames.append(Frame(*found))
        if at < len(natives) and is_evaluation(natives[at].function):
            at += 1
    return frames


def _natives(record: Any, addresses: Addresses) -> list[Frame]:
    """The native frames with their shared objects. One address may be several inlined functions."""
    libraries = addresses.libraries(record.native_stack_id, record.native_segment_generation)
    objects: list[str] = []
    for depth, library in enumerate(libraries[:_MOST_NATIVE], start=1):
        reached = len(record.native_stack_trace(max_stacks=depth))
        objects += [library or UNKNOWN] * (reached - len(objects))
    named = record.native_stack_trace()
    objects += [UNKNOWN] * (len(named) - len(objects))
    return [
        Frame(function, file, line, library)
        for (function, file, line), library in zip(named, objects, strict=False)
    ]


def is_nobodys(frames: Sequence[Frame]) -> bool:
    """Whether an allocation is pytest's or the harness's, or a line table that profiling asks
    for.

    What a thread of compiled code allocates has no Python frame: it is its library's.
    """
    if any(frame.function == "_PyCode_CreateLineArray" for frame in frames[:2]):
        return True
    if not any(frame.is_python for frame in frames):
        return not any(frame.library not in ("", UNKNOWN) for frame in frames)
    called = (f.file for f in frames if f.is_python and not is_standard(f.file))
    first = next(called, "")
    return not first or any(part in first for part in MACHINERY)


def place_of(
    frames: Sequence[Frame], python_object: bool, root: str, calls: Sequence[CompiledCall]
) -> tuple[_Place, str, list[str]]:
    """Who answers for an allocation, the Python function that called it, and the stack."""
    author = author_of(frames, python_object=python_object)
    told = [f for f in frames if not any(part in f.file for part in MACHINERY)]
    stack = [_told(frame, root) for frame in told[:_MOST_FRAMES]]
    library = short_path(author.library, root)
    frame, caller = author.frame, author.caller
    if frame is None:
        return _Place("?", 0, _UNNAMED, True, ""), "", stack
    if frame.is_python:
        where = short_path(frame.file, root)
        return _Place(where, frame.line, author.function, False, library), "", stack
    calling = "" if caller is None else f"{caller.function} ({short_path(caller.file, root)})"
    function = author.function
    if not function and caller is not None:
        function = _called(calls, short_path(caller.file, root), caller.line, library)
    source = frame.file not in (UNKNOWN, "")
    where = short_path(frame.file, root) if source else library
    place = _Place(where, frame.line if source else 0, function, True, library)
    return place, calling, stack


def _called(calls: Sequence[CompiledCall], file: str, line: int, library: str) -> str:
    """The one function of a library that a line was seen to call; empty for none or several."""
    names = {
        call.name
        for call in calls
        if call.file == file and call.line == line and call.library in ("", library)
    }
    return names.pop() if len(names) == 1 else ""


def _told(frame: Frame, root: str) -> str:
    if frame.library and frame.file == UNKNOWN:
        name = "no name" if frame.function == UNKNOWN else frame.function
        return f"{name} ({short_path(frame.library, root)})"
    return f"{frame.function} ({short_path(frame.file, root)}:{frame.line})"


def _site(place: _Place, found: list[_Found], runs: int, root: str) -> Site:
    largest = max(found, key=lambda entry: entry.size)
    return Site(
        file=place.file,
        line=place.line,
        function=place.function,
        bytes=round(sum(entry.size for entry in found) / runs),
        blocks=round(sum(entry.allocations for entry in found) / runs),
        source="" if place.native else source_line(str(Path(root) / place.file), place.line),
        native=place.native,
        library=place.library,
        caller=largest.caller,
        stack=largest.stack,
    )


def flame_graph(capture: Path, output: Path) -> bool:
    """Write an offline page of what a capture says stayed. Whether it worked."""
    output.unlink(missing_ok=True)
    words = ["flamegraph", "--leaks", "--no-web", "-f", "-o", str(output), str(capture)]
    done = subprocess.run(
        [sys.executable, "-m", "memray", *words], capture_output=True, check=False
    )
    return done.returncode == 0 and output.exists()
