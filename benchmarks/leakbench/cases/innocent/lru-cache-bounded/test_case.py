"""An lru_cache of 128 results of 10 KB: it grows for 128 runs."""

import functools
import itertools

numbers = itertools.count()


@functools.lru_cache(maxsize=128)
def render(number: int) -> bytearray:
    return bytearray(10_000)


def test_render():
    assert len(render(next(numbers))) == 10_000
