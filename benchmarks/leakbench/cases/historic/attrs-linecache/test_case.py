import gc

import attr


def test_leak():
    cls = attr.make_class("Row", [f"col_{i}" for i in range(20)])
    assert cls(*range(20)).col_3 == 3
    del cls
    gc.collect()
