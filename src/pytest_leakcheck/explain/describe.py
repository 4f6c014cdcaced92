"""Labels for objects of known types: what tells one patch, mock or thread from the next.

Everything is read from instance dicts, slots and C fields; no code of the object runs. More types
are one entry in the registry.
"""

from __future__ import annotations

import _io
import _socket
import sys
import types
from collections.abc import Callable
from typing import TypeAlias

from pytest_leakcheck.explain.frames import cell_contents
from pytest_leakcheck.explain.introspect import (
    Live,
    class_dict,
    class_name,
    filled,
    instance_dict,
    is_one_of,
    module_dict,
    module_name,
    mro_of,
    plain,
    type_name,
)
from pytest_leakcheck.explain.introspect import attribute as _attribute

Describer: TypeAlias = Callable[[Live], str]

_MANY = 4
_DEEP = 6
_LIMIT = 80

_raw_function_name = types.FunctionType.__dict__["__qualname__"].__get__
_raw_function_module = types.FunctionType.__dict__["__module__"].__get__
_raw_closure = types.FunctionType.__dict__["__closure__"].__get__
_raw_code = types.FunctionType.__dict__["__code__"].__get__


def _stored(o: Live, name: str) -> Live:
    return _attribute(o, name, make=True)


def label(o: Live) -> str:
    """What tells the object apart for a person, or an empty string. O(1)."""
    cls = type(o)
    if issubclass(cls, type):
        return class_name(o)
    if issubclass(cls, types.ModuleType):
        return module_name(o)
    if cls is types.FunctionType:
        return f"{plain(_raw_function_module(o))}.{plain(_raw_function_name(o))}"
    if cls is types.MethodType:
        return label(o.__func__)
    if is_one_of(cls, (list, tuple, dict, set, frozenset)):
        return _contents(o)
    return _registered(_LABELS, o)


def kind(o: Live) -> str:
    """What the object is, where it has a name of its own; else an empty string. O(1)."""
    cls = type(o)
    if issubclass(cls, type):
        return "class"
    if issubclass(cls, types.ModuleType):
        return "module"
    return "function" if cls is types.FunctionType else ""


def stuck(o: Live) -> str:
    """Why the object should not be alive any more, or an empty string. O(1)."""
    return _registered(_STUCK, o)


def expected(o: Live) -> str:
    """Why the object lives as long as the process, or an empty string. O(1)."""
    return _registered(_EXPECTED, o)


def _registered(registry: dict[str, Describer], o: Live) -> str:
    for base in mro_of(type(o)):
        describer = registry.get(class_name(base))
        if describer is not None:
            return describer(o)[:_LIMIT]
    return ""


def _contents(o: Live) -> str:
    """Types of the first items of a plain container: ``(Service, float)``."""
    if type(o) is dict:
        values = list(dict.values(o))
    else:
        values = filled(o) if issubclass(type(o), (list, tuple)) else list(o)
    names = [type_name(value).rpartition(".")[2] for value in values[:_MANY]]
    if len(values) > _MANY:
        names.append("…")
    brackets = {"list": "[]", "tuple": "()"}.get(type_name(o), "{}")
    opening, closing = brackets[0], brackets[1]
    return opening + ", ".join(names) + closing


def _place(o: Live) -> str:
    """A module's, class's or function's dotted name, a type's for anything else."""
    cls = type(o)
    if issubclass(cls, (type, types.ModuleType)) or cls is types.FunctionType:
        return label(o)
    return type_name(o)


def _patch(o: Live) -> str:
    """The patched place, ``os.getcwd``: resolved, or still behind the ``getter``."""
    name = _stored(o, "attribute")
    target = _stored(o, "target")
    where = _place(target) if target is not None else _patch_source(_stored(o, "getter"))
    return f"{where}.{plain(name)}" if name is not None else where


