"""Objects with thirty attributes, each a number of its own."""

import itertools

NUMBERS = itertools.count(10**6)
KEPT = []


class Row:
    def __init__(self):
        for name in range(30):
            setattr(self, f"column_{name}", next(NUMBERS))


def test_leak():
    KEPT.append([Row() for _ in range(50)])
