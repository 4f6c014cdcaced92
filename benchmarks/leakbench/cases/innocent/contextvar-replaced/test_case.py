"""A context variable set on each run without a reset: the last value replaces the one before."""

import contextvars

CURRENT: contextvars.ContextVar[list[int]] = contextvars.ContextVar("current")


def test_set():
    CURRENT.set(list(range(2_000)))
