import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import gaussian


def test_leak():
    transform = ShortTimeFFT(gaussian(50, std=8, sym=True), hop=10, fs=20, mfft=200)
    assert transform.stft(np.ones(1000)).shape[0] == 101
