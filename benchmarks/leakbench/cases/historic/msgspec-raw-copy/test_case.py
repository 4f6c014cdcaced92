import msgspec

DECODER = msgspec.json.Decoder(type=dict[str, msgspec.Raw])
DATA = b'{"a": "' + b"x" * 4000 + b'"}'


def test_leak():
    raw = DECODER.decode(DATA)["a"].copy()
    assert len(bytes(raw)) == 4002
