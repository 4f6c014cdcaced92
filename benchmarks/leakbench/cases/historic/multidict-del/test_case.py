from multidict import MultiDict


def test_leak():
    keys = [f"X-Any-{i}" for i in range(100)]
    headers = MultiDict({key: key * 2 for key in keys})
    for key in keys:
        headers.pop(key)
    assert not headers
