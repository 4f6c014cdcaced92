"""namedtuple compiles a class and interns its field names."""

import collections


def test_namedtuple():
    pair = collections.namedtuple("Pair", "left right")
    assert pair(1, 2).right == 2
