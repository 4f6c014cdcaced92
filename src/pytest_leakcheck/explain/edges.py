"""Names of single references, as a person would write them: ``._clients``, ``['key']``, ``[3]``."""

from __future__ import annotations

import contextvars
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pytest_leakcheck.explain import frames
from pytest_leakcheck.explain.introspect import (
    Live,
    ThreadLocal,
    class_name,
    filled,
    instance_dict,
    is_one_of,
    members,
    mro_of,
    namespace_of_class,
    plain,
    slots,
    type_name,
)

_KEY_LIMIT = 60

_raw_function_name = types.FunctionType.__dict__["__qualname__"].__get__
raw_code = types.FunctionType.__dict__["__code__"].__get__
raw_closure = types.FunctionType.__dict__["__closure__"].__get__
_raw_defaults = types.FunctionType.__dict__["__defaults__"].__get__
_raw_kwdefaults = types.FunctionType.__dict__["__kwdefaults__"].__get__


class Edge(NamedTuple):
    """A named reference."""

    edge: str
    """As a person would write it: ``._clients``, ``['key']``, ``closure cell x of f``."""
    generic: str
    """The same with keys and indices collapsed to ``[*]``."""
    whole: str = ""
    """How the holder's line continues, where not by appending; ``{}`` stands for the line."""


#: A reference inside a C object that offers no name.
C_REFERENCE = Edge("(C reference)", "(C reference)")


def name_edge(holder: Live, target: Live) -> Edge:
    """The name of one reference, or :data:`C_REFERENCE`. O(size of the holder)."""
    for cls, namer in _NAMERS:
        if issubclass(type(holder), cls):
            edge = namer(holder, target)
            if edge is not None:
                return edge
    return (
        _asyncio_edge(holder, target)
        or _abc_edge(holder, target)
        or _attribute(holder, target)
        or C_REFERENCE
    )


# --- single references ---------------------------------------------------------------------------


def dict_edge(holder: Live, target: Live) -> Edge | None:
    key = key_of(holder, target)
    if key is not None:
        return Edge(f"[{key_text(key[0])}]", "[*]")
    if any(candidate is target for candidate in dict.keys(holder)):
        return Edge(f".keys()[{key_text(target)}]", ".keys()[*]")
    return None


def key_of(namespace: Live, target: Live) -> tuple[Any] | None:
    """The key under which a dict holds the target, boxed since a key may be None."""
    try:
        for key, value in dict.items(namespace):
            if value is target:
                return (key,)
    except RuntimeError:  # another thread changed it meanwhile
        return None
    return None


def dotted(key: tuple[Any]) -> Edge:
    name = key[0]
    if type(name) is str:
        return Edge(f".{name}", f".{name}")
    return Edge(f".__dict__[{key_text(name)}]", ".__dict__[*]")


def _indexed(iterate: Callable[[Any], Iterable[Any]]) -> Callable[[Live, Live], Edge | None]:
    def edge(holder: Live, target: Live) -> Edge | None:
        try:
            for index, value in enumerate(iterate(holder)):
                if value is target:
                    return Edge(f"[{index}]", "[*]")
        except RuntimeError:  # another thread changed it meanwhile
            return None
        return None

    return edge


def _slot_edge(holder: Live, target: Live) -> Edge | None:
    """By address: a slot may be empty."""
    wanted = id(target)
    for index, address in enumerate(slots(holder)):
        if address == wanted:
            return Edge(f"[{index}]", "[*]")
    return None


def _set_edge(holder: Live, target: Live) -> Edge | None:
    iterate = set.__iter__ if issubclass(type(holder), set) else frozenset.__iter__
    for value in iterate(holder):
        if value is target:
            return Edge(f"[{key_text(target)}]", "[*]")
    return None


def _function_edge(holder: Live, target: Live) -> Edge | None:
    if target is raw_code(holder):
        return Edge(".__code__", ".__code__")
    if target is _raw_defaults(holder):
        return Edge(".__defaults__", ".__defaults__")
    if target is _raw_kwdefaults(holder):
        return Edge(".__kwdefaults__", ".__kwdefaults__")
    for index, cell in enumerate(raw_closure(holder) or ()):
        if frames.cell_contents(cell) is target:
            name = raw_code(holder).co_freevars[index]
            text = f"closure cell {name} of {function_name(holder)}"
            return Edge(text, text)
    found = _attribute(holder, target)
    if found is None and type(target) is dict:
        return Edge(".__annotations__", ".__annotations__")
    return found


def _cell_edge(holder: Live, target: Live) -> Edge | None:
    return Edge("closure cell", "closure cell") if frames.cell_contents(holder) is target else None


