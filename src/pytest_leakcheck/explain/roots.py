"""Roots: what lives as long as the process, and the names for what is held out of sight."""

from __future__ import annotations

import contextvars
import sys
import types
from gc import get_objects as _get_objects
from typing import Any

from . import describe, frames
from .anatomy import (
    LRU,
    Live,
    ThreadLocal,
    attribute,
    class_dict,
    is_one_of,
    module_dict,
    module_name,
    namespace_of_class,
    plain,
    raw_class_attribute,
    type_name,
)

_raw_function_module = types.FunctionType.__dict__["__module__"].__get__
_raw_function_name = types.FunctionType.__dict__["__qualname__"].__get__
_raw_class_module = type.__dict__["__module__"].__get__
_raw_class_qualname = type.__dict__["__qualname__"].__get__
_raw_local_get = ThreadLocal.__getattribute__


def loaded_modules() -> list[types.ModuleType]:
    """The values of ``sys.modules`` that are modules. O(modules)."""
    return [m for m in list(sys.modules.values()) if issubclass(type(m), types.ModuleType)]


def module_names() -> dict[int, str]:
    """Names of loaded modules by the ids of the module and of its namespace. O(modules)."""
    names: dict[int, str] = {}
    for name, module in list(sys.modules.items()):
        if not issubclass(type(module), types.ModuleType):
            continue
        if id(module) not in names or module_name(module) == name:
            names[id(module)] = names[id(module_dict(module))] = plain(name)
    return names


def module_of_namespace(o: Live, names: dict[int, str]) -> types.ModuleType | None:
    """The loaded module whose namespace the dict is, if it is one. O(1)."""
    if type(o) is not dict or id(o) not in names:
        return None
    module = sys.modules.get(names[id(o)])
    return module if module is not None and module_dict(module) is o else None


def class_of_namespace(o: Live) -> type | None:
    """The class whose namespace the dict is, if a way leads there that needs no search.

    Its ``__dict__`` and ``__weakref__`` descriptors know their class; else a method's qualified
    name leads to it. O(items).
    """
    if type(o) is not dict or type(o.get("__module__")) is not str:
        return None
    for name in ("__dict__", "__weakref__"):
        descriptor = o.get(name)
        if type(descriptor) is types.GetSetDescriptorType:
            cls: type = descriptor.__objclass__
            return cls if namespace_of_class(cls) is o else None
    for value in o.values():
        if type(value) is types.FunctionType:
            qualname = plain(_raw_function_name(value)).rpartition(".")[0]
            found = _resolve(o["__module__"], qualname)
            if issubclass(type(found), type) and namespace_of_class(found) is o:
                return _as_class(found)
    return None


def _as_class(found: Live) -> type:
    cls: type = found
    return cls


def module_rank(name: str) -> int:
    """Between equally short paths, the module under test comes before the test's. O(1)."""
    last = name.rpartition(".")[2]
    return int(last.startswith("test_") or last.endswith("_test") or last in _TESTING)


_TESTING = frozenset({"conftest", "__main__"})


def qualified_name(o: Live) -> str | None:
    """``module.Qualname`` of a class, function or cached function that is found there. O(depth).

    None where the name leads elsewhere: a local class, a decorated function.
    """
    cls = type(o)
    if issubclass(cls, type):
        module, name = _class_place(o)
    elif cls is types.FunctionType:
        module, name = plain(_raw_function_module(o)), plain(_raw_function_name(o))
    elif cls is LRU:
        inner = attribute(o, "__wrapped__")
        if type(inner) is not types.FunctionType:
            return None
        module, name = plain(_raw_function_module(inner)), plain(_raw_function_name(inner))
    else:
        return None
    return f"{module}.{name}" if _leads_to(module, name, o) else None


def _class_place(cls: type) -> tuple[str, str]:
    try:
        return plain(_raw_class_module(cls)), plain(_raw_class_qualname(cls))
    except AttributeError:
        return "?", "?"


def _resolve(module: str, name: str) -> Live:
    """What a qualified name leads to, or None."""
    at = sys.modules.get(module)
    if at is None or not issubclass(type(at), types.ModuleType) or "<locals>" in name:
        return None
    first, *rest = name.split(".")
    found: Any = module_dict(at).get(first)
    for part in rest:
        if not issubclass(type(found), type):
            return None
        found = class_dict(found).get(part)
    return found


def _leads_to(module: str, name: str, o: Live) -> bool:
    found = _resolve(module, name)
    if type(found) is staticmethod:
        return _raw_static(found) is o
    return found is o or (type(found) is classmethod and _raw_class_method(found) is o)


_raw_static = staticmethod.__dict__["__func__"].__get__
_raw_class_method = classmethod.__dict__["__func__"].__get__


def fixture_name(node: Live) -> str | None:
    """What to call a fixture of pytest whose value is alive: its name, scope and place. O(1)."""
    cls = type(node)
    module = sys.modules.get("_pytest.fixtures")
    if module is None or cls is not module_dict(module).get("FixtureDef"):
        return None
    place = node.baseid or "a plugin"
    return f"fixture {node.argname} ({node.scope}, {place})"


def is_running(frame: types.FrameType) -> bool:
    """Whether the frame is on the stack of a thread. O(stack)."""
    return any(other is frame for other in frames.running())


_CALLABLES = (types.FunctionType, types.MethodType)


class Tops:
    """Names for objects to which nothing that the collector sees refers.

    Running functions (3.11+), thread-local data and contexts hold objects from C. Keeps
    references to thread-local objects for the length of one analysis.
    """

    def __init__(self) -> None:
        self._locals: dict[int, ThreadLocal] | None = None

    def name(self, node: Live) -> tuple[str, bool]:
        """What to call the node as a root, and whether that says where it is held.

        O(stack), O(heap) once for a plain dict.
        """
        held = _running_local(node)
        if held is not None:
            return held, True
        if type(node) is contextvars.Context:
            return "contextvars.Context", True
        if type(node) is dict:
            local = self.local_of(node, look=True)
            if local is not None:
                return f"thread-local {_place_of(local)}", True
        callable_type = issubclass(type(node), type) or is_one_of(type(node), _CALLABLES)
        what = describe.label(node) if callable_type else type_name(node)
        return f"({what} held from C)", False

    def local_of(self, node: Live, *, look: bool = False) -> ThreadLocal | None:
        """The thread-local object whose data of this thread the dict is. O(heap) once."""
        if type(node) is not dict:
            return None
        if self._locals is None:
            if not look:
                return None
            self._locals = _thread_locals()
        return self._locals.get(id(node))


def _running_local(node: Live) -> str | None:
    for frame in frames.running():
        name = frames.local_name(frame, node)
        if name is not None:
            return f"stack → local {name} in {frames.function_name(frame)}"
    return None


def _thread_locals() -> dict[int, ThreadLocal]:
    """Thread-local objects by the id of this thread's data.

    Asking for the data makes it in a thread that has none, and then runs ``__init__`` where a
    subclass has one: those are left out.
    """
    found: dict[int, ThreadLocal] = {}
    for o in _get_objects():
        cls = type(o)
        if not issubclass(cls, ThreadLocal):
            continue
        if raw_class_attribute(cls, "__init__") is not object.__init__:
            continue
        found[id(_raw_local_get(o, "__dict__"))] = o
    return found


def _place_of(o: Live) -> str:
    """Where a module's attribute refers to the object; its type's name elsewhere. O(modules)."""
    for module in loaded_modules():
        for name, value in list(module_dict(module).items()):
            if value is o:
                return f"{module_name(module)}.{plain(name)}"
    return type_name(o)