def _patch_source(getter: Live) -> str:
    """``patch("os.getcwd")`` keeps the target's name in a closure, or in a partial."""
    if type(getter) is types.FunctionType:
        cells = _raw_closure(getter) or ()
        for name, cell in zip(_raw_code(getter).co_freevars, cells, strict=False):
            if name == "target":
                held = cell_contents(cell)
                return plain(held) if type(held) is str else _place(held)
    if class_name(type(getter)) == "functools.partial":
        arguments = _stored(getter, "args")
        first = next(iter(filled(arguments)), None) if type(arguments) is tuple else None
        if type(first) is str:
            return first
    return "?"


def _patch_dict(o: Live) -> str:
    target = _stored(o, "in_dict")
    if type(target) is str:
        return f"patch.dict of {target}"
    return f"patch.dict of {type_name(target)}"


def _mock(o: Live) -> str:
    """A mock's name with its parents', ``client.upload``, as far as names were given."""
    names: list[str] = []
    at: Live = o
    for _ in range(_DEEP):
        namespace = instance_dict(at, make=True)
        if namespace is None:
            break
        name = dict.get(namespace, "_mock_new_name") or dict.get(namespace, "_mock_name")
        if type(name) is str and name:
            names.append(name)
        at = dict.get(namespace, "_mock_new_parent")
        if at is None:
            break
    joined = ""
    for name in reversed(names):
        joined += name if not joined or name.startswith(("(", "[")) else f".{name}"
    return joined


def _mock_call(o: Live) -> str:
    """The called mock's name and how many arguments the call keeps."""
    parts = filled(o)
    name = next((plain(p) for p in parts if type(p) is str), "")
    positional = next((p for p in parts if type(p) is tuple), ())
    shown = ", ".join(type_name(a).rpartition(".")[2] for a in filled(positional)[:_MANY])
    return f"{name}({shown})"


def _named(field: str) -> Describer:
    def describer(o: Live) -> str:
        value = _stored(o, field)
        return plain(value) if type(value) is str else ""

    return describer


def _handler(o: Live) -> str:
    value = _stored(o, "baseFilename") or _stored(o, "_name")
    return plain(value) if type(value) is str else ""


def _partial(o: Live) -> str:
    return label(_stored(o, "func"))


def _cache(o: Live) -> str:
    """The cached function, whether each instance's ``self`` is among the keys, and the limit."""
    function = _stored(o, "__wrapped__")
    name = plain(_raw_function_name(function)) if type(function) is types.FunctionType else "?"
    owner, _, own = name.rpartition(".<locals>.")[2].rpartition(".")
    where = "on a method" if owner and not _is_static(function, owner, own) else "on a function"
    limit = type(o).cache_info(o).maxsize
    return f"{name.rpartition('.<locals>.')[2]}, {where}, {limit or 'no'} limit"


def _is_static(function: Live, owner: str, name: str) -> bool:
    """Whether a class of a module has the function as a static method."""
    module = sys.modules.get(plain(_raw_function_module(function)))
    cls: Live = dict.get(module_dict(module), owner) if module is not None else None
    if not issubclass(type(cls), type):
        return False
    return type(class_dict(cls).get(name)) is staticmethod


def _task(o: Live) -> str:
    coroutine = type(o).__dict__.get("_coro")
    if type(coroutine) is not types.GetSetDescriptorType:
        return ""
    held = coroutine.__get__(o)
    return plain(held.__qualname__) if type(held) is types.CoroutineType else ""


def _chroma(o: Live) -> str:
    """Whether a System stores on disk; its path differs per test and stays out."""
    persistent = _stored(_stored(o, "settings"), "is_persistent")
    if type(persistent) is not bool:
        return ""
    return "persistent" if persistent else "in memory"


