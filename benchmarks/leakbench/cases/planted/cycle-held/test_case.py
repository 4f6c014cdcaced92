"""A parent and its child refer to each other; the registry holds the child."""

import itertools

REGISTRY = {}
NUMBERS = itertools.count()


class Parent:
    def __init__(self):
        self.big = bytearray(100_000)
        self.child = Child(self)


class Child:
    def __init__(self, parent):
        self.parent = parent


def test_leak():
    REGISTRY[next(NUMBERS)] = Parent().child
