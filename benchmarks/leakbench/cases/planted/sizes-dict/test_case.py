"""A cache without a limit: a new key on each run."""

import itertools

CACHE = {}
NUMBERS = itertools.count()


def test_leak(size):
    CACHE[f"key {next(NUMBERS)}"] = "v" * (size - 49)
