"""Traces of live leaks: each step with what it is, and whether and why it should be alive."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
from leaks import cause_of, causes_in_thread, causes_of

from pytest_leakcheck.explain.status import ADDED, BORN
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.text.trace import path_lines

KEPT: list[Any] = []
BY_KEY: weakref.WeakKeyDictionary[Any, object] = weakref.WeakKeyDictionary()
LOG = logging.getLogger("pytest_leakcheck.tests.traces")


class Payload:
    def method(self) -> None: ...


class Registry:
    entries: ClassVar[dict[int, object]] = {}


@pytest.fixture(autouse=True)
def _emptied() -> Iterator[None]:
    yield
    KEPT.clear()
    Registry.entries.clear()


def told(cause: Cause) -> list[tuple[str, str, str]]:
    """Kind or type, status with a mark for a suspect, and reason of each step."""
    return [(s.type, s.status + "!" * s.suspect, s.reason) for s in cause.steps]


def test_a_module_and_a_class_are_expected_and_the_head_is_stuck() -> None:
    cause = cause_of(lambda: Registry.entries.update({len(Registry.entries): Payload()}))
    assert told(cause) == [
        ("class", "expected", "a class of a module"),
        ("dict", "unknown!", ""),
        (f"{__name__}.Payload", "stuck!", BORN),
    ]
    assert path_lines(cause.steps) == [
        f"class {__name__}.Registry, expected: a class of a module",
        "|- Registry.entries             dict of Payload",
        "|  ~~~~~~~~~~~~~~~~",
        f"`- [2]                          {__name__}.Payload, stuck: {BORN}",
        "   ~~~",
    ]


def test_a_logger_in_use_clears_the_way_to_it() -> None:
    cause = cause_of(lambda: LOG.addFilter(logging.Filter("x")))
    LOG.filters.clear()
    assert [s.status for s in cause.steps][:-2] == ["expected"] * (len(cause.steps) - 2)
    suspects = [s.edge for s in cause.steps if s.suspect]
    assert suspects == [".filters", "[2]"]


def test_what_hangs_on_something_finished_is_stuck_with_it() -> None:
    """The fault is that the closed file is kept, not what it is given."""
    file: Any = Path(__file__).open()  # noqa: SIM115 - it is closed on the next line
    file.close()
    file.notes = []
    KEPT.append(file)
    cause = cause_of(lambda: file.notes.append(Payload()))
    found = {s.edge: (s.status, s.suspect, s.reason) for s in cause.steps[1:]}
    assert found == {
        ".KEPT": ("unknown", True, ""),
        "[0]": ("stuck", True, "closed file"),
        ".notes": ("stuck", False, "it hangs on the TextIOWrapper, which is stuck"),
        "[2]": ("stuck", False, BORN),
    }


def test_a_frame_of_a_running_thread_is_named_by_thread_and_variable() -> None:
    def worker(turn: Callable[[], bool]) -> None:
        mine: list[object] = []
        while turn():
            mine.append(Payload())

    causes = causes_in_thread(worker, "worker-3")
    (cause,) = [c for c in causes if c.head == f"{__name__}.Payload"]
    assert cause.steps[0].type.startswith("frame of thread worker-3 (")
    assert told(cause)[0][1:] == ("expected", "the call is still running")
    assert [s.edge for s in cause.steps[1:]] == ["local mine", "[2]"]
    assert "worker-3" not in cause.holder, "the fingerprint is the same for every thread"


def test_what_the_stack_of_a_new_thread_holds_is_part_of_the_thread() -> None:
    """One cause for one thread, not one for each of its local variables."""
    stop = threading.Event()

    def start() -> None:
        waiting = threading.Condition()

        def wait(condition: threading.Condition) -> None:
            with condition:
                while not stop.is_set():
                    condition.wait(0.01)

        threading.Thread(target=wait, args=(waiting,), name="new", daemon=True).start()

    try:
        causes = causes_of(start)
    finally:
        stop.set()
    assert "threading._active[*]" in {c.holder for c in causes}
    assert not [c.holder for c in causes if c.holder.startswith("stack → local self")]


def test_a_shut_down_executor_is_stuck() -> None:
    def keep() -> None:
        executor = ThreadPoolExecutor(1)
        executor.submit(int).result()
        executor.shutdown()
        KEPT.append(executor)

    (cause,) = [c for c in causes_of(keep) if "Executor" in c.head]
    assert cause.steps[-1].reason == "shut down executor"
    assert cause.known is None, "it was shut down: that remedy would be wrong"


def test_a_bound_method_held_from_c_hangs_on_compiled_code() -> None:
    import ctypes

    def keep() -> None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(Payload().method))

    (cause,) = [c for c in causes_of(keep) if c.head == "method"]
    assert told(cause) == [("compiled code", "unknown", ""), ("method", "stuck!", BORN)]
    assert path_lines(cause.steps)[1].endswith(
        f"bound method {__name__}.Payload.method, stuck: {BORN}"
    )


def test_a_value_of_weak_keys_that_goes_with_its_key_is_not_held_by_their_table() -> None:
    """concurrent.futures maps each worker thread to its queue: who keeps the thread keeps both."""
    made: list[weakref.ref[ThreadPoolExecutor]] = []

    def keep() -> None:
        executor = ThreadPoolExecutor(1)
        made.append(weakref.ref(executor))
        atexit.register(executor.shutdown)
        executor.submit(int).result()
        executor.shutdown()

    holders = [cause.holder for cause in causes_of(keep)]
    for executor in filter(None, (kept() for kept in made)):
        atexit.unregister(executor.shutdown)
    assert any(holder.endswith("ThreadPoolExecutor.shutdown held from C)") for holder in holders)
    assert not any("_threads_queues" in holder for holder in holders)


@pytest.mark.parametrize("around", [lambda key: key, lambda key: [key]], ids=["itself", "a list"])
def test_a_value_of_weak_keys_that_leads_to_its_key_is_held_by_their_table(
    around: Callable[[Payload], object],
) -> None:
    """As in caches that map a stream to a stream around it: neither ever goes."""

    def keep() -> None:
        key = Payload()
        BY_KEY[key] = around(key)

    causes = causes_of(keep)
    BY_KEY.clear()
    assert [cause.holder for cause in causes] == [f"{__name__}.BY_KEY.data[*]"]


def test_what_a_container_gains_is_stuck() -> None:
    from pytest_leakcheck.explain.causes import watch_containers

    watch = watch_containers()
    watch.first()
    for _ in range(3):
        KEPT.append(b"x" * 1_000)
        watch.again()
    (cause,) = [c for c in watch.grown() if c.holder == f"{__name__}.KEPT[*]"]
    assert told(cause) == [
        ("module", "expected", "a loaded module"),
        ("list", "unknown!", ""),
        ("bytes", "stuck!", ADDED),
    ]
