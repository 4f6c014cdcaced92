"""Known leaks of libraries: mocks, logging, chromadb, arrays, HTTP clients, pytest itself."""

from __future__ import annotations

import importlib
import logging
import logging.handlers
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

from scenarios import KEPT, Payload, fresh, leak

# --- unittest.mock -------------------------------------------------------------------------------

CLIENT = MagicMock(name="client")
FAILING = MagicMock(side_effect=ValueError("one instance for all"))


@leak("mock-calls-kept", clean=CLIENT.reset_mock)
def calls_of_a_shared_mock() -> Iterator[None]:
    CLIENT.upload(Payload())
    yield
    CLIENT.reset_mock()


@leak("mock-children-kept", clean=CLIENT._mock_children.clear)
def children_of_a_shared_mock() -> Iterator[None]:
    name = fresh("attribute_")
    getattr(CLIENT, name)
    yield
    del CLIENT._mock_children[name]


def _reset_failing() -> None:
    FAILING.reset_mock()
    FAILING._mock_side_effect.__traceback__ = None


@leak("mock-exception-kept", clean=_reset_failing)
def mock_that_raises_one_instance() -> Iterator[None]:
    payload = Payload()
    with suppress(ValueError):
        FAILING()
    yield
    del payload
    _reset_failing()


@leak("mock-patch-not-stopped", clean=patch.stopall)
def patch_never_stopped() -> Iterator[None]:
    patcher: Any = patch("os.getlogin")
    patcher.start()
    yield
    patcher.stop()


# --- logging -------------------------------------------------------------------------------------

LOGGER = logging.getLogger("leakcheck_scenarios")
LOGGER.propagate = False
MEMORY = logging.handlers.MemoryHandler(capacity=10_000, target=logging.NullHandler())


def _reset_logger() -> None:
    for handler in LOGGER.handlers[:]:
        LOGGER.removeHandler(handler)
    LOGGER.filters.clear()
    MEMORY.buffer.clear()


@leak("logging-handler", clean=_reset_logger)
def handler_never_removed() -> Iterator[None]:
    handler = logging.StreamHandler(sys.__stderr__)
    LOGGER.addHandler(handler)
    yield
    LOGGER.removeHandler(handler)
    handler.close()


@leak("logging-filter", clean=_reset_logger)
def filter_never_removed() -> Iterator[None]:
    added = logging.Filter("x")
    LOGGER.addFilter(added)
    yield
    LOGGER.removeFilter(added)


@leak("logging-memory-handler", clean=_reset_logger)
def records_in_memory() -> Iterator[None]:
    LOGGER.addHandler(MEMORY)
    LOGGER.warning("payload %s", Payload())
    yield
    MEMORY.flush()
    LOGGER.removeHandler(MEMORY)


def _forget_loggers() -> None:
    names = logging.Logger.manager.loggerDict
    for name in [n for n in names if n.startswith("leakcheck_made_")]:
        del names[name]


@leak("logging-logger-names", clean=_forget_loggers)
def logger_per_run() -> Iterator[None]:
    name = fresh("leakcheck_made_")
    logging.getLogger(name)
    yield
    del logging.Logger.manager.loggerDict[name]


# --- chromadb ------------------------------------------------------------------------------------


def _stop_chroma() -> None:
    system_client = sys.modules["chromadb.api.client"].SharedSystemClient
    for system in list(system_client._identifier_to_system.values()):
        with suppress(Exception):
            system.stop()
    system_client.clear_system_cache()


@leak("chroma-system-registry", clean=_stop_chroma, package="chromadb", slow=True)
def client_dropped() -> Iterator[None]:
    import chromadb
    from chromadb.config import Settings

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(anonymized_telemetry=False)
        client: Any = chromadb.PersistentClient(path=folder, settings=settings)
        client.create_collection("docs", embedding_function=None)
        yield
        client.close()


