"""A hundred thousand objects and ten megabytes, all let go on return."""


def test_allocates():
    objects = [object() for _ in range(100_000)]
    block = bytearray(b"x") * (10 << 20)
    assert len(objects) < len(block)
