"""A cache that drops half of its 128 entries when it is full."""

import itertools

NUMBERS = itertools.count()
CACHE = {}


def test_ok():
    CACHE[next(NUMBERS)] = ["entry"]
    if len(CACHE) > 128:
        for key in list(CACHE)[:64]:
            del CACHE[key]
