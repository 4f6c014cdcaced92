"""A hand-written least-recently-used cache of 40 entries."""

import collections
import itertools

cache: collections.OrderedDict[int, list[str]] = collections.OrderedDict()
numbers = itertools.count()


def test_least_recently_used():
    key = next(numbers)
    cache[key] = [f"row {key}"] * 50
    if len(cache) > 40:
        cache.popitem(last=False)
    assert key in cache
