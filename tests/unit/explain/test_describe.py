"""Labels, and what is finished and yet alive."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, call, patch

import pytest

from pytest_leakcheck.explain.describe import label, stuck


class Target:
    attribute = 1


@pytest.mark.parametrize(
    ("o", "expected"),
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
    ids=str,
)
def test_labels(o: object, expected: str) -> None:
    assert label(o) == expected


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


def test_tasks_that_are_done() -> None:
    async def main() -> tuple[str, str, str]:
        task = asyncio.ensure_future(asyncio.sleep(0))
        name = label(task)
        before = stuck(task)
        await task
        return name, before, stuck(task)

    assert asyncio.run(main()) == ("sleep", "", "finished task")
