"""The outcomes behind docs/accuracy.md, kept over clones."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from leakbench.kept import Kept, gather, load, save
from leakbench.tools import Outcome


def outcome(tool: str, seed: int = 1, revision: str = "") -> Outcome:
    return Outcome(
        case="x", family="planted", side="leaks", tool=tool, seed=seed, revision=revision
    )


def test_a_run_here_takes_the_place_of_the_same_run_and_of_no_other(tmp_path: Path) -> None:
    file = tmp_path / "kept.json.gz"
    rival, first = outcome("rival", revision="old"), outcome("leakcheck", revision="old")
    save(Kept(outcomes=[rival, first]), file)
    again = outcome("leakcheck", revision="new")
    here = tmp_path / "results"
    here.mkdir()
    (here / "again.json").write_bytes(msgspec.json.encode(again))
    (here / "second.json").write_bytes(msgspec.json.encode(outcome("leakcheck", seed=2)))
    found = gather(here, file)
    assert sorted((o.tool, o.seed, o.revision) for o in found.outcomes) == [
        ("leakcheck", 1, "new"),
        ("leakcheck", 2, ""),
        ("rival", 1, "old"),
    ]


def test_the_same_outcomes_make_the_same_file(tmp_path: Path) -> None:
    """In whatever order they were run: what did not change is no change in the repository."""
    one, other = outcome("a"), outcome("b")
    save(Kept(outcomes=[one, other]), tmp_path / "1")
    save(Kept(outcomes=[other, one]), tmp_path / "2")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert load(tmp_path / "1").outcomes == [one, other]


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    """It is never taken for an empty one, which would lose what it kept."""
    file = tmp_path / "kept.json.gz"
    save(Kept(outcomes=[outcome("a")]), file)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match="git checkout"):
        load(file)
