"""A missing Py_DECREF on a small untracked object."""

import ctypes


def test_leak():
    value = bytes(bytearray(31))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
