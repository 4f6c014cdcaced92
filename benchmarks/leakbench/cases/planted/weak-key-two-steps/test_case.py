"""A value in a table with weak keys leads to its key by way of another object."""

import weakref

TABLE = weakref.WeakKeyDictionary()


class Key:
    pass


class View:
    def __init__(self, key):
        self.parts = {"of": key}


def test_leak():
    key = Key()
    TABLE[key] = View(key)
