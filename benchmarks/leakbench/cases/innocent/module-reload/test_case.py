"""importlib.reload runs a module again in its own namespace: the old objects are replaced."""

import colorsys
import importlib
import json.encoder


def test_reload():
    assert importlib.reload(colorsys) is colorsys


def test_reload_with_classes():
    importlib.reload(json.encoder)
