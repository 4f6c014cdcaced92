"""A cache of strings that is emptied when it has sixty entries."""

import itertools

cache: dict[str, str] = {}
numbers = itertools.count()


def test_translate():
    if len(cache) >= 60:
        cache.clear()
    text = f"text {next(numbers)}"
    cache[text] = text.upper() * 20
    assert cache[text]
