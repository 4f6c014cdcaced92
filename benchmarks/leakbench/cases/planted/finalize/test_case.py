"""A finaliser that can never run: it holds what it waits for."""

import weakref


class Resource:
    pass


def test_leak():
    resource = Resource()
    resource.big = bytearray(100_000)
    weakref.finalize(resource, print, resource)
