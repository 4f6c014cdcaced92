"""A cache of 64 entries, an entry with weak values, and a descriptor that stays open."""

import functools
import itertools
import os
import weakref

NUMBERS = itertools.count()
BY_NUMBER = weakref.WeakValueDictionary()
OPEN = []


class Thing:
    pass


@functools.lru_cache(64)
def make(number):
    return Thing()


def test_leak():
    number = next(NUMBERS)
    BY_NUMBER[number] = make(number)
    OPEN.append(os.dup(1))
