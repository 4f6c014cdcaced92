"""A token is kept for a reset that never comes."""

import contextvars

CURRENT = contextvars.ContextVar("CURRENT")
TOKENS = []


def test_leak():
    TOKENS.append(CURRENT.set(bytearray(100_000)))
