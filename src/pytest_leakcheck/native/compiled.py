"""Functions of compiled code: what they are called and which shared object they lie in.

Nothing here runs code of the objects that it looks at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    MethodDescriptorType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any

from pytest_leakcheck.explain.introspect import class_dict, class_name, mro_of, plain
from pytest_leakcheck.model.journal_lines import CompiledCall
from pytest_leakcheck.native.allocations import short_path

if TYPE_CHECKING:
    import pytest

_SUFFIXES = tuple(EXTENSION_SUFFIXES)
_METHODS = (MethodDescriptorType, ClassMethodDescriptorType, BuiltinFunctionType)
_namespace: Any = class_dict(ModuleType)["__dict__"].__get__
_modules = sys.modules
_MOST_CALLS = 400

#: Extension modules that the harness loads itself.
_OWN = frozenset(("msgspec", "memray", "psutil", "coverage"))


class CallNames:
    """Names of the compiled functions that a run called, and who called them.

    Args:
        root: the project's folder, cut from paths.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._noted: dict[tuple[str, int, str], str] = {}
        self._libraries: dict[str, str] = {}

    def __len__(self) -> int:
        """How many calls were noted."""
        return len(self._noted)

    def name(self, function: Any) -> str:
        """``posix.pipe``, ``hiredis.Reader.gets``; empty for what is no plain compiled function."""
        return qualified(function)[1]

    def note(self, file: str, line: int, name: str, function: Any) -> None:
        """Remember a call; those of the interpreter and the standard library are passed over."""
        key = (file, line, name)
        if not name or key in self._noted or len(self._noted) >= _MOST_CALLS:
            return
        module, _ = qualified(function)
        if is_standard_module(module):
            return
        if module not in self._libraries:
            self._libraries[module] = library_of(module, self._root)
        self._noted[key] = self._libraries[module]

    def calls(self) -> list[CompiledCall]:
        """What was noted."""
        return [
            CompiledCall(file=short_path(file, self._root), line=line, name=name, library=library)
            for (file, line, name), library in self._noted.items()
        ]


def qualified(function: Any) -> tuple[str, str]:
    """The module of a compiled function, and its name with its module or class."""
    if type(function) is not BuiltinFunctionType:
        return "", ""
    name = plain(function.__name__)
    owner = function.__self__
    if owner is None or type(owner) is ModuleType:
        module = plain(function.__module__)
        module = "" if module == "?" else module
        return module, f"{module}.{name}" if module else name
    cls: Any = owner if issubclass(type(owner), type) else type(owner)
    for base in mro_of(cls):
        if type(class_dict(base).get(name)) in _METHODS:
            cls = base
            break
    whole = class_name(cls)
    module = whole.removesuffix(plain(_raw_qualname(cls))).rstrip(".")
    return module or "builtins", f"{whole}.{name}"


_raw_qualname = type.__dict__["__qualname__"].__get__


def is_standard_module(module: str) -> bool:
    """Whether a module is the interpreter's or the standard library's."""
    top = module.partition(".")[0]
    return not top or top in sys.stdlib_module_names or top == "builtins"


def library_of(module: str, root: str) -> str:
    """The shared object of a module's compiled code, without the folder of packages.

    A class may name its package as its module: then the package's one extension module, if it has
    one only; else nothing.
    """
    file = _file(module)
    if file.endswith(_SUFFIXES):
        return short_path(file, root)
    top = module.partition(".")[0]
    found = {
        path
        for name in list(_modules)
        if plain(name).partition(".")[0] == top and (path := _file(name)).endswith(_SUFFIXES)
    }
    return short_path(found.pop(), root) if len(found) == 1 else ""


def loaded_libraries(root: str, but: Collection[str] = ()) -> list[str]:
    """Extension modules from outside the standard library, the harness's own left out.

    Args:
        but: top-level modules and packages that are left out, too.
    """
    found = {
        path
        for name in list(_modules)
        if (top := plain(name).partition(".")[0]) not in _OWN
        and top not in but
        and (path := _file(name)).endswith(_SUFFIXES)
        and not is_standard(path)
    }
    return sorted(short_path(path, root) for path in found)


def plugin_packages(config: pytest.Config) -> set[str]:
    """Top-level modules and packages that installed plugins of pytest bring along."""
    plugins = config.pluginmanager.list_plugin_distinfo()
    files = [file for _, found in plugins for file in found.files or ()]
    return {file.parts[0].partition(".")[0] for file in files}


#: In a virtual environment `sysconfig` names the environment's folder, where nothing lies.
_STDLIB = tuple(
    {f"{path.parent}{os.sep}" for path in (Path(os.__file__), Path(os.__file__).resolve())}
)
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def is_standard(file: str) -> bool:
    """Whether a source file or shared object belongs to the standard library."""
    if file.startswith("<frozen "):
        return True
    return file.startswith(_STDLIB) and not any(part in file for part in _PACKAGES)


def _file(module: str) -> str:
    found = _modules.get(module)
    if not issubclass(type(found), ModuleType):
        return ""
    file = _namespace(found).get("__file__")
    return file if type(file) is str else ""
