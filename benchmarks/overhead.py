"""What the sweep costs: CPU and wall time of plain pytest against ``--leakcheck``, in one run.

    python benchmarks/overhead.py                  trivial tests, on a bare heap and a large one
    python benchmarks/overhead.py --subject        the retrieval project too (a few minutes)

Rounds are interleaved, so that other load on the machine meets both sides; figures are medians, and
ratios of medians of the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUBJECT = ROOT / "benchmarks" / "rag_project"
WAYS = {
    "plain pytest": (),
    "sweep": ("--leakcheck", "--leakcheck-depth=sweep", "--leakcheck-label=bench"),
}


@dataclass
class Suite:
    """Something to run pytest on."""

    name: str
    folder: Path
    words: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def trivial(folder: Path, tests: int, objects: int) -> Suite:
    """A suite of tests that do nothing, on a heap of so many objects."""
    folder.mkdir()
    (folder / "test_trivial.py").write_text(
        f"import pytest\nheap = [[] for _ in range({objects})]\n"
        f"@pytest.mark.parametrize('n', range({tests}))\ndef test_nothing(n): pass\n"
    )
    return Suite(f"{tests:,} trivial tests, {objects:,} more objects", folder)


def run_once(suite: Suite, words: tuple[str, ...]) -> tuple[float, float]:
    """CPU and wall seconds of one run."""
    environment = {**os.environ, **suite.environment}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, *suite.words]
    used, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, cwd=suite.folder, env=environment, capture_output=True, check=False
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout.decode()[-2000:] + f"\n{suite.name}: pytest failed")
    return after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime, wall


def measure(suite: Suite, rounds: int) -> None:
    """Print one suite's table."""
    cpu: dict[str, list[float]] = {way: [] for way in WAYS}
    wall: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, words in WAYS.items():
            used, passed = run_once(suite, words)
            cpu[way].append(used)
            wall[way].append(passed)
    plain_cpu, plain_wall = (statistics.median(t["plain pytest"]) for t in (cpu, wall))
    print(f"\n{suite.name} ({rounds} rounds)\n")
    print("| way | CPU s (min to max) | CPU ratio | wall ratio |\n|---|---:|---:|---:|")
    for way in WAYS:
        middle = statistics.median(cpu[way])
        print(
            f"| {way} | {middle:.2f} ({min(cpu[way]):.2f} to {max(cpu[way]):.2f}) "
            f"| {middle / plain_cpu:.2f} | {statistics.median(wall[way]) / plain_wall:.2f} |",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subject", action="store_true", help="the retrieval project too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--objects", type=int, default=1_000_000, help="of the large heap")
    options = parser.parse_args()
    print(f"CPython {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, objects in (("bare", 0), ("large", options.objects)):
            measure(trivial(folder / label, 2000, objects), options.rounds)
        if options.subject:
            subject = Suite(
                "the retrieval project, 2,111 tests, state after",
                SUBJECT,
                environment={"RAG_STATE": "after"},
            )
            measure(subject, options.rounds)


if __name__ == "__main__":
    main()
