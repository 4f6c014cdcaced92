"""A file that is never closed."""

KEEP = []


def test_leak(tmp_path):
    KEEP.append((tmp_path / "a").open("w"))
