"""codecs.register on each run."""

import codecs


def test_leak():
    big = bytearray(100_000)

    def search(name):
        return None if big else ()

    codecs.register(search)
