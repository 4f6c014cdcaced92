"""A list that holds itself and 100 KB: only the cyclic collector frees it."""


def test_cycle():
    ring: list[object] = [bytearray(100_000)]
    ring.append(ring)
