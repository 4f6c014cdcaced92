"""Known leaks of the interpreter and its registries: caches, hooks, classes, exceptions."""

from __future__ import annotations

import abc
import atexit
import codecs
import contextvars
import copyreg
import ctypes
import functools
import gc
import importlib
import linecache
import os
import re
import signal
import sys
import tempfile
import threading
import types
import typing
import unittest
import unittest.case
import warnings
import weakref
import zipfile
import zipimport
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar

from scenarios import KEPT, Payload, fresh, leak

# --- caches --------------------------------------------------------------------------------------


class Service:
    @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - the leak itself
    def compute(self, x: object) -> object:
        return x

    @staticmethod
    @functools.cache
    def parse(x: object) -> list[object]:
        return [x]


@functools.cache
def unbounded(x: object) -> list[object]:
    return [x]


@functools.lru_cache(maxsize=16)
def bounded(x: object) -> list[object]:
    return [x]


@functools.singledispatch
def dispatch(_: object) -> None: ...


class Key:
    pass


BY_KEY: weakref.WeakKeyDictionary[Key, list[object]] = weakref.WeakKeyDictionary()


@leak("weak-key-cycle", clean=BY_KEY.clear)
def value_refers_to_its_key() -> Iterator[None]:
    key = Key()
    BY_KEY[key] = [key, Payload()]
    yield
    BY_KEY[key][0] = weakref.ref(key)
    del key


@leak("lru-cache", clean=Service.compute.cache_clear)
def cached_method() -> Iterator[None]:
    Service().compute(Payload())
    yield
    Service.compute.cache_clear()


@leak("functools-cache", clean=unbounded.cache_clear)
def cached_function() -> Iterator[None]:
    unbounded(fresh("x"))
    yield
    unbounded.cache_clear()


@leak("functools-cache", clean=Service.parse.cache_clear)
def cached_static_method() -> Iterator[None]:
    Service.parse(fresh("x"))
    yield
    Service.parse.cache_clear()


@leak("lru-cache-function", clean=bounded.cache_clear)
def bounded_function() -> Iterator[None]:
    bounded(fresh("x"))
    yield
    bounded.cache_clear()


def singledispatch_anew() -> None:
    global dispatch  # noqa: PLW0603

    @functools.singledispatch
    def dispatch(_: object) -> None: ...


@leak("singledispatch-registry", clean=singledispatch_anew, remedy=False)
def singledispatch_of_a_class_per_run() -> Iterator[None]:
    dispatch.register(type("Made", (), {}), lambda x: x)
    yield


@leak("typing-cache", remedy=False)
def subscript_with_a_class_per_run() -> Iterator[None]:
    typing.List[type("Made", (), {})]  # type: ignore[misc] # noqa: UP006
    yield


@leak("re-cache", clean=re.purge)
def pattern_per_run() -> Iterator[None]:
    re.compile(fresh("pattern"))
    yield
    re.purge()


@leak("linecache", clean=linecache.clearcache)
def generated_source() -> Iterator[None]:
    name = f"<{fresh('generated')}>"
    linecache.cache[name] = (1, None, ["x = 1\n"], name)
    yield
    linecache.clearcache()


class Abstract(abc.ABC):  # noqa: B024
    """An abstract class that classes of tests are checked against."""


@leak("abc-caches", container=True, remedy=False)
def class_checked_against_an_abstract_one() -> Iterator[None]:
    made = type("Made", (), {})
    KEPT.append(made)
    isinstance(made(), Abstract)
    yield


@leak("encodings-cache", container=True, remedy=False)
def unknown_encoding() -> Iterator[None]:
    with suppress(LookupError):
        "".encode(fresh("encoding"))
    yield


@leak("ctypes-types", remedy=False)
def pointer_to_a_structure_per_run() -> Iterator[None]:
    ctypes.POINTER(type("Made", (ctypes.Structure,), {"_fields_": [("x", ctypes.c_int)]}))
    yield


@leak("pickle-registry", clean=lambda: _drop_made(copyreg.dispatch_table))
def pickle_function_per_run() -> Iterator[None]:
    made = type("Made", (), {})
    copyreg.pickle(made, lambda o: (made, ()))
    yield
    del copyreg.dispatch_table[made]


def _drop_made(table: dict[type, Any]) -> None:
    for made in [cls for cls in table if cls.__name__ == "Made"]:
        del table[made]


def _remove_finders() -> None:
    for folder in [p for p in sys.path_importer_cache if "leakcheck-folder" in p]:
        del sys.path_importer_cache[folder]
    sys.path[:] = [p for p in sys.path if "leakcheck-folder" not in p]


@leak("path-importer-cache", clean=_remove_finders)
def folder_imported_from() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="leakcheck-folder") as folder:
        sys.path.insert(0, folder)
        with suppress(ImportError):
            importlib.import_module(fresh("missing_module_"))
        sys.path.remove(folder)
    yield
    del sys.path_importer_cache[folder]


