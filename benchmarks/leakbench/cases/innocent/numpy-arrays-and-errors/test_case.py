"""Arrays of many sizes, views, and errors that carry them."""

import random

import numpy as np
import pytest

source = random.Random(2)


def test_arrays():
    array = np.zeros((source.randrange(10, 400), 100))
    view = array[::2].T
    assert view.sum() == 0


def test_error_with_array():
    with pytest.raises(ValueError):
        np.arange(source.randrange(10, 5_000)).reshape(7, -1, 11_111)
