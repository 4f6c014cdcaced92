"""A table whose keys are 50 KB each."""

import itertools

NUMBERS = itertools.count()
TABLE = {}


def test_leak():
    TABLE["k" * 50_000 + str(next(NUMBERS))] = []
