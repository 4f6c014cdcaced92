"""A tracemalloc snapshot before and after each test, compared line by line."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from rivals.answers import answer

THRESHOLD = 64 * 1024
FILTERS = (
    tracemalloc.Filter(False, tracemalloc.__file__),
    tracemalloc.Filter(False, __file__),
    tracemalloc.Filter(False, "<frozen importlib._bootstrap>"),
    tracemalloc.Filter(False, "<frozen importlib._bootstrap_external>"),
)


def pytest_configure() -> None:
    """Trace the whole session."""
    tracemalloc.start()


@pytest.fixture(autouse=True)
def _memory(request: pytest.FixtureRequest) -> Iterator[None]:
    gc.collect()
    before = tracemalloc.take_snapshot().filter_traces(FILTERS)
    yield
    gc.collect()
    after = tracemalloc.take_snapshot().filter_traces(FILTERS)
    grown = sum(line.size_diff for line in after.compare_to(before, "lineno"))
    answer(request.node.nodeid, grown, grown > THRESHOLD)
