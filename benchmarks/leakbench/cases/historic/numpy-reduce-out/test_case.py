import numpy as np

ONES = np.ones((100, 1000))


def test_leak():
    out = np.empty(1000)
    np.add.reduce(ONES, axis=0, out=out)
    assert out[0] == 100
