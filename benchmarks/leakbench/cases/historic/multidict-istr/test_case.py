import itertools

from multidict import CIMultiDict

NUMBERS = itertools.count()


def test_leak():
    n = next(NUMBERS)
    headers = CIMultiDict({f"X-Request-Header-{n}-{i}": "v" for i in range(50)})
    assert len(list(headers.keys())) == 50
