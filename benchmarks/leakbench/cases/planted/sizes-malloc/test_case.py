"""malloc without free, called through ctypes."""

import ctypes

LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]


def test_leak(size):
    ctypes.memset(LIBC.malloc(size), 1, size)
