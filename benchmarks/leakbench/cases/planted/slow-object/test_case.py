"""A test of 150 ms that keeps one object."""

import time

KEPT = []


class Thing:
    pass


def test_leak():
    time.sleep(0.15)
    KEPT.append(Thing())
