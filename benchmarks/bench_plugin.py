"""A pytest plugin of the benchmarks: a large heap, and what rival ways do around every test.

Chosen by environment variables, so that plain pytest runs with the same plugin and does nothing in
it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import tracemalloc
from collections.abc import Generator
from pathlib import Path

import pytest

HEAP: list[list[None]] = []
WAY = os.environ.get("BENCH_WAY", "")
#: Where growth is looked at, and the file that it goes to.
MARKS = tuple(map(int, filter(None, os.environ.get("BENCH_MARKS", "").split(","))))
OUT = os.environ.get("BENCH_OUT", "")


def pytest_configure(config: pytest.Config) -> None:
    """Make the heap; start what a way needs."""
    HEAP.extend([] for _ in range(int(os.environ.get("BENCH_OBJECTS", "0"))))
    if WAY == "tracemalloc":
        tracemalloc.start()
    config.pluginmanager.register(_Growth(config) if MARKS else _Loop())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-memray's own leak limit on every test."""
    if WAY == "limit_leaks":
        for item in items:
            item.add_marker(pytest.mark.limit_leaks("1 GB"))


if WAY in ("tracemalloc", "objgraph", "gc"):

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
        """Look after each test, in the way that is measured."""
        result = yield
        if WAY == "gc":
            gc.collect()
        elif WAY == "tracemalloc":
            _compare_snapshots()
        else:
            import objgraph

            objgraph.growth(limit=10, peak_stats=_PEAK)
        return result


class _Loop:
    """Tells what one test takes of the CPU, without what starting and ending takes."""

    def __init__(self) -> None:
        self.seen = self.first = 0
        self.start_s = self.end_s = 0.0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leave a tenth out, in which everything is new."""
        self.first = len(session.items) // 10

    def pytest_runtest_logstart(self) -> None:
        """One more begins."""
        if self.seen == self.first:
            self.start_s = time.process_time()
        self.seen += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """The last one has ended."""
        self.end_s = time.process_time()

    def pytest_unconfigure(self) -> None:
        """As a line of its own."""
        if self.seen > self.first:
            each = 1000 * (self.end_s - self.start_s) / (self.seen - self.first)
            print(f"\none test: {each:.4f} ms")


_PEAK: dict[str, int] = {}
_LAST: list[tracemalloc.Snapshot] = []


def _compare_snapshots() -> None:
    now = tracemalloc.take_snapshot()
    if _LAST:
        now.compare_to(_LAST.pop(), "lineno")
    _LAST.append(now)


class _Growth:
    """What the process holds after so many tests, in the process that runs this plugin."""

    def __init__(self, config: pytest.Config) -> None:
        self.worker = hasattr(config, "workerinput")
        self.parallel = bool(getattr(config.option, "numprocesses", 0))
        self.seen = 0
        self.readings: list[dict[str, int]] = []

    def pytest_runtest_logfinish(self) -> None:
        """Read the signals after the tests whose numbers are asked for."""
        self.seen += 1
        if self.seen in MARKS and not self.worker:
            self.readings.append(_reading(self.seen))

    def pytest_unconfigure(self) -> None:
        """Write what was read."""
        if OUT and not self.worker:
            Path(OUT).write_text(json.dumps(self.readings))


def _reading(tests: int) -> dict[str, int]:
    gc.collect()
    gc.collect()
    statm = Path("/proc/self/statm").read_text().split()
    return {
        "tests": tests,
        "blocks": sys.getallocatedblocks(),
        "rss_bytes": int(statm[1]) * os.sysconf("SC_PAGE_SIZE"),
    }
