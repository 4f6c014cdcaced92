"""An lru_cache on a method keeps the last 128 instances, and no more."""

import functools


class Service:
    def __init__(self) -> None:
        self.payload = bytearray(100_000)

    @functools.lru_cache
    def successor(self, number: int) -> int:
        return number + 1


class SmallService:
    def __init__(self) -> None:
        self.payload = bytearray(50_000)

    @functools.lru_cache(maxsize=8)
    def size(self) -> int:
        return len(self.payload)


def test_128_instances():
    assert Service().successor(1) == 2


def test_8_instances():
    assert SmallService().size() == 50_000
