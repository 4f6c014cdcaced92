"""A module taken out of sys.modules and imported again: its old objects die."""

import importlib
import sys


def test_import_anew():
    sys.modules.pop("quopri", None)
    assert importlib.import_module("quopri").MAXLINESIZE
