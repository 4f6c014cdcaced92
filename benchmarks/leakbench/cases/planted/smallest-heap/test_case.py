"""The smallest piece that malloc hands out."""

import ctypes

malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


def test_leak():
    assert malloc(24)
