"""A session fixture that grows with every test that uses it."""

import pytest


@pytest.fixture(scope="session")
def store():
    return []


def test_leak(store):
    store.append({"payload": bytearray(100_000)})
