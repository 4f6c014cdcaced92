"""A fixture of module scope gathers what its tests give it, and ends with the module."""

import pytest


@pytest.fixture(scope="module")
def basket():
    return []


def test_puts_in(basket):
    basket.append([bytearray(1_000)])
