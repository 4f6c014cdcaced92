"""Mocks are cycles and remember their arguments; all of it goes with the mock."""

from unittest import mock


def test_mock():
    stub = mock.MagicMock()
    stub.client.send(bytearray(100_000))
    stub.client.send.assert_called_once()


def test_patch_and_autospec():
    with mock.patch("json.dumps", autospec=True) as dumps:
        dumps.return_value = "{}"
    mock.create_autospec(mock.Mock, instance=True)