def _class_edge(holder: Live, target: Live) -> Edge | None:
    for name in ("__mro__", "__bases__", "__base__"):
        if type.__dict__[name].__get__(holder) is target:
            return Edge(f".{name}", f".{name}")
    namespace = namespace_of_class(holder)
    key = key_of(namespace, target) if namespace is not None else None
    return dotted(key) if key is not None else None


def _weakref_edge(holder: Live, target: Live) -> Edge | None:
    if weakref.ReferenceType.__dict__["__callback__"].__get__(holder) is target:
        return Edge("weakref callback", "weakref callback")
    return None


def _fields(cls: type, *names: str) -> Callable[[Live, Live], Edge | None]:
    """Named C attributes that only read what is stored."""
    readers = [(name, cls.__dict__[name].__get__) for name in names if name in cls.__dict__]

    def edge(holder: Live, target: Live) -> Edge | None:
        for name, read in readers:
            try:
                if read(holder) is target:
                    return Edge(f".{name}", f".{name}")
            except Exception:  # noqa: BLE001, S112, PERF203 - unset, or in a wrong state
                continue
        return None

    return edge


def _attribute(holder: Live, target: Live) -> Edge | None:
    """An attribute in the instance dict, a slot or a C member; the type itself."""
    namespace = instance_dict(holder)
    if namespace is not None:
        if namespace is target:
            return Edge(".__dict__", ".__dict__")
        key = key_of(namespace, target)
        if key is not None:
            return dotted(key)
    for name, value in members(holder):
        if value is target:
            return Edge(f".{name}", f".{name}")
    if target is type(holder):
        return Edge(".__class__", ".__class__")
    if issubclass(type(holder), ThreadLocal):
        return None
    namespace = instance_dict(holder, make=True)
    key = key_of(namespace, target) if namespace is not None else None
    return dotted(key) if key is not None else None


def _abc_edge(holder: Live, target: Live) -> Edge | None:
    """The C record behind an abstract class: weak references to classes checked against it."""
    if type_name(holder) == "_abc._abc_data" and type(target) is set:
        return Edge("abc caches", "abc caches")
    return None


def _asyncio_edge(holder: Live, target: Live) -> Edge | None:
    """Fields of asyncio's C tasks and futures, found by name so that asyncio is not imported."""
    for base in mro_of(type(holder)):
        if class_name(base) in ("_asyncio.Task", "_asyncio.Future"):
            edge = _fields(base, *_TASK_FIELDS)(holder, target)
            if edge is not None:
                return edge
    return None


_TASK_FIELDS = ("_loop", "_coro", "_fut_waiter", "_result", "_exception")


_NAMERS: list[tuple[type, Callable[[Live, Live], Edge | None]]] = [
    (dict, dict_edge),
    (list, _slot_edge),
    (tuple, _slot_edge),
    (deque, _indexed(deque.__iter__)),
    (set, _set_edge),
    (frozenset, _set_edge),
    (types.FunctionType, _function_edge),
    (types.CellType, _cell_edge),
    (type, _class_edge),
    (weakref.ReferenceType, _weakref_edge),
    (
        BaseException,
        _fields(BaseException, "__traceback__", "__context__", "__cause__", "args"),
    ),
    (types.TracebackType, _fields(types.TracebackType, "tb_frame", "tb_next")),
    (types.GeneratorType, _fields(types.GeneratorType, "gi_yieldfrom", "gi_code")),
    (types.CoroutineType, _fields(types.CoroutineType, "cr_await", "cr_code")),
    (types.AsyncGeneratorType, _fields(types.AsyncGeneratorType, "ag_await", "ag_code")),
    (contextvars.Token, _fields(contextvars.Token, "old_value", "var")),
]


# --- texts ---------------------------------------------------------------------------------------


def key_text(key: Live) -> str:
    """A dict key as a person would write it; a key of a user's type by its type. O(1)."""
    cls = type(key)
    if is_one_of(cls, (str, bytes)):
        more = "…" if len(key) > _KEY_LIMIT else ""
        return repr(key[:_KEY_LIMIT]) + more
    if is_one_of(cls, (bool, float, type(None))) or (cls is int and key.bit_length() <= 64):
        return repr(key)
    if cls is tuple:
        parts = filled(key) if len(key) <= 3 else []
        if parts and all(is_one_of(type(part), (str, int, bool)) for part in parts):
            return "(" + ", ".join(key_text(part) for part in parts) + ")"
        return "(…)"
    if issubclass(cls, type):
        return f"<class {class_name(key)}>"
    return f"<{class_name(cls)}>"


def function_name(function: types.FunctionType) -> str:
    return plain(_raw_function_name(function))


def callable_name(function: Live) -> str:
    return function_name(function) if type(function) is types.FunctionType else "f"
