"""The leak is in a fixture of the test."""

import pytest

KEEP = []


@pytest.fixture
def store():
    KEEP.append({"payload": bytearray(100_000)})
    return KEEP[-1]


def test_leak(store):
    assert store
