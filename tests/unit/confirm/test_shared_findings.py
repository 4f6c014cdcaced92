"""What confirming processes tell each other: what was looked into once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pytest_leakcheck.confirm.shared_findings import (
    Endured,
    Likeness,
    Opened,
    Repeated,
    SharedFindings,
    Traced,
)

FILE = ("fds", "file words.txt", "shop.py", 12, "open_words")
LIKE = Likeness("t.py::test_words", (("fds", 1),), frozenset({"shop.Words"}))


def opened(nodeid: str = "t.py::test_words[1]", *, places: bool = True) -> Opened:
    """A test that leaves one file open."""
    return Opened(nodeid, LIKE, [FILE] if places else [])


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "looked-into.jsonl"


def test_a_process_knows_what_another_told_before_and_beside_it(path: Path) -> None:
    first, second = SharedFindings(path), SharedFindings(path)
    first.add(Endured(["a", "b"]))
    first.add(Repeated(["b"]))
    first.add(Traced(["c"]))
    second.refresh()
    first.add(opened())
    told = [["a", "b"]], [["b"]], [["c"]]
    assert (second.endured, second.repeated, second.traced) == told
    assert second.instance_like(LIKE) == ""
    second.refresh()
    third = SharedFindings(path)
    third.refresh()
    for known in (first, second, third):
        assert (known.endured, known.repeated, known.traced) == told
        assert known.instance_like(LIKE) == "t.py::test_words[1]"
        assert known.tests_like(LIKE) == [opened()]


def test_what_is_told_twice_is_known_once(path: Path) -> None:
    """And a process hears its own words."""
    first, second = SharedFindings(path), SharedFindings(path)
    for known in (first, second, first):
        known.add(Endured(["a"]))
    first.refresh()
    second.refresh()
    assert first.endured == second.endured == [["a"]]


def test_tests_of_other_functions_are_alike_where_it_is_known_what_they_open() -> None:
    """Each at a place of its own; as many as it pays to compare with."""
    known = SharedFindings()
    other = LIKE._replace(function="t.py::test_other")
    known.add(opened(places=False))
    assert known.instance_like(LIKE)
    assert not known.instance_like(other)
    assert not known.tests_like(other)
    for line in (12, 12, *range(30, 60)):
        note = opened(f"t.py::test_words[{line}]")
        known.add(msgspec.structs.replace(note, places=[(*FILE[:3], line, FILE[4])]))
    assert known.instance_like(LIKE) == "t.py::test_words[1]"
    told = known.tests_like(other)
    assert [note.places[0][3] for note in told] == [12, 30, 31, 32, 33, 34, 35, 36]
    assert known.tests_like(LIKE._replace(amounts=(("fds", 2),))) == ()
    assert known.tests_like(LIKE._replace(kinds=frozenset())) == ()


def test_a_name_that_utf8_cannot_carry_is_kept_to_itself(path: Path) -> None:
    """The others look for themselves; what is told after it reaches them."""
    first, second = SharedFindings(path), SharedFindings(path)
    strange = msgspec.structs.replace(opened(), places=[("fds", "file \udcff", "a.py", 1, "f")])
    first.add(strange)
    first.add(Traced(["a"]))
    second.refresh()
    assert first.tests_like(LIKE) == [strange]
    assert second.tests_like(LIKE) == ()
    assert second.traced == [["a"]]


def test_parts_of_lines_and_damaged_ones_are_left_out(path: Path) -> None:
    known = SharedFindings(path)
    known.add(Traced(["a"]))
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"type":"Traced","pri\n{"type":"\xff"}\n' + whole.replace(b"a", b"b", 1)[:9])
    known.refresh()
    assert known.traced == [["a"]]
    with path.open("ab") as file:
        file.write(b"\n" + whole.replace(b'"a"', b'"z"'))
    known.refresh()
    assert known.traced == [["a"], ["z"]]


def test_where_nothing_can_be_written_each_looks_for_itself(tmp_path: Path) -> None:
    known = SharedFindings(tmp_path / "gone" / "looked-into.jsonl")
    known.refresh()
    known.add(Endured(["a"]))
    known.refresh()
    assert known.endured == [["a"]]
