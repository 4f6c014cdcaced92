"""An object on every third run."""

import itertools

RUNS, KEPT = itertools.count(), []


class Thing:
    pass


def test_leak():
    for _ in range(1 + (next(RUNS) % 3 == 0)):
        pass
    if next(RUNS) % 3 == 0:
        KEPT.append([Thing() for _ in range(40)])
