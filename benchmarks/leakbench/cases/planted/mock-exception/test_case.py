"""side_effect with an instance."""

from unittest import mock

import pytest

DOWN = mock.Mock(side_effect=ConnectionError("down"))


def test_leak():
    big = bytearray(100_000)
    with pytest.raises(ConnectionError):
        DOWN(len(big))
