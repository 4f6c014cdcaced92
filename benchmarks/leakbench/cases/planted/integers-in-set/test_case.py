"""A set of numbers seen, never emptied."""

import itertools

SEEN = set()
NUMBERS = itertools.count(10**12)


def test_leak():
    for _ in range(1000):
        SEEN.add(next(NUMBERS))
