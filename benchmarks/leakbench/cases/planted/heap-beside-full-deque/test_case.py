"""A deque of 40 objects is full; beside it compiled code loses 3,000 bytes."""

import collections
import ctypes

malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
LAST = collections.deque(maxlen=40)


class Thing:
    pass


def test_leak():
    LAST.append(Thing())
    assert malloc(3000)
