"""A test of 120 ms whose list is emptied every five runs."""

import time

PENDING = []


class Thing:
    pass


def test_ok():
    time.sleep(0.12)
    PENDING.append(Thing())
    if len(PENDING) >= 5:
        PENDING.clear()
