"""A child that has ended and is never waited for."""

import os


def test_leak():
    if os.fork() == 0:
        os._exit(0)
