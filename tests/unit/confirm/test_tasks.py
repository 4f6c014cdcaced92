"""Tasks that several confirming processes share."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent / "report"))

import samples

from pytest_leakcheck.confirm.tasks import (
    Task,
    claim,
    in_portions,
    in_suite_order,
    owner,
)
from pytest_leakcheck.model.journal_lines import TestRecord


def tasks(*sizes: int) -> list[Task]:
    """So many tests of each file."""
    return [
        Task(name=f"test_{file}.py::test_{n}", nodeid="", file=f"test_{file}.py")
        for file, size in enumerate(sizes)
        for n in range(size)
    ]


def portions(divided: list[Task]) -> list[list[str]]:
    """The files of each portion's tasks."""
    return [[t.file for t in group] for _, group in groupby(divided, key=lambda t: t.portion)]


def test_a_portion_is_claimed_by_one_lane(tmp_path: Path) -> None:
    """However many ask at once; for the processes that come after it in the lane, too."""
    assert owner(tmp_path, 7) is None
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda lane: claim(tmp_path, 7, lane), range(100)))
    assert taken.count(True) == 1
    lane = taken.index(True)
    assert owner(tmp_path, 7) == lane
    assert claim(tmp_path, 7, lane)
    assert not claim(tmp_path, 7, lane + 1)
    assert owner(tmp_path, 8) is None


def test_a_claim_that_is_being_made_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "3").touch()
    assert owner(tmp_path, 3) == -1
    assert not claim(tmp_path, 3, 0)


def test_claims_do_not_depend_on_what_tests_patch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"7")
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr("os.open", None)
    assert claim(tmp_path, 3, 1)
    assert owner(tmp_path, 3) == 1
    assert not claim(tmp_path, 3, 7)


def test_where_files_cannot_be_made_everybody_takes_it(tmp_path: Path) -> None:
    assert claim(tmp_path / "gone", 0, 0)
    assert claim(tmp_path / "gone", 0, 1)


def test_portions_begin_with_files_where_they_can() -> None:
    divided = in_portions(tasks(20, 6, 3, 51), lanes=1)
    assert [(len(files), len(set(files))) for files in portions(divided)] == [
        (10, 1),
        (10, 1),
        (6, 1),
        (10, 2),  # three tests alone would be too few
        *[(10, 1)] * 4,
        (4, 1),
    ]


def ran(*nodeids: str) -> list[TestRecord]:
    """A worker's tests."""
    return [samples.swept(nodeid, index) for index, nodeid in enumerate(nodeids)]


def test_tasks_stand_as_their_tests_ran() -> None:
    """Files as they came; of several workers, by name."""
    names = ("b.py::test_z", "b.py::test_a", "a.py::test_x", "a.py::test_a")
    wanted = [Task(name=name, nodeid=name, file=name[:4]) for name in reversed(names)]
    fixture = Task(name="b.py::store [module fixture]", nodeid=names[0], file="b.py", wide=True)
    wanted.append(fixture)
    one = in_suite_order(wanted, {"main": ran(*names)})
    assert [task.name for task in one] == [*names[:2], fixture.name, *names[2:]]
    two = in_suite_order(wanted, {"gw0": ran(*names[:2]), "gw1": ran(*names[2:])})
    assert [task.name for task in two] == [*names[2:], *names[:2], fixture.name]


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(1, 8))
def test_all_tasks_keep_their_order_and_are_in_one_portion(sizes: list[int], lanes: int) -> None:
    wanted = tasks(*sizes)
    divided = in_portions(wanted, lanes)
    assert [msgspec.structs.replace(task, portion=0) for task in divided] == wanted
    numbers = [number for number, _ in groupby(task.portion for task in divided)]
    assert numbers == list(range(len(numbers)))
    size = max(3, len(wanted) // (8 * lanes))
    assert all(len(files) <= size for files in portions(divided))
