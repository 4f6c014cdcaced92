"""A pool of 12 fills on the way; one object stays on each run."""

import itertools

RUNS, POOL, KEPT = itertools.count(), [], []


class Thing:
    pass


def test_leak():
    if next(RUNS) % 4 == 0 and len(POOL) < 12:
        POOL.append([Thing() for _ in range(200)])
    KEPT.append(Thing())
