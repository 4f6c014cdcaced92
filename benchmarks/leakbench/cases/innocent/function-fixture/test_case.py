"""A fixture of function scope lets its value go after each test."""

import pytest


@pytest.fixture
def block():
    yield bytearray(100_000)


def test_uses_it(block):
    assert len(block) == 100_000
