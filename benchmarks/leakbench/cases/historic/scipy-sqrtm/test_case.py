import numpy as np
from scipy.linalg import sqrtm

BLOCK = np.array([[4.0, 1.0, 0], [2.0, 3.0, 0], [0, 1.0, 5.0]])
MATRIX = np.kron(np.eye(10), BLOCK)


def test_leak():
    assert sqrtm(MATRIX).shape == (30, 30)
