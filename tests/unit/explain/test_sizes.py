"""Sizes of what is kept: with its attributes, and with the keys that only the table holds."""

from __future__ import annotations

import sys

import pytest

from pytest_leakcheck.explain.causes import explain_survivors
from pytest_leakcheck.explain.introspect import Sizes, keys_bytes

TABLE: dict[object, list[int]] = {}
NAMED = "a name that the module holds as well " * 20


class Row:
    """Six attributes."""

    def __init__(self) -> None:
        self.a = self.b = self.c = 1
        self.d = self.e = self.f = 2


class Empty:
    """None."""


def test_keys_that_only_the_table_holds_count() -> None:
    values = [[1], [2], [3]]
    table = {"k" * 10_000 + str(at): value for at, value in enumerate(values)}
    table[NAMED] = [4]
    ids = {*map(id, values), id(table[NAMED])}
    found = keys_bytes(table, ids, Sizes())
    assert found == pytest.approx(3 * 10_050, rel=0.01)


def test_what_is_kept_counts_with_its_key() -> None:
    kept = [1]
    TABLE["k" * 100_000 + str(len(TABLE))] = kept
    try:
        (cause,) = explain_survivors([kept], ignore=set())
        assert cause.python_bytes == pytest.approx(100_100, rel=0.01)
        assert cause.holder.endswith("TABLE[*]")
    finally:
        TABLE.clear()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="attributes lie in a dict there")
def test_attributes_count_wherever_they_lie() -> None:
    """In the object, or in an array beside it; a pointer each, about."""
    sizes = Sizes()
    more = sizes.of(Row()) - sizes.of(Empty())
    assert 6 * 8 <= more <= 30 * 8
