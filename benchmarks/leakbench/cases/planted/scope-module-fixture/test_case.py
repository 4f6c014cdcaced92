"""A module fixture that does not give back what it took."""

import pytest

KEEP = []


@pytest.fixture(scope="module")
def store():
    KEEP.append({"payload": bytearray(100_000)})
    yield KEEP[-1]


def test_uses_it(store):
    assert store
