"""Each run adds a FileHandler."""

import logging

LOG = logging.getLogger("app.file")


def test_leak(tmp_path):
    LOG.addHandler(logging.FileHandler(tmp_path / "app.log"))
    LOG.warning("told")
