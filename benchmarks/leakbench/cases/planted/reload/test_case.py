"""Modules made at run time."""

import itertools
import sys
import types

NUMBERS = itertools.count()


def test_leak():
    name = f"made_{next(NUMBERS)}"
    module = types.ModuleType(name)
    exec("def f():\n    return 1\nTABLE = list(range(2000))", module.__dict__)
    sys.modules[name] = module
