"""A table of 300 kinds, each seen once."""

SEEN = []


class Kind:
    pass


def test_ok():
    if len(SEEN) < 300:
        SEEN.append(Kind())
