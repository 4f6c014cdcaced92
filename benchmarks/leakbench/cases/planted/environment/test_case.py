"""os.environ grows."""

import itertools
import os

NUMBERS = itertools.count()


def test_leak():
    os.environ[f"LEAKBENCH_TEST_{next(NUMBERS)}"] = "x" * 10_000
