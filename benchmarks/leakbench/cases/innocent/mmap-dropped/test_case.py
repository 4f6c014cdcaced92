"""An anonymous map is given back when its object dies."""

import mmap


def test_map():
    area = mmap.mmap(-1, 1_000_000)
    area.write(b"x" * 1_000_000)