@leak("zip-directory-cache", clean=_remove_finders, container=True)
def zip_file_imported_from() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="leakcheck-folder") as folder:
        file = f"{folder}/{fresh('some_')}.zip"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("nothing.txt", "")
        sys.path.insert(0, file)
        with suppress(ImportError):
            importlib.import_module(fresh("missing_module_"))
        sys.path.remove(file)
    del sys.path_importer_cache[file]
    yield
    del zipimport._zip_directory_cache[file]  # type: ignore[attr-defined]


@leak("sys-path", clean=_remove_finders, container=True)
def folder_left_on_the_path() -> Iterator[None]:
    folder = fresh("/leakcheck-folder")
    sys.path.append(folder)
    yield
    sys.path.remove(folder)


# --- warnings ------------------------------------------------------------------------------------

_filters: list[Any] = []


def filters_in_force() -> Any:
    """The list itself; each ``catch_warnings`` puts another one in its place."""
    return warnings.filters


def _warn() -> None:
    # Reinstalling filters empties the registries, so it is done only once.
    if not _filters:
        _filters.append((warnings.filters[:], warnings.showwarning))
        warnings.showwarning = lambda *_: None
        warnings.filterwarnings("default", message="leakcheck")
    warnings.warn(fresh("leakcheck "), UserWarning, stacklevel=1)


def _restore_filters() -> None:
    if _filters:
        filters_in_force()[:], warnings.showwarning = _filters.pop()
    globals().pop("__warningregistry__", None)


@leak("warning-registry", clean=_restore_filters, container=True)
def warning_with_a_new_text() -> Iterator[None]:
    _warn()
    yield
    globals()["__warningregistry__"].clear()


@leak("warning-filters")
def filter_per_run() -> Iterator[None]:
    message = fresh("leakcheck ")
    warnings.filterwarnings("ignore", message=message)
    yield
    found = filters_in_force()
    found[:] = [entry for entry in found if getattr(entry[1], "pattern", "") != message]


# --- hooks and registries ------------------------------------------------------------------------


def _search(function: Any) -> Any:
    return types.FunctionType(function.__code__, globals())


def _find_no_codec(_: str) -> None: ...


_registered: list[Any] = []


def _unregister_codecs() -> None:
    while _registered:
        codecs.unregister(_registered.pop()())


@leak("codecs-registry", clean=_unregister_codecs)
def codec_search_function() -> Iterator[None]:
    function = _search(_find_no_codec)
    codecs.register(function)
    _registered.append(weakref.ref(function))
    yield
    codecs.unregister(function)
    _registered.pop()


@leak("codec-error-handlers", remedy=False)
def codec_error_handler() -> Iterator[None]:
    codecs.register_error(fresh("leakcheck-"), lambda _: ("", 0))
    yield


@leak("signal-handler", clean=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
def signal_handler() -> Iterator[None]:
    payload = Payload()
    old = signal.signal(signal.SIGTERM, lambda *_: payload.method())
    yield
    signal.signal(signal.SIGTERM, old)


def _old_hook() -> None:
    sys.excepthook = sys.__excepthook__


@leak("interpreter-hook", clean=_old_hook)
def exception_hook() -> Iterator[None]:
    old, payload = sys.excepthook, Payload()
    sys.excepthook = lambda *_: payload.method()
    yield
    sys.excepthook = old


class Finder:
    def find_spec(self, *_: object) -> None: ...


@leak("import-hooks", clean=lambda: _remove_instances(sys.meta_path, Finder))
def import_hook() -> Iterator[None]:
    finder: Any = Finder()
    sys.meta_path.append(finder)
    yield
    sys.meta_path.remove(finder)


def _remove_instances(found: list[Any], cls: type) -> None:
    found[:] = [o for o in found if type(o) is not cls]


@leak("gc-callbacks", clean=lambda: _remove_instances(gc.callbacks, functools.partial))
def collector_callback() -> Iterator[None]:
    callback = functools.partial(Payload().method)
    gc.callbacks.append(callback)
    yield
    gc.callbacks.remove(callback)


def _stop_saving() -> None:
    gc.set_debug(0)
    gc.garbage.clear()


@leak("gc-garbage", clean=_stop_saving)
def collector_saves_everything() -> Iterator[None]:
    gc.set_debug(gc.DEBUG_SAVEALL)
    cycle: list[Any] = [Payload()]
    cycle.append(cycle)
    del cycle
    gc.collect()
    yield
    gc.set_debug(0)
    gc.garbage.clear()


def _forget_modules() -> None:
    for name in [n for n in sys.modules if n.startswith("leakcheck_made_")]:
        del sys.modules[name]


@leak("modules-imported", clean=_forget_modules)
def module_made() -> Iterator[None]:
    name = fresh("leakcheck_made_")
    module: Any = types.ModuleType(name)
    module.payload = Payload()
    sys.modules[name] = module
    yield
    del sys.modules[name]


def _forget_variables() -> None:
    for name in [n for n in os.environ if n.startswith("LEAKCHECK_MADE_")]:
        del os.environ[name]


@leak("environment", clean=_forget_variables, container=True)
def environment_variable() -> Iterator[None]:
    name = fresh("LEAKCHECK_MADE_")
    os.environ[name] = "x"
    yield
    del os.environ[name]


def _detach_all() -> None:
    registry: Any = weakref.finalize._registry  # type: ignore[attr-defined]
    for finalizer in [f for f, info in registry.items() if info.func is Payload.method]:
        finalizer.detach()


@leak("weakref-finalize", clean=_detach_all)
def finalizer_that_refers_to_its_object() -> Iterator[None]:
    payload = Payload()
    finalizer = weakref.finalize(payload, Payload.method, payload)
    yield
    finalizer.detach()


_callbacks: list[Any] = []


def _unregister_callbacks() -> None:
    while _callbacks:
        payload = _callbacks.pop()()
        if payload is not None:
            atexit.unregister(payload.method)


@leak("held-from-c", clean=_unregister_callbacks)
def exit_callback() -> Iterator[None]:
    payload = Payload()
    atexit.register(payload.method)
    _callbacks.append(weakref.ref(payload))
    yield
    atexit.unregister(payload.method)


@leak("held-from-c", remedy=False)
def reference_taken_in_c() -> Iterator[None]:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(Payload()))
    yield


