"""re keeps the last 512 patterns: each run compiles a new one."""

import itertools
import re

numbers = itertools.count()


def test_pattern():
    number = next(numbers)
    assert re.match(rf"item-{number}-(a|b)+[0-9]{{1,5}}$", f"item-{number}-ab12")
