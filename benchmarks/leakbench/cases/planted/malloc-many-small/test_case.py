"""Many small mallocs."""

import ctypes

LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]


def test_leak():
    for _ in range(1000):
        LIBC.malloc(100)
