"""In a process without pytest the registry of the module would keep every text."""

import itertools
import warnings

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")
NUMBERS = itertools.count()


def test_leak():
    for _ in range(50):
        warnings.warn(f"number {next(NUMBERS)} " + "x" * 1000, stacklevel=1)
