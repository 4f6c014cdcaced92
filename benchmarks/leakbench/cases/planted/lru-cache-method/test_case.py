"""functools.lru_cache on a method keeps self."""

import functools


class Service:
    def __init__(self):
        self.big = bytearray(100_000)

    @functools.lru_cache(maxsize=None)
    def compute(self, x):
        return x + 1


def test_leak():
    assert Service().compute(1) == 2
