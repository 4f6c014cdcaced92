"""A large cost on one run, and 256 bytes of C heap on each."""

import ctypes
import itertools

malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
RUNS, ONCE = itertools.count(), []


def test_leak():
    assert malloc(248)
    if next(RUNS) == 20:
        ONCE.append(bytearray(3_000_000))
