"""The registry of warnings keeps each text once; there are twenty."""

import itertools
import warnings

numbers = itertools.count()


def test_warns():
    warnings.warn(f"option {next(numbers) % 20} is old", UserWarning, stacklevel=1)
