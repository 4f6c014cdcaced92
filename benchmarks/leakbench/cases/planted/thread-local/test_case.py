"""A request-local list that no request ends."""

import threading

LOCAL = threading.local()
LOCAL.items = []


def test_leak():
    LOCAL.items.append({"payload": bytearray(100_000)})
