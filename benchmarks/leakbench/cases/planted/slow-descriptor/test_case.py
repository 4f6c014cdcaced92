"""A test of 150 ms that leaves a pipe open."""

import os
import time

KEPT = []


def test_leak():
    time.sleep(0.15)
    KEPT.append(os.pipe())
