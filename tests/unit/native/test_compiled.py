"""Which shared objects of compiled code are loaded, and whose they are."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import PurePosixPath
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_leakcheck.native.compiled import loaded_libraries, plugin_packages


def test_packages_that_pytest_has_loaded_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """That such a library is there says nothing of the tests. The harness's own is never told."""
    suffix = EXTENSION_SUFFIXES[0]
    for name in ("clock._clock", "store._store", "memray._memray"):
        module = ModuleType(name)
        module.__file__ = f"/packages/{name.replace('.', '/')}{suffix}"
        monkeypatch.setitem(sys.modules, name, module)
    clock, store = (f"/packages/{name}/_{name}{suffix}" for name in ("clock", "store"))
    every = loaded_libraries("/")
    assert {clock, store} <= {f"/{path.lstrip('/')}" for path in every}
    assert not any("_memray" in path for path in every)
    left = loaded_libraries("/", but={"clock"})
    assert [f"/{path.lstrip('/')}" for path in every if path not in left] == [clock]


def test_what_plugins_bring_along_is_known_by_their_files() -> None:
    """An extension module may lie beside the package. Not each plugin has a list of its files."""
    files = ("clock/__init__.py", "_clock.cpython-311-x86_64-linux-gnu.so", "clock-1.dist-info/x")
    known = SimpleNamespace(files=[PurePosixPath(file) for file in files])
    plugins = [(object(), known), (object(), SimpleNamespace(files=None))]
    config: Any = SimpleNamespace(
        pluginmanager=SimpleNamespace(list_plugin_distinfo=lambda: plugins)
    )
    assert {"clock", "_clock"} <= plugin_packages(config)
