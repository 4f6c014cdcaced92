"""objgraph.growth() before and after each test: new objects of any type."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import objgraph
import pytest
from rivals.answers import answer

PEAKS: dict[str, int] = {}


@pytest.fixture(autouse=True)
def _objects(request: pytest.FixtureRequest) -> Iterator[None]:
    gc.collect()
    objgraph.growth(limit=1000, peak_stats=PEAKS)
    yield
    gc.collect()
    grown = sum(more for _, _, more in objgraph.growth(limit=1000, peak_stats=PEAKS))
    answer(request.node.nodeid, grown, grown > 0)
