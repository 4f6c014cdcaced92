"""Pieces of C heap that are given back every 77 runs."""

import ctypes

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
TAKEN = []


def test_ok():
    TAKEN.append(libc.malloc(1000))
    if len(TAKEN) >= 77:
        for piece in TAKEN:
            libc.free(piece)
        TAKEN.clear()
