"""Tasks that several confirming processes share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pytest_leakcheck.plan import Task, claim, is_claimed


def task(name: str) -> Task:
    return Task(name=name, nodeid=name, file="test_a.py")


def test_a_task_is_claimed_by_one(tmp_path: Path) -> None:
    """However many ask at once."""
    wanted = task("test_a.py::test_a[\udcff/..]")  # no name that a file could have
    assert not is_claimed(tmp_path, wanted)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: claim(tmp_path, wanted), range(100)))
    assert taken.count(True) == 1
    assert is_claimed(tmp_path, wanted)
    assert not is_claimed(tmp_path, task("test_a.py::test_a"))
