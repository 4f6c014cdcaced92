from multidict import MultiDict


def test_leak():
    headers = MultiDict([(f"X-Header-{i}", f"value-{i}") for i in range(100)])
    headers.extend([(f"X-More-{i}", "v") for i in range(50)])
    assert len(headers) == 150
