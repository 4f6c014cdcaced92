"""patch().start() without stop."""

from unittest import mock


class Clock:
    pass


def test_leak():
    clock = Clock()
    clock.now = 1
    mock.patch.object(clock, "now", bytearray(100_000)).start()
