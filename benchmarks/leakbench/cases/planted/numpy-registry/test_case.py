"""A list of numpy arrays."""

import numpy as np

KEEP = []


def test_leak():
    KEEP.append(np.ones(12_500))
