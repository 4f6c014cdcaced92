"""A shared mock, never reset."""

from unittest import mock

CLIENT = mock.MagicMock()


def test_leak():
    CLIENT.upload(bytearray(100_000))
