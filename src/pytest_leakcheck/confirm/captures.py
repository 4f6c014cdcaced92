"""After the confirmation: read the memray captures that explain a cause, in other processes."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import msgspec

from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.model.journal_lines import CaptureRecord
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.native.allocations import capture_name
from pytest_leakcheck.native.captures import MOST_READ, flame_graph, read_capture
from pytest_leakcheck.store.journal import Journal
from pytest_leakcheck.store.reader import load_run

_MOST_FLAMEGRAPHS = 5


def read_all(folder: Path, root: str) -> None:
    """Read what explains a run's causes and write what it says to the run's journal."""
    run = load_run(folder)
    judged = judge_run(run)
    journal = Journal(folder, "captures")
    wanted = [
        (record, alike, folder / record.capture) for record, alike in _worth_reading(run, judged)
    ]
    # Each is drawn by a process of memray's own: as many at a time as there are cores.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        pages = [
            pool.submit(flame_graph, path, path.with_suffix(".html"))
            for _, _, path in wanted[:_MOST_FLAMEGRAPHS]
        ]
        for (record, alike, path), page in zip_longest(wanted, pages):
            try:
                watched = run.watched.get(record.nodeid)
                sites = read_capture(path, record.runs, root, watched.calls if watched else ())
            except OSError:
                continue  # cut off with its process: there is nothing to read
            shown = page is not None and page.result()
            flame = f"captures/{path.with_suffix('.html').name}" if shown else None
            read = msgspec.structs.replace(record, sites=sites, flamegraph=flame)
            journal.append(read)
            for nodeid in alike:
                journal.append(msgspec.structs.replace(read, nodeid=nodeid))
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


def _worth_reading(run: Run, judged: JudgedRun) -> list[tuple[CaptureRecord, list[str]]]:
    """One capture for each cause, and those of growing tests that have none; the worst first.

    Reading resolves symbols and takes seconds each, and one witness tells what the others would:
    those of a native cause, which a capture may name better, come with it.
    """
    wanted = [summary.witnesses for summary in judged.causes]
    native = {
        nodeid
        for summary in judged.causes
        if summary.cause.kind == "native"
        for nodeid in summary.witnesses
    }
    wanted += [
        [test.nodeid]
        for test in judged.tests
        if test.verdict in ("leak", "unconfirmed") and not test.fingerprints
    ]
    found: dict[str, tuple[CaptureRecord, list[str]]] = {}
    for nodeids in wanted:
        records = (_record(run, nodeid) for nodeid in nodeids)
        first = next((record for record in records if record is not None), None)
        if first is not None:
            alike = [n for n in nodeids if n in native and n != first.nodeid]
            found.setdefault(first.nodeid, (first, alike))
    return list(found.values())[:MOST_READ]


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
