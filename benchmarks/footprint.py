"""What the plugin adds to a process by being there, and whether it leaks itself.

python benchmarks/footprint.py              10,000 empty tests
python benchmarks/footprint.py --quick      2,000 empty tests, without xdist
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from overhead import OURS, PLAIN, Way, trivial
from timing import Part, Row, keep, machine, pytest_command, row_of, run_child, tell

#: Prints CPU milliseconds, Python blocks, gc objects and RSS that an import adds.
_IMPORT = """
import gc, os, sys, time, pytest, _pytest.unraisableexception
def held():
    gc.collect()
    pages = int(open("/proc/self/statm").read().split()[1])
    return sys.getallocatedblocks(), len(gc.get_objects()), pages * os.sysconf("SC_PAGE_SIZE")
held()
before, start = held(), time.process_time()
import {module}
took = time.process_time() - start
print(1000 * took, *(b - a for a, b in zip(before, held())))
"""


def import_cost(module: str, rounds: int) -> list[list[float]]:
    """CPU milliseconds, blocks, gc objects and bytes of RSS, a list for each round."""
    command = [sys.executable, "-c", _IMPORT.format(module=module)]
    run_child(command, Path.cwd())  # the first one writes the bytecode
    found = []
    for _ in range(rounds):
        cost = run_child(command, Path.cwd())
        found.append([float(word) for word in cost.out.split()])
    return found


def import_rows(rounds: int) -> list[Row]:
    """What importing costs while the plugin does nothing, and when it measures."""
    rows = []
    for way, module in (
        ("inactive", "pytest_leakcheck.plugin"),
        ("active", "pytest_leakcheck.plugin, pytest_leakcheck.session"),
    ):
        costs = import_cost(module, rounds)
        for position, unit in enumerate(("CPU ms", "Python blocks", "gc objects", "RSS bytes")):
            rows.append(row_of("import", way, [cost[position] for cost in costs], unit))
    return rows


def growth_per_test(way: Way, tests: int, *words: str) -> dict[str, float]:
    """What the main process grows by, per empty test, between the 100th test and the last."""
    marks = (100, tests)
    with tempfile.TemporaryDirectory() as name:
        suite = trivial(Path(name), tests)
        out = Path(name) / "growth.json"
        extra = {"BENCH_MARKS": ",".join(map(str, marks)), "BENCH_OUT": str(out)}
        cost = run_child(pytest_command(*way.words, *words), suite.folder, extra)
        if not out.exists():
            raise RuntimeError(cost.out[-300:])
        first, last = json.loads(out.read_text())
    return {
        signal: (last[signal] - first[signal]) / (last["tests"] - first["tests"])
        for signal in ("blocks", "rss_bytes")
    }


def growth_rows(subject: str, tests: int, rounds: int, *words: str) -> list[Row]:
    """Growth per test with the plugin less that of plain pytest, and plain pytest's own."""
    plain = [growth_per_test(PLAIN, tests, *words) for _ in range(rounds)]
    ours = [growth_per_test(OURS, tests, *words) for _ in range(rounds)]
    rows = []
    for signal, unit in (("blocks", "Python blocks a test"), ("rss_bytes", "RSS bytes a test")):
        own = [growth[signal] for growth in plain]
        middle = statistics.median(own)
        rows.append(row_of(subject, PLAIN.name, own, unit))
        added = [growth[signal] - middle for growth in ours]
        rows.append(row_of(subject, "added by the sweep", added, unit))
    return rows


def measure(*, quick: bool) -> Part:
    """All rows."""
    part = Part("footprint")
    part.rows += import_rows(5 if quick else 11)
    tests = 2_000 if quick else 10_000
    part.rows += growth_rows(f"{tests:,} empty tests", tests, 1 if quick else 2)
    if not quick and find_spec("xdist"):
        words = ("-p", "xdist.plugin", "-n", "2")
        part.rows += growth_rows(f"controller, {tests:,} empty tests", tests, 1, *words)
    return part


def main(words: list[str] | None = None) -> Part:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer tests, without xdist")
    options = parser.parse_args(words)
    line = machine()
    part = measure(quick=options.quick)
    keep(part, line, words)
    tell(part.rows)
    return part


if __name__ == "__main__":
    main()
