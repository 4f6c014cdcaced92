"""A closure in a list of callbacks."""

CALLBACKS = []


def test_leak():
    big = bytearray(100_000)
    CALLBACKS.append(lambda: len(big))
