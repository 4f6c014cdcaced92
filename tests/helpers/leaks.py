"""Leaks in this process: what an action left, found as the measuring room finds it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

from pytest_leakcheck.explain.causes import explain_survivors
from pytest_leakcheck.model.causes import Cause


def left_by(action: Callable[[], object], *, warm_ups: int = 2) -> list[Any]:
    """The survivors of one run of the action, after some that fill caches."""
    for _ in range(warm_ups):
        action()
    gc.collect()
    gc.freeze()
    try:
        action()
        gc.collect()
        return gc.get_objects()
    finally:
        gc.unfreeze()


def kept_by(action: Callable[[], object]) -> list[Any]:
    """What one run of the action leaves and the next run does not replace."""
    first = set(map(id, left_by(action)))
    second = set(map(id, left_by(action, warm_ups=0)))
    return [o for o in gc.get_objects() if id(o) in first - second]


def causes_of(action: Callable[[], object], **options: Any) -> list[Cause]:
    """What a steady run of the action leaves, explained."""
    survivors = left_by(action)
    return explain_survivors(survivors, **options)


def cause_of(action: Callable[[], object], **options: Any) -> Cause:
    """The one cause, where there is only one."""
    causes = causes_of(action, **options)
    assert len(causes) == 1, [(c.head, c.holder) for c in causes]
    return causes[0]


def causes_in_thread(work: Callable[[Callable[[], bool]], None], name: str) -> list[Cause]:
    """What a turn of a thread leaves on its stack, while it waits for the next one.

    Args:
        work: a loop, run in the thread; it asks its argument for each turn, and ends at a no.
        name: the thread's.
    """
    go, waits, over = threading.Event(), threading.Event(), threading.Event()

    def turn() -> bool:
        waits.set()
        assert go.wait(30)
        go.clear()
        return not over.is_set()

    def one_turn() -> None:
        waits.clear()
        go.set()
        assert waits.wait(5)

    thread = threading.Thread(target=work, args=(turn,), name=name, daemon=True)
    thread.start()
    assert waits.wait(5)
    try:
        return causes_of(one_turn)
    finally:
        over.set()
        go.set()
        thread.join()