@leak("chroma-system-registry", clean=_stop_chroma, package="chromadb", slow=True)
def client_released_as_before_close_existed() -> Iterator[None]:
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient

    with tempfile.TemporaryDirectory() as folder:
        client: Any = chromadb.PersistentClient(path=folder)
        client.create_collection("docs", embedding_function=None)
        yield
        client._system.stop()
        SharedSystemClient._identifier_to_system.pop(client._identifier)


# --- arrays and frames ---------------------------------------------------------------------------


@leak("numpy-array-kept", package="numpy", container=True)
def array_in_a_list() -> Iterator[None]:
    import numpy as np

    KEPT.append(np.zeros(1_000))
    yield
    KEPT.pop()


@leak("pandas-frame-kept", package="pandas")
def column_in_a_list() -> Iterator[None]:
    import pandas as pd

    KEPT.append(pd.DataFrame({"a": range(100)})["a"])
    yield
    KEPT.pop()


# --- HTTP clients, filesystems -------------------------------------------------------------------


def _close_all() -> None:
    for o in KEPT:
        o.close() if hasattr(o, "close") else o.clear()


def _session(package: str, name: str) -> Iterator[None]:
    KEPT.append(getattr(importlib.import_module(package), name)())
    yield
    _close_all()
    KEPT.clear()


@leak("http-session", clean=_close_all, package="requests")
def requests_session() -> Iterator[None]:
    yield from _session("requests", "Session")


@leak("http-session", clean=_close_all, package="urllib3")
def urllib3_pool_manager() -> Iterator[None]:
    yield from _session("urllib3", "PoolManager")


@leak("http-session", clean=_close_all, package="httpx")
def httpx_client() -> Iterator[None]:
    yield from _session("httpx", "Client")


def _clear_filesystems() -> None:
    sys.modules["fsspec.implementations.memory"].MemoryFileSystem.clear_instance_cache()


@leak("fsspec-instances", clean=_clear_filesystems, package="fsspec")
def filesystem_per_run() -> Iterator[None]:
    import fsspec  # type: ignore[import-untyped]

    fsspec.filesystem("memory", token=fresh("x"))
    yield
    _clear_filesystems()


# --- matplotlib ----------------------------------------------------------------------------------
# It is large and not installed for the tests. The stand-in has the same path as matplotlib's
# registry of figures (_pylab_helpers.Gcf.figs, a dict of managers by number), which pyplot fills
# and plt.close() empties, and nothing else.


class Gcf:
    figs: dict[int, Any]


def _pylab_helpers() -> Any:
    module: Any = sys.modules.get("matplotlib._pylab_helpers")
    if module is None:
        module = types.ModuleType("matplotlib._pylab_helpers")
        module.Gcf = type("Gcf", (), {"figs": {}, "__module__": module.__name__})
        sys.modules[module.__name__] = module
    return module


def _forget_stand_in() -> None:
    _pylab_helpers().Gcf.figs.clear()
    del sys.modules["matplotlib._pylab_helpers"]


@leak("matplotlib-figure", clean=_forget_stand_in)
def figure_never_closed() -> Iterator[None]:
    figures = _pylab_helpers().Gcf.figs
    number = int(fresh(""))
    figures[number] = Payload()
    yield
    del figures[number]


# --- coverage ------------------------------------------------------------------------------------

MEASURING: list[Any] = []


def _stop_measuring() -> None:
    while MEASURING:
        MEASURING.pop().stop()


@leak("coverage-data", clean=_stop_measuring, remedy=False, package="coverage")
def new_code_under_coverage() -> Iterator[None]:
    import coverage

    if not MEASURING:
        MEASURING.append(coverage.Coverage(data_file=None, config_file=False, messages=False))
        MEASURING[0].start()
    name = Path(tempfile.gettempdir()) / f"{fresh('leakcheck_made_')}.py"
    exec(compile("x = 1\n" * 50, str(name), "exec"), {})  # noqa: S102 - new code is the leak
    yield
