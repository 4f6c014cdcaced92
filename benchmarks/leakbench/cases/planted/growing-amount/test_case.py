"""A quadratic leak."""

import itertools

KEEP = []
RUNS = itertools.count(1)


def test_leak():
    KEEP.append([bytearray(1000) for _ in range(next(RUNS))])
