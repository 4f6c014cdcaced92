"""Labels, and what is finished and yet alive."""

from __future__ import annotations

import asyncio
import functools
import logging
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, call, patch

import pytest

from pytest_leakcheck.explain.describe import expected, label, stuck


class Target:
    attribute = 1


def _with_any_address(value: object) -> str:
    """The same in each process, as pytest-xdist wants it."""
    return re.sub(r"0x[0-9a-f]+|id='[0-9]+'", "*", str(value))


@pytest.mark.parametrize(
    ("o", "told"),
    [
        (patch("os.getcwd"), "os.getcwd"),
        (patch.object(os, "getcwd"), "os.getcwd"),
        (patch.object(Target, "attribute"), f"{__name__}.Target.attribute"),
        (patch.dict("os.environ", {}), "patch.dict of os.environ"),
        (patch.dict({}, {}), "patch.dict of dict"),
        (MagicMock(name="client").upload.stream, "client.upload.stream"),
        (MagicMock(name="client").upload(), "client.upload()"),
        (MagicMock(), ""),
        (call.upload(b"x", [1]), "upload(bytes, list)"),
        (threading.Thread(name="worker"), "worker"),
        (logging.getLogger("a.b"), "a.b"),
        (functools.partial(os.path.join, "x"), "posixpath.join"),
        (Target, f"{__name__}.Target"),
        (os, "os"),
        (Target(), ""),
        ((Target(), 1.0), "(Target, float)"),
        ([1, 2, 3, 4, 5], "[int, int, int, int, …]"),
        ({"k": b""}, "{bytes}"),
        ({}, "{}"),
    ],
    ids=_with_any_address,
)
def test_labels(o: object, told: str) -> None:
    assert label(o) == told


def test_a_started_patch_is_labelled_by_what_it_patched() -> None:
    patcher: Any = patch("os.getlogin")
    patcher.start()
    try:
        assert label(patcher) == "os.getlogin"
    finally:
        patcher.stop()


def test_files_that_are_closed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    for mode in ("r", "rb", "w", "wb", "r+b"):
        with path.open(mode) as file:
            assert stuck(file) == ""
        assert stuck(file) == "closed file"


def test_sockets_that_are_closed() -> None:
    one, two = socket.socketpair()
    assert stuck(one) == ""
    one.close()
    two.close()
    assert stuck(one) == "closed socket"


def test_threads_that_have_ended() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    assert stuck(thread) == ""
    thread.start()
    assert stuck(thread) == ""
    stop.set()
    thread.join()
    assert stuck(thread) == "finished thread"


def test_executors_and_handlers_and_loops_that_are_closed() -> None:
    executor = ThreadPoolExecutor(1)
    handler = logging.NullHandler()
    loop = asyncio.new_event_loop()
    assert [stuck(o) for o in (executor, handler, loop)] == ["", "", ""]
    executor.shutdown()
    loop.close()
    assert [stuck(executor), stuck(loop)] == ["shut down executor", "closed event loop"]


def test_processes_callbacks_and_queues_that_have_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    loop = asyncio.new_event_loop()
    handle = loop.call_later(1_000, print)
    queue = multiprocessing.get_context("spawn").Queue()
    assert [stuck(o) for o in (process, handle, queue)] == ["", "", ""]
    with process:
        process.kill()
    handle.cancel()
    loop.close()
    queue.close()
    assert [stuck(o) for o in (process, handle, queue)] == [
        "ended process",
        "cancelled callback",
        "closed queue",
    ]


@functools.lru_cache(maxsize=8)
def cached(x: object) -> object:
    return x


class Cached:
    @functools.cache  # noqa: B019 - that is what is told apart
    def method(self) -> None: ...

    @staticmethod
    @functools.cache
    def static() -> None: ...


def test_a_cache_says_whether_it_keeps_instances_and_how_many() -> None:
    class Local:
        @functools.cache  # noqa: B019
        def method(self) -> None: ...

    assert [label(o) for o in (cached, Cached.method, Cached.static, Local.method)] == [
        "cached, on a function, 8 limit",
        "Cached.method, on a method, no limit",
        "Cached.static, on a function, no limit",
        "Local.method, on a method, no limit",
    ]


def test_loggers_and_the_main_thread_are_expected() -> None:
    assert expected(logging.getLogger("a")) == "logging keeps its loggers"
    assert expected(threading.main_thread()) == "the main thread"
    assert expected(threading.Thread()) == expected([]) == ""


def test_tasks_that_are_done() -> None:
    async def main() -> tuple[str, str, str]:
        task = asyncio.ensure_future(asyncio.sleep(0))
        name = label(task)
        before = stuck(task)
        await task
        return name, before, stuck(task)

    assert asyncio.run(main()) == ("sleep", "", "finished task")
