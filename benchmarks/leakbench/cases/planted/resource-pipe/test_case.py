"""os.pipe without close."""

import os


def test_leak():
    os.pipe()
