import pytest
from isal import igzip, isal_zlib


def test_leak():
    with pytest.raises(ValueError):
        isal_zlib.decompressobj(wbits=77)
    with pytest.raises(igzip.BadGzipFile):
        igzip.decompress(b"PK not gzip" * 20)
