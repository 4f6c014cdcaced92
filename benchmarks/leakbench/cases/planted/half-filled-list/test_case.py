"""A list with one field filled of five, lost by compiled code."""

import ctypes

api = ctypes.pythonapi
api.PyList_New.restype, api.PyList_New.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
api.PyList_SetItem.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.py_object]


class Thing:
    pass


def test_leak():
    made = api.PyList_New(5)
    thing = Thing()
    api.Py_IncRef(ctypes.py_object(thing))
    api.PyList_SetItem(made, 3, thing)
