import pytest
import ujson


class Refuses:
    def __json__(self):
        raise ValueError


def test_leak():
    with pytest.raises(ValueError):
        ujson.dumps(["x" * 100_000, Refuses()])
