"""An untracked value of a known size stays on each run."""

KEEP = []


def test_leak(size):
    KEEP.append(bytes(bytearray(size - 33)))
