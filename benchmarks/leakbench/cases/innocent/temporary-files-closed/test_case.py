"""Temporary files and folders, each closed and removed."""

import pathlib
import tempfile


def test_files():
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryFile() as other:
        file.write(b"x" * 10_000)
        other.write(b"y")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "a").write_text("x")
