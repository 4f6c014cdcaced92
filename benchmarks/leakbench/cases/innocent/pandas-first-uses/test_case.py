"""numpy and pandas fill caches and import modules on the first use of each operation."""

import itertools

import numpy as np
import pandas as pd

numbers = itertools.count()


def test_operations():
    frame = pd.DataFrame(
        {
            "a": np.arange(1000) % 7,
            "b": np.arange(1000.0),
            "c": [str(i % 5) for i in range(1000)],
        }
    )
    operations = [
        lambda: frame.groupby("a").b.mean(),
        lambda: frame.merge(frame.head(20), on="a"),
        lambda: frame.pivot_table(index="a", columns="c", values="b"),
        lambda: frame.to_json(),
        lambda: pd.to_datetime(frame.a, unit="s").dt.day_name(),
        lambda: frame.describe(),
    ]
    operations[next(numbers) % len(operations)]()


def test_one_operation():
    assert np.linalg.inv(np.eye(3)).trace() == 3
