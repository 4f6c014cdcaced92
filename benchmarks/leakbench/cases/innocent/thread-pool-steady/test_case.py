"""A pool of the module, used by every run: its threads stay and are the same ones."""

import concurrent.futures

pool = concurrent.futures.ThreadPoolExecutor(3)


def test_map():
    assert list(pool.map(str, range(30)))[-1] == "29"
