"""Five megabytes and 500 objects that come once, at the 150th run."""

import itertools

RUNS, ONCE = itertools.count(), []


class Thing:
    pass


def test_ok():
    if next(RUNS) == 150:
        ONCE.extend([bytearray(5_000_000), [Thing() for _ in range(500)]])
