"""mmap without munmap, past Python and malloc."""

import ctypes

LIBC = ctypes.CDLL(None)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]


def test_leak():
    ctypes.memset(LIBC.mmap(None, 1_000_000, 3, 0x22, -1, 0), 1, 1_000_000)
