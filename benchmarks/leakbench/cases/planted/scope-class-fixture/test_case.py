"""A class fixture that does not give back what it took."""

import pytest

KEEP = []


@pytest.fixture(scope="class")
def store():
    KEEP.append({"payload": bytearray(100_000)})
    yield KEEP[-1]


class TestStore:
    def test_uses_it(self, store):
        assert store
