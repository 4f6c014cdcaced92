"""CPython's cache of type attributes (4,096 entries) keeps names that were made at run time."""

import itertools

numbers = itertools.count()


class Visitor:
    def generic(self) -> int:
        return 1


def test_getattr():
    visitor = Visitor()
    for _ in range(10):
        assert getattr(visitor, f"visit_{next(numbers)}", visitor.generic)() == 1
