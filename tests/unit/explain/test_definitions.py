"""Where a name is at home: in the module that gives it its value."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from pytest_leakcheck.explain.definitions import is_imported


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("from .other import it", True),
        ("from .other import that as it", True),
        ("import it", True),
        ("from .other import *", True),
        ("try:\n    from .fast import it\nexcept ImportError:\n    from .slow import it", True),
        ("from .other import it as that", False),
        ("import it.inside as that", False),
        ("it = 1", False),
        ("first, (it, *rest) = make()", False),
        ("it: int = 1", False),
        ("if x:\n    it = 1\nelse:\n    from .other import it", False),
        ("@decorated\ndef it(): pass", False),
        ("async def it(): pass", False),
        ("class it: pass", False),
        ("from .other import *\nit = 1", False),
        ("def f():\n    from .other import it", False),
        ("from .other import it\ndef f():\n    it = 1", True),
        ("class C:\n    it = 1\nfrom .other import it", True),
        ("no python (", False),
        ("nothing = 1", False),
        ("text = '\\d'\nfrom .other import it", True),
    ],
)
def test_a_name_is_imported_or_given(tmp_path: Path, source: str, imported: bool) -> None:
    """At the top level of the module; what functions and classes do inside is theirs."""
    file = tmp_path / "module.py"
    file.write_text(textwrap.dedent(source), encoding="utf-8")
    assert is_imported({"__file__": str(file)}, "it") is imported


@pytest.mark.parametrize("file", ["/nowhere/module.py", "/lib/module.so", None, 7])
def test_without_a_source_nobody_only_imports(file: Any) -> None:
    assert not is_imported({"__file__": file}, "it")
    assert not is_imported({}, "it")
    assert not is_imported(object(), "it")


def test_a_holder_is_named_by_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the modules that import it, though they come first by name."""
    from pytest_leakcheck.explain.causes import explain_survivors

    package = tmp_path / "homely"
    package.mkdir()
    for name, source in (
        ("__init__", ""),
        ("base", "class Thing: pass\nclass Store:\n    def __init__(self): self.items = {}"),
        ("stores", "from .base import Store\nstore = Store()"),
        ("account", "from .stores import store"),
        ("zebra", "from .stores import store"),
    ):
        (package / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    from homely import account, base, zebra  # type: ignore[import-not-found]

    assert account.store is zebra.store
    thing = base.Thing()
    account.store.items["key"] = thing
    kept = [thing]
    del thing
    (cause,) = explain_survivors(kept, ignore={id(kept)})
    assert cause.holder == "homely.stores.store.items[*]"
