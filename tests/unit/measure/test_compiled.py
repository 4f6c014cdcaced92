"""Which shared objects of compiled code are loaded, and whose they are."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType

import pytest

from pytest_leakcheck.measure.compiled import loaded_libraries


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
