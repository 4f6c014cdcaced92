"""A cache that adds 43 objects a run for 293 runs, then none: no short look can tell it from a
leak.
"""

import itertools

LIMIT = 293
cache: dict[int, list[list[int]]] = {}
numbers = itertools.count()


def test_lookup():
    key = next(numbers) % LIMIT
    if key not in cache:
        cache[key] = [[n] for n in range(42)]
    assert len(cache[key]) == 42
