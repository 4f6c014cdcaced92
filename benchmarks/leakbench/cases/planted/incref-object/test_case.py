"""A missing Py_DECREF on a tracked object."""

import ctypes


class Session:
    def __init__(self):
        self.big = bytearray(100_000)


def test_leak():
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(Session()))
