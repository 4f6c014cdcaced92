"""gc.callbacks grows."""

import gc


def test_leak():
    big = bytearray(100_000)
    gc.callbacks.append(lambda phase, info: len(big))
