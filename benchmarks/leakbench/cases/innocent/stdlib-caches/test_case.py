"""urlsplit, fnmatch, struct and strptime keep what they parsed, up to a limit each."""

import datetime as dt
import fnmatch
import itertools
import struct
from urllib.parse import urlsplit

numbers = itertools.count()


def test_parsers():
    number = next(numbers)
    assert urlsplit(f"http://host{number}/x").hostname
    fnmatch.fnmatch(f"a{number}.py", f"a{number % 900}*.p?")
    struct.pack(f"{number % 300 + 1}s", b"x")
    dt.datetime.strptime("2020-01-01", "%Y-%m-%d")