@leak("unittest-cleanups", clean=unittest.case.doModuleCleanups)
def module_cleanup() -> Iterator[None]:
    unittest.addModuleCleanup(Payload().method)
    yield
    unittest.case.doModuleCleanups()


# --- classes -------------------------------------------------------------------------------------


class Plugin:
    """Every subclass is entered, as frameworks do."""

    made: ClassVar[list[type]] = []

    def __init_subclass__(cls) -> None:
        Plugin.made.append(cls)


@leak("class-per-run", clean=Plugin.made.clear)
def class_entered_by_init_subclass() -> Iterator[None]:
    made = type("Made", (Plugin,), {})
    yield
    Plugin.made.remove(made)


@leak("class-per-run", clean=Plugin.made.clear)
def class_in_a_list() -> Iterator[None]:
    made = type("Made", (abc.ABC,), {})
    KEPT.append(made)
    yield
    KEPT.remove(made)


@leak("class-replaced", clean=_forget_modules)
def instance_from_before_a_reload() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "leakcheck_made_module.py").write_text("class Made: ...\n")
        sys.path.insert(0, folder)
        try:
            module: Any = importlib.import_module("leakcheck_made_module")
            KEPT.append(module.Made())
            importlib.reload(module)
        finally:
            sys.path.remove(folder)
            sys.path_importer_cache.pop(folder, None)
            del sys.modules["leakcheck_made_module"]
            sys.modules["leakcheck_made_module"] = module
    yield
    KEPT.clear()


# --- exceptions, frames, contexts ----------------------------------------------------------------


def _fail() -> None:
    payload = Payload()
    raise ValueError(str(type(payload)))


SHARED = LookupError("one instance for all")


@leak("exception-kept")
def exception_in_a_list() -> Iterator[None]:
    try:
        _fail()
    except ValueError as error:
        KEPT.append(error)
    yield
    KEPT.pop().__traceback__ = None


@leak("exception-kept", clean=lambda: SHARED.with_traceback(None))
def exception_raised_again_and_again() -> Iterator[None]:
    payload = Payload()
    with suppress(LookupError):
        raise SHARED
    yield
    SHARED.__traceback__ = None
    del payload


@leak("traceback-kept")
def traceback_in_a_list() -> Iterator[None]:
    try:
        _fail()
    except ValueError as error:
        KEPT.append(error.__traceback__)
    yield
    KEPT.clear()


def _forget_last() -> None:
    for name in ("last_value", "last_traceback", "last_type", "last_exc"):
        vars(sys).pop(name, None)


@leak("last-traceback", clean=_forget_last)
def last_exception_for_a_debugger() -> Iterator[None]:
    try:
        _fail()
    except ValueError as error:
        sys.last_value = error
    yield
    _forget_last()


def _numbers(payload: Payload) -> Iterator[int]:
    yield from range(len(payload.data))


@leak("generator-suspended")
def generator_not_run_to_its_end() -> Iterator[None]:
    generator: Any = _numbers(Payload())
    next(generator)
    KEPT.append(generator)
    yield
    generator.close()
    KEPT.clear()


VARIABLE: contextvars.ContextVar[Any] = contextvars.ContextVar("VARIABLE", default=None)


@leak("context-variable", clean=lambda: VARIABLE.set(None))
def context_variable() -> Iterator[None]:
    token = VARIABLE.set(Payload())
    yield
    VARIABLE.reset(token)


@leak("context-token", clean=lambda: VARIABLE.set(None))
def chain_of_tokens() -> Iterator[None]:
    token = VARIABLE.set(Payload())
    KEPT.append(token)
    yield
    VARIABLE.reset(KEPT.pop())


LOCAL = threading.local()


@leak("thread-local", clean=lambda: vars(LOCAL).clear())
def data_of_the_thread() -> Iterator[None]:
    vars(LOCAL).setdefault("items", []).append(Payload())
    yield
    LOCAL.items.clear()


STACK = ExitStack()


@leak("exit-stack", clean=STACK.pop_all)
def stack_never_closed() -> Iterator[None]:
    STACK.callback(Payload().method)
    yield
    STACK.close()
