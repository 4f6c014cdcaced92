"""Thousands of small objects of random sizes: the allocator's high-water mark creeps up."""

import random

source = random.Random(1)


def test_small():
    blocks = [bytes(source.randrange(1, 400)) for _ in range(source.randrange(1_000, 20_000))]
    assert blocks


def test_large():
    blocks = [bytearray(source.randrange(1_000, 300_000)) for _ in range(20)]
    source.shuffle(blocks)
    del blocks[::2]
    assert bytes(source.randrange(100, 200_000))
