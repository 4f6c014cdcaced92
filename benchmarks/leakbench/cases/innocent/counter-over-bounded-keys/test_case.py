"""Statistics over 20,000 possible keys, thirty new ones a run: it jumps when it is resized."""

import collections
import itertools

seen: collections.Counter[int] = collections.Counter()
numbers = itertools.count()


def test_count():
    for _ in range(30):
        seen[next(numbers) % 20_000] += 1
