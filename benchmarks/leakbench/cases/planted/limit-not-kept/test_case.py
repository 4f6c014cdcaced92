"""An attribute called maxsize that nobody heeds."""

import itertools

NUMBERS = itertools.count()


class Thing:
    pass


class Store:
    def __init__(self):
        self.maxsize = 10
        self.items = {}


STORE = Store()


def test_leak():
    STORE.items[next(NUMBERS)] = Thing()
