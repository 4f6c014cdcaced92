"""A generator that is never finished nor dropped."""

STREAMS = []


def stream():
    big = bytearray(100_000)
    yield len(big)
    yield big


def test_leak():
    started = stream()
    next(started)
    STREAMS.append(started)
