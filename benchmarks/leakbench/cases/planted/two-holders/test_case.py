"""A cache of 30 keeps what a list without end keeps, too."""

import collections
import itertools

NUMBERS = itertools.count()
RECENT = collections.OrderedDict()
ALL = []


class Order:
    def __init__(self):
        self.data = bytearray(10_000)


def test_leak():
    order = RECENT[next(NUMBERS)] = Order()
    while len(RECENT) > 30:
        RECENT.popitem(last=False)
    ALL.append({"order": order})
