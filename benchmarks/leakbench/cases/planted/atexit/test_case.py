"""atexit.register on each run."""

import atexit


class Session:
    def __init__(self):
        self.big = bytearray(100_000)
        atexit.register(self.close)

    def close(self):
        return self.big


def test_leak():
    Session()
