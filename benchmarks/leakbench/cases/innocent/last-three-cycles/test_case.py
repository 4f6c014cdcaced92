"""The last three results are kept, each a cycle, and older ones dropped."""

import time
from typing import Any

quick: list[Any] = []
slow: list[Any] = []


def keep(results: list[Any]) -> None:
    result: list[Any] = [bytearray(20_000)]
    result.append(result)
    results.append(result)
    del results[:-3]


def test_quick():
    keep(quick)


def test_slow():
    time.sleep(0.12)
    keep(slow)
