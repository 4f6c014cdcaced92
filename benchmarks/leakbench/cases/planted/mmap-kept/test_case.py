"""mmap objects that are never closed."""

import mmap

KEEP = []


def test_leak():
    pages = mmap.mmap(-1, 1_000_000)
    pages.write(b"x" * 1_000_000)
    KEEP.append(pages)
