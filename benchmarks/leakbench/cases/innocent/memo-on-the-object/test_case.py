"""cached_property and a module's own memo: filled once, on the first run."""

import functools


class Table:
    @functools.cached_property
    def rows(self) -> list[list[int]]:
        return [[n] for n in range(500)]


TABLE = Table()


@functools.cache
def powers(base: int) -> list[int]:
    return [base**n for n in range(200)]


def test_memo():
    assert len(TABLE.rows) == 500
    assert powers(3)[2] == 9
