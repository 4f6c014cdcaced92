"""Roots: what lives as long as the process, and the names for what is held out of sight."""

from __future__ import annotations

import contextvars
import sys
import types
from gc import get_objects as _get_objects
from typing import Any, NamedTuple

from pytest_leakcheck.explain import describe, frames, interpreter_roots
from pytest_leakcheck.explain.introspect import (
    LRU,
    Live,
    ThreadLocal,
    attribute,
    class_dict,
    is_one_of,
    module_dict,
    module_name,
    mro_of,
    namespace_of_class,
    plain,
    raw_class_attribute,
    type_name,
)
from pytest_leakcheck.explain.status import Status

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


def fixture_status(node: Live) -> tuple[Status, int, str]:
    """Status, rank and reason of a fixture whose value is alive. O(1)."""
    if node.scope == "function":
        return "unknown", 2, ""
    return "expected", 2, f"a {node.scope} fixture that is still up"


def replaced(o: Live) -> str:
    """Why a class, or the class of an instance, is stale: its module has another of that name.

    Empty where one of the two is derived from the other, as decorators and mocks do it, and where
    the other is a compiled class that took its place (``asyncio.Future``). O(depth).
    """
    cls = o if issubclass(type(o), type) else type(o)
    module, name = _class_place(cls)
    found = _resolve(module, name)
    if not issubclass(type(found), type) or found is cls:
        return ""
    if _class_place(found) != (module, name):
        return ""
    if is_one_of(found, mro_of(cls)) or is_one_of(cls, mro_of(found)):
        return ""
    what = "" if cls is o else "an instance of a class that was "
    return f"{what}replaced: {module} has another class of that name"


def is_running(frame: types.FrameType) -> bool:
    """Whether the frame is on the stack of a thread. O(stack)."""
    return any(other is frame for other in frames.running())


_CALLABLES = (types.FunctionType, types.MethodType)


#: Why a frame on a stack is expected.
RUNNING = "the call is still running"


class Top(NamedTuple):
    """A name for what the collector sees no reference to."""

    name: str
    seen: bool = False
    """Whether the name says where it is held."""
    reason: str = ""
    """Why it is expected to live."""
    told: str = ""
    """See :class:`graph.Root` for these three."""
    edge: str = ""
    thread: int = 0


class Tops:
    """Names for objects to which nothing that the collector sees refers.

    Running functions (3.11+), thread-local data and contexts hold objects from C. Keeps
    references to thread-local objects for the length of one analysis.
    """

    def __init__(self) -> None:
        self._locals: dict[int, ThreadLocal] | None = None

    def name(self, node: Live) -> Top:
        """What to call the node as a root, and whether that says where it is held.

        O(stack), O(heap) once for a plain dict.
        """
        held = _running_local(node)
        if held is not None:
            return held
        if type(node) is contextvars.Context:
            return Top("contextvars.Context", True, "the context of a running thread")
        if type(node) is dict:
            local = self.local_of(node, look=True)
            if local is not None:
                name = f"thread-local {_place_of(local)}"
                return Top(name, True, "data of a running thread")
        known = interpreter_roots.place(node)
        if known:
            return Top(known, True, "it runs", "the interpreter", known)
        callable_type = issubclass(type(node), type) or is_one_of(type(node), _CALLABLES)
        what = describe.label(node) if callable_type else type_name(node)
        return Top(f"({what} held from C)", told="compiled code", edge="(C reference)")

    def local_of(self, node: Live, *, look: bool = False) -> ThreadLocal | None:
        """The thread-local object whose data of this thread the dict is. O(heap) once."""
        if type(node) is not dict:
            return None
        if self._locals is None:
            if not look:
                return None
            self._locals = _thread_locals()
        return self._locals.get(id(node))


def _running_local(node: Live) -> Top | None:
    for frame in frames.running():
        name = frames.local_name(frame, node)
        if name is not None:
            function = frames.function_name(frame)
            ident = frames.thread_of(frame)
            told = frames.told(frame, ident)
            line = f"stack → local {name} in {function}"
            return Top(line, True, RUNNING, told, f"local {name}", ident)
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