_LABELS: dict[str, Describer] = {
    "unittest.mock._patch": _patch,
    "unittest.mock._patch_dict": _patch_dict,
    "unittest.mock.NonCallableMock": _mock,
    "unittest.mock._Call": _mock_call,
    "threading.Thread": _named("_name"),
    "logging.Handler": _handler,
    "logging.Logger": _named("name"),
    "functools.partial": _partial,
    "functools._lru_cache_wrapper": _cache,
    "_asyncio.Task": _task,
    "chromadb.config.System": _chroma,
}


# --- what is finished and yet alive --------------------------------------------------------------


def _closed_raw_file(o: Live) -> str:
    return "closed file" if _raw_closed(o) is True else ""


def _closed_text(o: Live) -> str:
    """A text file asks its buffer; only a buffer that is C itself is asked."""
    try:
        buffer = _io.TextIOWrapper.__dict__["buffer"].__get__(o)
    except (ValueError, AttributeError):
        return ""
    return _closed_buffer(buffer) if is_one_of(type(buffer), _BUFFERS) else ""


def _closed_buffer(o: Live) -> str:
    if not is_one_of(type(o), _BUFFERS):
        return ""
    raw = type(o).__dict__["raw"].__get__(o)
    return _closed_raw_file(raw) if type(raw) is _io.FileIO else ""


_raw_closed = _io.FileIO.__dict__["closed"].__get__
_raw_fileno = _socket.socket.__dict__["fileno"]
_BUFFERS = (_io.BufferedReader, _io.BufferedWriter, _io.BufferedRandom)


def _closed_socket(o: Live) -> str:
    return "closed socket" if _raw_fileno(o) == -1 else ""


def _flag(field: str, value: object, reason: str) -> Describer:
    def describer(o: Live) -> str:
        return reason if _stored(o, field) is value else ""

    return describer


def _finished_thread(o: Live) -> str:
    """Up to 3.12 a flag; from 3.13 on the handle of the C thread knows."""
    if _stored(o, "_is_stopped") is True:
        return "finished thread"
    handle = _stored(o, "_handle")
    if handle is not None and class_name(type(handle)) == "_thread._ThreadHandle":
        done = type(handle).__dict__["is_done"](handle)
        started = _stored(_stored(o, "_started"), "_flag")
        return "finished thread" if done is True and started is True else ""
    return ""


def _finished_task(o: Live) -> str:
    for base in mro_of(type(o)):
        if class_name(base) in ("_asyncio.Task", "_asyncio.Future"):
            return "finished task" if base.__dict__["done"](o) is True else ""
    return ""


def _ended_process(o: Live) -> str:
    return "ended process" if type(_stored(o, "returncode")) is int else ""


_STUCK: dict[str, Describer] = {
    "_io.FileIO": _closed_raw_file,
    "_io.TextIOWrapper": _closed_text,
    "_io.BufferedReader": _closed_buffer,
    "_io.BufferedWriter": _closed_buffer,
    "_io.BufferedRandom": _closed_buffer,
    "_socket.socket": _closed_socket,
    "threading.Thread": _finished_thread,
    "asyncio.base_events.BaseEventLoop": _flag("_closed", True, "closed event loop"),
    "_asyncio.Task": _finished_task,
    "_asyncio.Future": _finished_task,
    "concurrent.futures.thread.ThreadPoolExecutor": _flag("_shutdown", True, "shut down executor"),
    "logging.Handler": _flag("_closed", True, "closed logging handler"),
    "asyncio.events.Handle": _flag("_cancelled", True, "cancelled callback"),
    "subprocess.Popen": _ended_process,
    "multiprocessing.queues.Queue": _flag("_closed", True, "closed queue"),
    "multiprocessing.process.BaseProcess": _flag("_closed", True, "closed process"),
}


# --- what lives as long as the process -----------------------------------------------------------


def _always(reason: str) -> Describer:
    return lambda _: reason


_EXPECTED: dict[str, Describer] = {
    "logging.Logger": _always("logging keeps its loggers"),
    "logging.Manager": _always("logging keeps its loggers"),
    "threading._MainThread": _always("the main thread"),
}
