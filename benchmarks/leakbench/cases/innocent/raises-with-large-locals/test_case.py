"""pytest.raises holds the traceback, and its frame the locals, until the test returns."""

import pytest


def test_raises():
    block = bytearray(100_000)
    with pytest.raises(ZeroDivisionError) as caught:
        len(block) / 0
    assert caught.value
