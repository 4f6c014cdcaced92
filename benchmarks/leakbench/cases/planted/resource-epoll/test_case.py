"""A selector that is never closed."""

import selectors

KEEP = []


def test_leak():
    KEEP.append(selectors.EpollSelector())
