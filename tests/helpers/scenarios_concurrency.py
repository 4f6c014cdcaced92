"""Known leaks of threads, processes, event loops, and of what they use."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import queue
import selectors
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import shared_memory
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

from scenarios import KEPT, Payload, leak

SPAWN = multiprocessing.get_context("spawn")


def end_threads() -> None:
    """End every thread that a scenario started."""
    STOP.set()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
        if thread is not threading.current_thread() and not thread.name.startswith("Thread-0"):
            thread.join(5)
    STOP.clear()


STOP = threading.Event()


@leak("thread-running", clean=end_threads)
def thread_that_waits() -> Iterator[None]:
    payload = Payload()
    thread = threading.Thread(target=lambda: (payload, STOP.wait()), daemon=True)
    thread.start()
    yield
    STOP.set()
    thread.join()
    STOP.clear()


@leak("thread-timer", clean=end_threads)
def timer_not_cancelled() -> Iterator[None]:
    timer = threading.Timer(1_000, Payload().method)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()
    timer.join()


def _shut_down() -> None:
    for executor in [o for o in gc.get_objects() if type(o) is ThreadPoolExecutor]:
        executor.shutdown()


@leak("executor-not-shut-down", clean=_shut_down)
@leak("executor-kept", clean=_shut_down)
def executor_in_a_list() -> Iterator[None]:
    executor = ThreadPoolExecutor(1)
    executor.submit(int).result()
    KEPT.append(executor)
    yield
    executor.shutdown()
    KEPT.clear()


def _terminate() -> None:
    for o in KEPT:
        o.terminate()
        o.join()


@leak("multiprocessing-pool", clean=_terminate)
def pool_not_closed() -> Iterator[None]:
    pool = ThreadPool(1)
    KEPT.append(pool)
    yield
    pool.terminate()
    pool.join()
    KEPT.clear()


def _close_queues() -> None:
    for o in KEPT:
        o.close()
        o.join_thread()


@leak("multiprocessing-queue", clean=_close_queues)
def queue_between_processes() -> Iterator[None]:
    channel: Any = SPAWN.Queue()
    channel.put(1)
    KEPT.append(channel)
    yield
    channel.close()
    channel.join_thread()
    KEPT.clear()


def _join_children() -> None:
    for process in multiprocessing.active_children():
        process.terminate()
        process.join()


@leak("process-not-joined", clean=_join_children)
def process_not_joined() -> Iterator[None]:
    process = SPAWN.Process(target=int)
    process.start()
    yield
    process.join()
    process.close()


def _reap() -> None:
    active: list[Any] = vars(subprocess)["_active"]
    for process in [*active, *KEPT]:
        process.kill()
        process.wait()
    active.clear()


SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@leak("subprocess-not-waited-for", clean=_reap)
def process_dropped() -> Iterator[None]:
    process = subprocess.Popen(SLEEP)
    yield
    process.terminate()
    process.wait()


@leak("process-kept", clean=_reap)
def process_in_a_list() -> Iterator[None]:
    KEPT.append(subprocess.Popen(SLEEP))
    yield
    process = KEPT.pop()
    process.kill()
    process.wait()


@leak("fork-hooks", remedy=False, package="posix")
def function_called_after_fork() -> Iterator[None]:
    os.register_at_fork(after_in_child=lambda: None)
    yield


def _unlink() -> None:
    for block in KEPT:
        block.close()
        block.unlink()


@leak("shared-memory", clean=_unlink)
def shared_memory_kept() -> Iterator[None]:
    KEPT.append(shared_memory.SharedMemory(create=True, size=100))
    yield
    block = KEPT.pop()
    block.close()
    block.unlink()


# --- asyncio -------------------------------------------------------------------------------------

LOOP: Any = None
EVENT: Any = None


def loop() -> Any:
    """A loop that outlives tests, as a fixture of the session would make it."""
    global LOOP, EVENT
    if LOOP is None:
        LOOP, EVENT = asyncio.new_event_loop(), asyncio.Event()
    return LOOP


def end_loop() -> None:
    global LOOP, EVENT  # noqa: PLW0603
    if LOOP is not None:
        _cancel_all()
        LOOP.close()
    LOOP = EVENT = None


def _cancel_all() -> None:
    LOOP.run_until_complete(_cancel())


async def _cancel() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _close_loops() -> None:
    for made in KEPT:
        made.close()


@leak("event-loop-not-closed", clean=_close_loops)
def loop_kept() -> Iterator[None]:
    KEPT.append(asyncio.new_event_loop())
    yield
    KEPT.pop().close()


@leak("asyncio-pending", clean=end_loop)
def timer_of_a_loop() -> Iterator[None]:
    handle = loop().call_later(1_000, Payload().method)
    yield
    handle.cancel()
    # The loop drops cancelled timers when it comes to them, or when there are many.
    LOOP._scheduled.remove(handle)


@leak("asyncio-pending", clean=end_loop)
def callback_of_a_loop_that_does_not_run() -> Iterator[None]:
    loop().call_soon(Payload().method)
    yield
    LOOP.run_until_complete(asyncio.sleep(0))


async def _wait(payload: Payload) -> None:
    await EVENT.wait()
    payload.method()


@leak("asyncio-waiting", clean=end_loop)
def task_that_waits_for_ever() -> Iterator[None]:
    loop().create_task(_wait(Payload()))
    LOOP.run_until_complete(asyncio.sleep(0))
    yield
    _cancel_all()


async def _count(payload: Payload) -> AsyncIterator[int]:
    for number in range(len(payload.data)):
        yield number


@leak("async-generator-suspended", clean=end_loop)
def async_generator_not_run_to_its_end() -> Iterator[None]:
    generator: Any = _count(Payload())
    loop().run_until_complete(anext(generator))
    KEPT.append(generator)
    yield
    LOOP.run_until_complete(generator.aclose())
    KEPT.clear()


@leak("asyncio-tasks", clean=lambda: asyncio.set_event_loop(None))
def loop_set_and_left() -> Iterator[None]:
    asyncio.set_event_loop(asyncio.new_event_loop())
    yield
    asyncio.get_event_loop_policy().get_event_loop().close()
    asyncio.set_event_loop(None)


# --- files, sockets, queues ----------------------------------------------------------------------


def close_all() -> None:
    for o in KEPT:
        o.close()


@leak("file-open", clean=close_all)
def text_file() -> Iterator[None]:
    KEPT.append(Path(os.devnull).open())  # noqa: SIM115
    yield
    KEPT.pop().close()


@leak("file-open", clean=close_all)
def temporary_file() -> Iterator[None]:
    KEPT.append(tempfile.NamedTemporaryFile())  # noqa: SIM115
    yield
    KEPT.pop().close()


@leak("socket-open", clean=close_all)
def socket_not_closed() -> Iterator[None]:
    KEPT.append(socket.socket())
    yield
    KEPT.pop().close()


@leak("sqlite-connection-open", clean=close_all)
def database_not_closed() -> Iterator[None]:
    KEPT.append(sqlite3.connect(":memory:"))
    yield
    KEPT.pop().close()


def _remove_folders() -> None:
    for folder in KEPT:
        folder.cleanup()


@leak("temporary-directory", clean=_remove_folders)
def folder_kept() -> Iterator[None]:
    KEPT.append(tempfile.TemporaryDirectory())
    yield
    KEPT.pop().cleanup()


QUEUE: queue.Queue[Any] = queue.Queue()


def _empty() -> None:
    with suppress(queue.Empty):
        while True:
            QUEUE.get_nowait()


@leak("queue-not-drained", clean=_empty)
def item_left_in_a_queue() -> Iterator[None]:
    QUEUE.put(Payload())
    yield
    QUEUE.get_nowait()


SELECTOR = selectors.DefaultSelector()


def _unregister() -> None:
    for key in list(SELECTOR.get_map().values()):
        SELECTOR.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]


@leak("selector-registered", clean=_unregister)
def socket_registered() -> Iterator[None]:
    one = socket.socket()
    SELECTOR.register(one, selectors.EVENT_READ, Payload())
    yield
    SELECTOR.unregister(one)
    one.close()
