"""A rare leak."""

import itertools

KEEP = []
RUNS = itertools.count(1)


def test_leak():
    if next(RUNS) % 10 == 0:
        KEEP.append({"payload": bytearray(100_000)})
