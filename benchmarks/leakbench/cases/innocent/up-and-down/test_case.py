"""Twenty objects come, one a run, and go again, one a run."""

import itertools

RUNS, STACK = itertools.count(), []


class Thing:
    pass


def test_ok():
    if next(RUNS) % 40 < 20:
        STACK.append(Thing())
    elif STACK:
        STACK.pop()
