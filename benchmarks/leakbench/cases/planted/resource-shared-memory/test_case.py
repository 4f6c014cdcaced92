"""multiprocessing.shared_memory without close and unlink."""

from multiprocessing import shared_memory

KEEP = []


def test_leak():
    block = shared_memory.SharedMemory(create=True, size=1_000_000)
    block.buf[:] = b"x" * 1_000_000
    KEEP.append(block)
