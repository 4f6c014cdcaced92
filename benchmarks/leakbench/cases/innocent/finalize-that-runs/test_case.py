"""weakref.finalize keeps its call in a registry until the object dies: at once here."""

import weakref


class Resource:
    pass


def test_finalize():
    resource = Resource()
    resource.payload = bytearray(100_000)
    weakref.finalize(resource, print, end="")
