"""A gc-tracked object of a known size stays on each run."""

KEEP = []


def test_leak(size):
    KEEP.append([None] * ((size - 56) // 8))
