"""A missing Py_DECREF on an untracked object."""

import ctypes


def test_leak():
    value = bytes(bytearray(100_000))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
