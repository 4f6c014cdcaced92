"""The leak is in the teardown."""

import pytest

CLOSED = []


@pytest.fixture
def store():
    yield 1
    CLOSED.append({"payload": bytearray(100_000)})


def test_leak(store):
    assert store
