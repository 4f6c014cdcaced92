"""A history without a maxlen."""

import collections

HISTORY = collections.deque()


def test_leak():
    HISTORY.append({"payload": bytearray(100_000)})
