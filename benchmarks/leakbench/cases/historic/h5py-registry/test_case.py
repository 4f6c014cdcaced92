import io

import h5py
import numpy as np

BUFFER = io.BytesIO()
with h5py.File(BUFFER, "w") as file:
    for i in range(20):
        file.create_dataset(f"d{i}", data=np.arange(10))


def test_leak():
    with h5py.File(io.BytesIO(BUFFER.getvalue()), "r") as file:
        assert sum(int(file[key][0]) for key in file) == 0
