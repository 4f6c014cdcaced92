"""A cache that fills to 200 beside a table that is emptied every 60 entries."""

import functools
import itertools

NUMBERS = itertools.count()
TABLE = []


class Thing:
    pass


@functools.lru_cache(200)
def known(number):
    return Thing()


def test_ok():
    known(next(NUMBERS))
    TABLE.append(Thing())
    if len(TABLE) > 60:
        TABLE.clear()
