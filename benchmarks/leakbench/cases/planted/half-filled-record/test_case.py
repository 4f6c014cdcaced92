"""A record of the interpreter that compiled code made and lost, with empty fields."""

import ctypes
import time

new = ctypes.pythonapi.PyStructSequence_New
new.restype, new.argtypes = ctypes.c_void_p, [ctypes.py_object]


def test_leak():
    assert new(time.struct_time)
