import io

import pytest
from ijson.backends import yajl2_c


def test_leak():
    for _ in range(10):
        with pytest.raises(TypeError):
            yajl2_c.items(io.BytesIO(b"[1]"), "item", no_such_option=1)
