"""A WeakValueDictionary of objects that live for one run."""

import itertools
import weakref

numbers = itertools.count()


class Entry:
    def __init__(self) -> None:
        self.payload = bytearray(5_000)


cache: weakref.WeakValueDictionary[int, Entry] = weakref.WeakValueDictionary()


def test_cache():
    entry = cache.setdefault(next(numbers), Entry())
    assert len(entry.payload) == 5_000
