import io

import numpy as np
from astropy.io import fits
from astropy.table import Table

BUFFER = io.BytesIO()
TABLE = fits.BinTableHDU(Table({"a": np.arange(2000), "b": np.arange(2000.0)}))
fits.HDUList([fits.PrimaryHDU(), TABLE]).writeto(BUFFER)


def test_leak():
    with fits.open(io.BytesIO(BUFFER.getvalue())) as file:
        assert len(file[1].copy().data) == 2000
