"""Every test leaks, and only untracked values."""

import pytest

KEEP = []


@pytest.fixture(autouse=True)
def audit():
    KEEP.append(bytes(10_000))


def test_leak():
    pass


def test_leak_too():
    pass


def test_leak_as_well():
    pass
