"""Interned names die with their last user; attributes made at run time intern theirs."""

import itertools
import sys

numbers = itertools.count()


class Bag:
    pass


def test_intern():
    names = [sys.intern(f"name-{next(numbers)}") for _ in range(50)]
    bag = Bag()
    for name in names:
        setattr(bag, name, 1)
    assert len(vars(bag)) == 50
