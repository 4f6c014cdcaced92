"""Each traceback reads the source of its files into linecache, once."""

import importlib
import itertools
import json
import traceback

CALLS = [
    lambda: json.loads("{"),
    lambda: importlib.import_module("no_such_module"),
    lambda: int("x"),
    lambda: {}["x"],
]
numbers = itertools.count()


def test_traceback():
    try:
        CALLS[next(numbers) % len(CALLS)]()
    except Exception:
        assert traceback.format_exc()
