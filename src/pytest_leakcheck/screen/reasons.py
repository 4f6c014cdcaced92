"""Why a test may leak, in words: what it grew by beyond the floor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_leakcheck.model.journal_lines import TestRecord

if TYPE_CHECKING:
    from pytest_leakcheck.model.run import Span
    from pytest_leakcheck.screen.floor import Floor


def reasons(test: TestRecord, floor: Floor) -> list[str]:
    """Why a test of the sweep is a candidate, in words; empty when it is not."""
    growth = test.growth
    found: list[str] = []
    if growth.survivors:
        objects = "object survives" if growth.survivors == 1 else "objects survive"
        found.append(f"{growth.survivors} {objects} it")
    if growth.heap_bytes is not None and growth.heap_bytes - floor.heap_bytes > floor.heap_limit:
        found.append(f"the C heap grew by {growth.heap_bytes} bytes")
    blocks = (growth.blocks or 0) - floor.blocks_of(test)
    if growth.blocks is not None and blocks > floor.blocks_limit:
        found.append(f"{growth.blocks} Python blocks stay")
    for count, what in (
        (growth.fds, "file descriptors"),
        (growth.threads, "threads"),
        (growth.children, "child processes"),
    ):
        if count is not None and count > 0:
            found.append(f"{count} {what} stay")
    return found


def span_reasons(spans: Iterable[Span], floor: Floor) -> dict[str, list[str]]:
    """Node id → why a test is a candidate whose signals were not read after itself: together with
    its neighbours it grew beyond the floor."""
    found: dict[str, list[str]] = defaultdict(list)
    for span in spans:
        size = len(span.nodeids)
        of_heap = span.signal == "heap_bytes"
        least, limit = (
            (floor.heap_bytes, floor.heap_limit) if of_heap else (floor.blocks, floor.blocks_limit)
        )
        beyond = span.grown - size * least
        if beyond <= size * limit:  # the noise of each adds up
            continue
        grown = f"the C heap grew by {beyond:.0f} bytes" if of_heap else f"{beyond:.0f} blocks stay"
        for nodeid in span.nodeids:
            found[nodeid].append(f"over {size} tests, of which it is one, {grown}")
    return found
