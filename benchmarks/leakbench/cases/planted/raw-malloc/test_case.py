"""PyMem_RawMalloc without a free."""

import ctypes

MALLOC = ctypes.pythonapi.PyMem_RawMalloc
MALLOC.restype = ctypes.c_void_p
MALLOC.argtypes = [ctypes.c_size_t]


def test_leak():
    ctypes.memset(MALLOC(100_000), 1, 100_000)
