"""A cache of frames."""

import itertools

import numpy as np
import pandas as pd

FRAMES = {}
NUMBERS = itertools.count()


def test_leak():
    FRAMES[next(NUMBERS)] = pd.DataFrame({"a": np.arange(6000.0), "b": np.arange(6000.0)})
