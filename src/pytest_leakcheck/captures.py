"""Read memray's captures after a run, in a process of its own: ``python -m …captures RUN ROOT``.

For each capture: where the memory that stayed was allocated, with native frames. Captures of tests
that are no suspects are deleted; the worst suspects' get an offline flame graph.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import memray
import msgspec

from pytest_leakcheck.journal import Journal, Run, load_run
from pytest_leakcheck.judge.runs import judge_run
from pytest_leakcheck.measure.allocations import capture_name, short_path
from pytest_leakcheck.records import CaptureRecord, JudgedRun, Site

_MOST_SITES = 5
_MOST_FRAMES = 12
_MOST_FLAMEGRAPHS = 5
_MOST_READ = 24

#: The harness's and pytest's frames say nothing about who allocated.
_MACHINERY = ("/pytest_leakcheck/", "/_pytest/", "/pluggy/", "runpy.py")


def read_capture(path: Path, runs: int, root: str) -> list[Site]:
    """Where memory was allocated that stayed, largest first.

    Args:
        runs: how many runs of the test the capture covers; sizes are per run.
        root: the project's folder, cut from paths.
    """
    reader = memray.FileReader(path)
    by_place: dict[tuple[str, str, int], list[tuple[int, int, list[Any]]]] = defaultdict(list)
    for record in reader.get_leaked_allocation_records(merge_threads=True):
        try:
            frames = list(record.hybrid_stack_trace(max_stacks=_MOST_FRAMES))
        except NotImplementedError:
            frames = list(record.stack_trace(max_stacks=_MOST_FRAMES))
        if _is_tracings_own(frames):
            continue
        by_place[_place(frames, root)].append((record.size, record.n_allocations, frames))
    sites = [_site(place, found, runs, root) for place, found in by_place.items()]
    sites.sort(key=lambda site: (-site.bytes, site.file, site.line, site.function))
    return sites[:_MOST_SITES]


def _is_tracings_own(frames: list[Any]) -> bool:
    """Whether an allocation is the harness's, or the line tables that profiling asks for."""
    return any(
        "/pytest_leakcheck/" in file or function == "_PyCode_CreateLineArray"
        for function, file, _ in frames[:2]
    )


def _place(frames: list[Any], root: str) -> tuple[str, str, int]:
    """The innermost frame with a name that is not an allocator's own."""
    for function, file, line in frames:
        if function and "<unknown>" not in function and not _is_allocator(function):
            return function, short_path(file, root), line
    return _UNNAMED


#: Compiled code whose symbols were stripped: nothing tells its functions apart.
_UNNAMED = ("compiled code without symbol names", "?", 0)


def _is_allocator(function: str) -> bool:
    return function.startswith(
        (
            "__rust_alloc",
            "__rdl_",
            "alloc::",
            "operator new",
            "malloc",
            "PyMem",
            "PyObject_Malloc",
            "_PyObject_Malloc",
        )
    )


def _site(
    place: tuple[str, str, int], found: list[tuple[int, int, list[Any]]], runs: int, root: str
) -> Site:
    _, _, frames = max(found, key=lambda entry: entry[0])
    told = [f for f in frames if not any(part in f[1] for part in _MACHINERY)]
    function, file, line = place
    return Site(
        file=file,
        line=line,
        function=function,
        bytes=round(sum(size for size, _, _ in found) / runs),
        blocks=round(sum(count for _, count, _ in found) / runs),
        native=not file.endswith((".py", ">")),
        stack=[f"{name} ({short_path(where, root)}:{number})" for name, where, number in told],
    )


def flame_graph(capture: Path, output: Path) -> bool:
    """Write an offline page of what a capture says stayed. Whether it worked."""
    output.unlink(missing_ok=True)
    words = ["flamegraph", "--leaks", "--no-web", "-f", "-o", str(output), str(capture)]
    done = subprocess.run(
        [sys.executable, "-m", "memray", *words], capture_output=True, check=False
    )
    return done.returncode == 0 and output.exists()


def read_all(folder: Path, root: str) -> None:
    """Read what explains a run's causes and write what it says to the run's journal."""
    run = load_run(folder)
    judged = judge_run(run)
    journal = Journal(folder, "captures")
    drawn = 0
    for record in _worth_reading(run, judged):
        path = folder / record.capture
        try:
            sites = read_capture(path, record.runs, root)
        except OSError:
            continue  # cut off with its process: there is nothing to read
        flame = path.with_suffix(".html")
        shown = drawn < _MOST_FLAMEGRAPHS and flame_graph(path, flame)
        drawn += shown
        journal.append(
            msgspec.structs.replace(
                record, sites=sites, flamegraph=f"captures/{flame.name}" if shown else None
            )
        )
    journal.close()
    leaking = {t.nodeid for t in judged.tests if t.verdict in ("leak", "held", "unconfirmed")}
    kept = {path for nodeid in leaking for path in _captures_of(folder, nodeid)}
    for path in (folder / "captures").glob("*.bin"):
        if path not in kept:
            path.unlink()


def _captures_of(folder: Path, nodeid: str) -> list[Path]:
    """A test's capture at full depth, and that of its repeats with native stacks."""
    name = folder / "captures" / capture_name(nodeid)
    return [name.with_name(f"{name.name}.bin"), name.with_name(f"{name.name}.native.bin")]


def _worth_reading(run: Run, judged: JudgedRun) -> list[CaptureRecord]:
    """One capture for each cause, and those of growing tests that have none; the worst first.

    Reading resolves symbols and takes seconds each, and one witness tells what the others would.
    """
    wanted = [summary.witnesses for summary in judged.causes]
    wanted += [
        [test.nodeid]
        for test in judged.tests
        if test.verdict in ("leak", "unconfirmed") and not test.fingerprints
    ]
    found: dict[str, CaptureRecord] = {}
    for nodeids in wanted:
        records = (_record(run, nodeid) for nodeid in nodeids)
        first = next((record for record in records if record is not None), None)
        if first is not None:
            found.setdefault(first.nodeid, first)
    return list(found.values())[:_MOST_READ]


def _record(run: Run, nodeid: str) -> CaptureRecord | None:
    for record in reversed(run.captures.get(nodeid, [])):
        if (run.folder / record.capture).exists():
            return record
    plain, _ = _captures_of(run.folder, nodeid)
    return (
        CaptureRecord(nodeid=nodeid, capture=f"captures/{plain.name}") if plain.exists() else None
    )


if __name__ == "__main__":
    read_all(Path(sys.argv[1]), sys.argv[2])
