"""singledispatch keeps every class that was registered."""

import functools


@functools.singledispatch
def serialise(value):
    return 1


def test_leak():
    class Made:
        big = bytearray(100_000)

    serialise.register(Made, lambda value: 2)
