import gc

import msgspec


def test_leak():
    cls = msgspec.defstruct("Dynamic", [(f"field_{i}", int) for i in range(64)])
    assert len(cls.__struct_fields__) == 64
    del cls
    gc.collect()
