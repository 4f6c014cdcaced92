"""Resident memory before and after each test, as projects write it in their conftest."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import psutil
import pytest
from rivals.answers import answer

THRESHOLD = 1024 * 1024
PROCESS = psutil.Process()


@pytest.fixture(autouse=True)
def _memory(request: pytest.FixtureRequest) -> Iterator[None]:
    gc.collect()
    before = PROCESS.memory_info().rss
    yield
    gc.collect()
    grown = PROCESS.memory_info().rss - before
    answer(request.node.nodeid, grown, grown > THRESHOLD)
