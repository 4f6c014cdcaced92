"""tempfile.mkstemp without os.close."""

import tempfile


def test_leak(tmp_path):
    tempfile.mkstemp(dir=tmp_path)
