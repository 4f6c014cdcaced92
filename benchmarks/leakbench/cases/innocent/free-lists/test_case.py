"""Floats, tuples, lists, dicts, frames and contexts of varying number: the interpreter keeps a few
spare ones.
"""

import contextvars
import itertools

numbers = itertools.count()


def deep(level: int) -> int:
    return level if level <= 0 else deep(level - 1)


def test_spare_objects():
    count = next(numbers) % 90
    spare = (
        [tuple(range(count % 20)) for _ in range(count)],
        [{} for _ in range(count)],
        [float(n) for n in range(count)],
        [contextvars.copy_context() for _ in range(count)],
    )
    deep(count * 5)
    assert spare
