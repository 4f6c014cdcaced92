"""What confirming processes tell each other: what was looked into once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_leakcheck.measure.looked_into import Endured, Likeness, LookedInto, Opened, Traced

FILE = ("fds", "file words.txt", "shop.py", 12, "open_words")
LIKE = Likeness("t.py::test_words", (("fds", 1),), frozenset({"shop.Words"}))


def opened(nodeid: str = "t.py::test_words[1]", *, places: bool = True) -> Opened:
    """A test that leaves one file open."""
    function, amounts, kinds = LIKE
    return Opened(nodeid, function, amounts, sorted(kinds), [FILE] if places else [])


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "looked-into.jsonl"


def test_a_process_knows_what_another_told_before_and_beside_it(path: Path) -> None:
    first, second = LookedInto(path), LookedInto(path)
    first.add(Endured(["a", "b"]))
    first.add(Traced(["c"]))
    second.refresh()
    first.add(opened())
    assert (second.endured, second.traced) == ([["a", "b"]], [["c"]])
    assert second.instance_like(LIKE) == ""
    second.refresh()
    third = LookedInto(path)
    third.refresh()
    for known in (first, second, third):
        assert (known.endured, known.traced) == ([["a", "b"]], [["c"]])
        assert known.instance_like(LIKE) == "t.py::test_words[1]"
        assert known.test_like(LIKE) == opened()


def test_what_is_told_twice_is_known_once(path: Path) -> None:
    """And a process hears its own words."""
    first, second = LookedInto(path), LookedInto(path)
    for known in (first, second, first):
        known.add(Endured(["a"]))
    first.refresh()
    second.refresh()
    assert first.endured == second.endured == [["a"]]


def test_tests_of_other_functions_are_alike_where_it_is_known_what_they_open() -> None:
    known = LookedInto()
    other = LIKE._replace(function="t.py::test_other")
    known.add(opened(places=False))
    assert known.instance_like(LIKE)
    assert not known.instance_like(other)
    assert known.test_like(other) is None
    known.add(opened("t.py::test_words[2]"))
    assert known.instance_like(LIKE) == "t.py::test_words[1]"
    told = known.test_like(other)
    assert told is not None
    assert (told.nodeid, told.places) == ("t.py::test_words[2]", [FILE])
    assert known.test_like(LIKE._replace(amounts=(("fds", 2),))) is None
    assert known.test_like(LIKE._replace(kinds=frozenset())) is None


def test_parts_of_lines_and_damaged_ones_are_left_out(path: Path) -> None:
    known = LookedInto(path)
    known.add(Traced(["a"]))
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"type":"Traced","pri\n' + whole.replace(b"a", b"b", 1)[:9])
    known.refresh()
    assert known.traced == [["a"]]
    with path.open("ab") as file:
        file.write(b"\n" + whole.replace(b'"a"', b'"z"'))
    known.refresh()
    assert known.traced == [["a"], ["z"]]


def test_where_nothing_can_be_written_each_looks_for_itself(tmp_path: Path) -> None:
    known = LookedInto(tmp_path / "gone" / "looked-into.jsonl")
    known.refresh()
    known.add(Endured(["a"]))
    known.refresh()
    assert known.endured == [["a"]]
