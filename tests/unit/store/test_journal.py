"""The run folder: append, recover after a kill, read back."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import types
import typing
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.errors import RunError
from pytest_leakcheck.model.journal_lines import (
    AssignRecord,
    CandidateRecord,
    CaptureRecord,
    CauseRecord,
    CycleRecord,
    EndRecord,
    EventRecord,
    FixtureRecord,
    JournalRecord,
    LedgerRecord,
    RepeatRecord,
    SkipRecord,
    SpanRecord,
    StartRecord,
    TestRecord,
)
from pytest_leakcheck.model.run import Span
from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.model.signals import Growth, Reading
from pytest_leakcheck.store import journal as journal_module
from pytest_leakcheck.store.folder import find_run, fresh_label, read_info, valid_label, write_info
from pytest_leakcheck.store.journal import Journal
from pytest_leakcheck.store.reader import load_run

RUNS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KINDS: tuple[type[msgspec.Struct], ...] = typing.get_args(JournalRecord)


def info(**changes: Any) -> RunInfo:
    """A run's description."""
    plain: dict[str, Any] = {
        "schema": SCHEMA,
        "label": "before",
        "created": "2026-01-02T03:04:05Z",
        "argv": ["--leakcheck"],
        "rootdir": "project",
        "settings": {},
        "python": "3.11.7",
        "implementation": "CPython",
        "platform": "Linux",
        "machine": "x86_64",
        "cpu_count": 2,
        "memory_bytes": None,
        "packages": {"pytest": "9.2"},
        "environment": {},
    }
    return RunInfo(**{**plain, **changes})


def start(nodeid: str, rss: int | None = 5_000_000) -> StartRecord:
    """A test begins."""
    return StartRecord(nodeid=nodeid, at_s=1.0, rss_bytes=rss)


def closed(nodeid: str, index: int = 0) -> TestRecord:
    """A test's account, closed."""
    return TestRecord(
        nodeid=nodeid,
        index=index,
        outcome="passed",
        duration_s=0.1,
        reading=Reading(at_s=1.5),
        growth=Growth(survivors=0),
    )


def written(folder: Path, *records: JournalRecord, worker: str = "main") -> Path:
    """A run folder with one journal; its path is returned."""
    write_info(folder, info())
    journal = Journal(folder, worker)
    for record in records:
        journal.append(record)
    journal.close()
    assert journal.failure is None
    return journal.path


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a record field's type."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(args)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, args))
    if origin is list:
        return st.lists(values(args[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(values(args[0]), values(args[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return structs(hint)
    return {
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(max_size=8),
        bool: st.booleans(),
        type(None): st.none(),
    }[hint]


def structs(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any record of a kind, all fields given."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})


# --- writing and reading back --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__struct_config__.tag))
@RUNS
@given(data=st.data())
def test_every_kind_of_record_comes_back_as_it_was_written(
    kind: type[Any], data: st.DataObject
) -> None:
    """A round trip through the file keeps every field, whatever its value."""
    record = data.draw(structs(kind))
    with TemporaryDirectory() as name:
        path = written(Path(name), record)
        lines = path.read_bytes().splitlines()
        decoded = [msgspec.json.decode(line, type=JournalRecord) for line in lines]
    assert decoded == [record]


def test_a_run_is_sorted_by_kind_worker_and_test(tmp_path: Path) -> None:
    """Each kind of record is found where readers look for it."""
    cause = Cause(fingerprint="0123456789ab", kind="held", head="a.B", holder="a.c[*]")
    fixture = FixtureRecord(
        fixture="db",
        scope="module",
        where="t.py",
        instance=1,
        phase="setup",
        nodeid="t.py::a",
        growth=Growth(),
    )
    ledger = LedgerRecord(
        process=Growth(rss_bytes=4),
        tests=Growth(),
        fixtures=Growth(),
        pytest=Growth(),
        collected=Growth(),
    )
    repeat = RepeatRecord(nodeid="t.py::a", phase="steady", number=0, growth=Growth(blocks=3))
    caused = CauseRecord(nodeid="t.py::a", cause=cause)
    cycle = CycleRecord(nodeid="t.py::a", objects=3, python_bytes=300)
    capture = CaptureRecord(nodeid="t.py::a", capture="captures/a.bin")
    skip = SkipRecord(nodeid="t.py::b", reason="it forks")
    assign = AssignRecord(nodeid="t.py::b", signature="abc", witness=False)
    event = EventRecord(slug="no-memray", sentence="memray is not installed.")
    first = (start("t.py::a"), fixture, closed("t.py::a"), ledger, EndRecord(tests_run=1, at_s=2.0))
    written(tmp_path, *first, worker="gw0")
    written(tmp_path, start("t.py::b"), closed("t.py::b"), worker="gw1")
    written(tmp_path, repeat, caused, cycle, capture, skip, assign, event, worker="confirm")
    run = load_run(tmp_path)
    assert run.info == info()
    assert run.nodeids() == {"t.py::a", "t.py::b"}
    assert {worker: [t.nodeid for t in tests] for worker, tests in run.order.items()} == {
        "gw0": ["t.py::a"],
        "gw1": ["t.py::b"],
    }
    assert run.starts["gw0"] == [start("t.py::a")]
    assert run.fixtures == {"gw0": [fixture]}
    assert run.ledgers == {"gw0": ledger}
    assert run.repeats == {"t.py::a": [repeat]}
    assert run.causes == {"t.py::a": [caused]}
    assert run.cycles == {"t.py::a": [cycle]}
    assert run.captures == {"t.py::a": [capture]}
    assert run.skips == {"t.py::b": skip}
    assert run.assigned == {"t.py::b": assign}
    assert run.events == [event]
    assert run.damaged == {}


def test_a_candidate_that_was_begun_and_not_ended_is_unfinished(tmp_path: Path) -> None:
    """Whoever ended the process: it could write no more."""
    begun = [CandidateRecord(nodeid=name, at="begin") for name in ("t.py::a", "t.py::b")]
    written(tmp_path, start("t.py::a"), closed("t.py::a"))
    written(
        tmp_path,
        begun[0],
        CandidateRecord(nodeid="t.py::a", at="end"),
        begun[1],
        worker="confirm-1",
    )
    assert load_run(tmp_path).unfinished == {"t.py::b"}


def test_a_line_is_on_disk_before_the_journal_is_closed(tmp_path: Path) -> None:
    """Nothing waits in a buffer that a killed process would lose."""
    journal = Journal(tmp_path, "main")
    journal.append(start("t.py::a"))
    assert journal.path.read_bytes().endswith(b"\n")
    assert b"t.py::a" in journal.path.read_bytes()
    journal.close()


def test_what_follows_close_is_dropped(tmp_path: Path) -> None:
    """A closed journal takes records without a word and without a line."""
    journal = Journal(tmp_path, "main")
    journal.close()
    journal.close()
    journal.append(start("t.py::a"))
    assert journal.failure is None
    assert journal.path.read_bytes() == b""


def test_a_name_that_utf_8_cannot_carry_is_written_all_the_same(tmp_path: Path) -> None:
    """A file name of undecodable bytes (lone surrogates) neither raises nor is lost."""
    path = written(tmp_path, start("test_\udc80.py::test_x"), closed("test_\udc80.py::test_x"))
    assert len(path.read_bytes().splitlines()) == 2
    run = load_run(tmp_path)
    assert run.damaged == {}
    assert [t.nodeid.endswith(".py::test_x") for t in run.tests] == [True]


# --- damage --------------------------------------------------------------------------------------


def test_a_truncated_last_line_costs_that_line_only(tmp_path: Path) -> None:
    """What a killed process was writing is counted and passed over."""
    path = written(tmp_path, start("t.py::a"), closed("t.py::a"), start("t.py::b"))
    path.write_bytes(path.read_bytes()[:-20])
    run = load_run(tmp_path)
    assert run.nodeids() == {"t.py::a"}
    assert run.damaged == {"journal-main.jsonl": 1}


@RUNS
@given(cut=st.integers(0, 400))
def test_a_journal_cut_anywhere_is_read_up_to_the_cut(cut: int) -> None:
    """Wherever the file ends, the whole lines before it are there and nothing raises but one
    sentence."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = written(folder, start("t.py::a"), closed("t.py::a"), start("t.py::b"))
        data = path.read_bytes()[:cut]
        path.write_bytes(data)
        whole = data.count(b"\n")
        try:
            run = load_run(folder)
        except RunError:
            assert whole == 0
            return
        # A line that lacks its newline only is whole as well.
        assert len(run.tests) + sum(map(len, run.starts.values())) in (whole, whole + 1)


@pytest.mark.parametrize(
    "junk",
    [b"{", b"\x00\x00", b"[1, 2]", b'{"kind": "of the future"}', b'{"kind":"test"}', b"\xff"],
)
def test_a_damaged_line_in_the_middle_costs_that_line_only(tmp_path: Path, junk: bytes) -> None:
    """The lines around it are read, and the damage is counted."""
    path = written(tmp_path, start("t.py::a"), closed("t.py::a"), EndRecord(tests_run=1, at_s=2.0))
    first, *rest = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, junk, *rest]) + b"\n")
    run = load_run(tmp_path)
    assert run.nodeids() == {"t.py::a"}
    assert run.damaged == {"journal-main.jsonl": 1}
    assert run.cut_off == {}


def test_a_killed_worker_names_the_test_that_it_was_running(tmp_path: Path) -> None:
    """A journal without an end tells the last test begun, with its memory when last seen."""
    written(tmp_path, start("t.py::a"), closed("t.py::a"), start("t.py::b", 77), worker="gw1")
    written(tmp_path, start("t.py::c"), closed("t.py::c"), EndRecord(tests_run=1, at_s=2.0))
    run = load_run(tmp_path)
    assert run.cut_off == {"gw1": start("t.py::b", 77)}


def test_a_worker_killed_between_two_tests_accuses_none(tmp_path: Path) -> None:
    """The journal ends after a closed account: no test was running."""
    written(tmp_path, start("t.py::a"), closed("t.py::a"))
    assert load_run(tmp_path).cut_off == {"main": None}


def test_a_test_that_dies_on_its_second_run_is_named(tmp_path: Path) -> None:
    """The first run's closed account does not hide that the second was cut off."""
    written(tmp_path, start("t.py::a"), closed("t.py::a"), start("t.py::a", 99))
    assert load_run(tmp_path).cut_off == {"main": start("t.py::a", 99)}


# --- a run that cannot be read -------------------------------------------------------------------


def test_an_unknown_schema_version_is_one_sentence(tmp_path: Path) -> None:
    """It names both versions and what to do, whatever else a newer file holds."""
    (tmp_path / "run.json").write_text('{"schema": 99, "new": [1, {"kind": 2}]}')
    with pytest.raises(RunError) as caught:
        read_info(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} was written with schema 99 and this version of pytest-leakcheck reads "
        f"schema {SCHEMA}: measure again, or use the version that wrote it."
    )


@pytest.mark.parametrize("text", ["", "{", '{"label": "x"}', '{"schema": 1}', "[]", "\xff"])
def test_a_damaged_description_is_one_sentence(tmp_path: Path, text: str) -> None:
    """A run.json that cannot be decoded says so."""
    (tmp_path / "run.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"run\.json is damaged .*has to be measured again\.$"):
        read_info(tmp_path)


def test_a_missing_description_is_one_sentence(tmp_path: Path) -> None:
    """A folder with journals but without run.json is not silently a run."""
    with pytest.raises(RunError, match=r"run\.json cannot be read \(No such file or directory\)"):
        load_run(tmp_path)


def test_an_empty_run_is_one_sentence(tmp_path: Path) -> None:
    """A run in which no test began says why there is nothing to see."""
    written(tmp_path, EndRecord(tests_run=0, at_s=0.1))
    with pytest.raises(RunError, match=r"holds no measured test: .*ended at collection\.$"):
        load_run(tmp_path)


def test_a_run_cut_off_in_its_first_test_is_no_empty_run(tmp_path: Path) -> None:
    """The only test begun is named."""
    written(tmp_path, start("t.py::a"))
    assert load_run(tmp_path).cut_off == {"main": start("t.py::a")}


def test_runs_are_found_by_label_and_by_path(tmp_path: Path) -> None:
    """Both lead to the same folder."""
    write_info(tmp_path / "before", info())
    assert find_run("before", tmp_path) == tmp_path / "before"
    assert find_run(str(tmp_path / "before"), tmp_path / "elsewhere") == tmp_path / "before"


def test_a_label_that_does_not_exist_lists_the_labels(tmp_path: Path) -> None:
    """The sentence helps a person who mistyped."""
    for label in ("guide", "before"):
        write_info(tmp_path / label, info(label=label))
    with pytest.raises(RunError) as caught:
        find_run("befor", tmp_path)
    assert str(caught.value) == (f"There is no run called befor; {tmp_path} has: before, guide.")


def test_no_run_at_all_says_how_to_make_one(tmp_path: Path) -> None:
    """With nothing to list the sentence gives the command."""
    with pytest.raises(RunError, match=r"pytest --leakcheck --leakcheck-label=before\.$"):
        find_run("before", tmp_path / "missing")


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    """An existing folder is not confused with a missing label."""
    (tmp_path / "src").mkdir()
    with pytest.raises(RunError, match=r"is a folder without run\.json, so it is not a run"):
        find_run("src", tmp_path)


# --- labels --------------------------------------------------------------------------------------


def test_without_a_label_the_time_is_the_label(tmp_path: Path) -> None:
    """Two runs in one second get two folders."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert fresh_label(tmp_path, None, now) == "20260102-030405"
    (tmp_path / "20260102-030405").mkdir()
    assert fresh_label(tmp_path, None, now) == "20260102-030405-2"
    assert fresh_label(tmp_path, "before", now) == "before"


@pytest.mark.parametrize("label", ["before", "v1.2-rc+1", "a@b_c", "0"])
def test_labels_that_name_a_folder_everywhere(label: str) -> None:
    """Letters, digits and a few marks."""
    assert valid_label(label)


@pytest.mark.parametrize("label", ["", "../up", "a/b", "a b", ".hidden", "-x", "a\n", "x" * 101])
def test_labels_that_cannot_name_a_folder(label: str) -> None:
    """No way out of the folder, no hidden or endless names."""
    assert not valid_label(label)


# --- a disk that cannot be written ---------------------------------------------------------------


def test_a_full_disk_stops_the_journal_and_keeps_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The append does not raise, the sentence says what to do, later records are dropped."""
    journal = Journal(tmp_path, "main")
    journal.append(start("t.py::a"))

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal_module, "_write", full)
    journal.append(start("t.py::b"))
    monkeypatch.undo()
    journal.append(start("t.py::c"))
    assert journal.failure == (
        f"{tmp_path} cannot be written (No space left on device): what was measured before is "
        "kept there; make room or name another folder with --leakcheck-dir."
    )
    assert b"t.py::a" in journal.path.read_bytes()
    assert b"t.py::c" not in journal.path.read_bytes()


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write call that takes a part of the line is followed by the rest."""
    journal = Journal(tmp_path, "main")
    monkeypatch.setattr(journal_module, "_write", lambda fd, data: os.write(fd, data[:7]))
    journal.append(start("t.py::a"))
    monkeypatch.undo()
    journal.close()
    decoded = msgspec.json.decode(journal.path.read_bytes(), type=JournalRecord)
    assert decoded == start("t.py::a")


def test_a_descriptor_closed_by_a_test_stops_the_journal(tmp_path: Path) -> None:
    """os.closerange in a test takes the journal's file away: no exception, one sentence."""
    journal = Journal(tmp_path, "main")
    os.close(journal._fd)
    journal.append(start("t.py::a"))
    assert journal.failure is not None
    assert "cannot be written (Bad file descriptor)" in journal.failure


def test_a_folder_that_cannot_be_made_is_a_failure_not_an_exception(tmp_path: Path) -> None:
    """A file in the folder's place."""
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "run", "main")
    journal.append(start("t.py::a"))
    assert journal.failure is not None
    assert "cannot be written" in journal.failure
    with pytest.raises(RunError, match="cannot be written"):
        write_info(tmp_path / "file" / "run", info())


def in_process(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a few lines in a Python of their own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit on Windows")
def test_a_limit_on_file_size_keeps_the_lines_before_it(tmp_path: Path) -> None:
    """A real refusal of the kernel: the journal stops, the process goes on, the rest is read."""
    write_info(tmp_path, info())
    done = in_process(
        """
        import resource, sys
        from pathlib import Path
        from pytest_leakcheck.store.journal import Journal
        from pytest_leakcheck.model.journal_lines import StartRecord
        journal = Journal(Path(sys.argv[1]), "main")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        for number in range(100):
            journal.append(StartRecord(nodeid=f"t.py::test_{number}", at_s=1.0))
        print(journal.failure)
        """,
        str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written (File too large)" in done.stdout
    begun = load_run(tmp_path).starts["main"]
    assert 10 < len(begun) < 100
    assert begun[0].nodeid == "t.py::test_0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_nothing(tmp_path: Path) -> None:
    """The child's records would be the parent's twice; its close leaves the parent's file open."""
    done = in_process(
        """
        import os, sys
        from pathlib import Path
        from pytest_leakcheck.store.journal import Journal
        from pytest_leakcheck.model.journal_lines import StartRecord
        journal = Journal(Path(sys.argv[1]), "main")
        journal.append(StartRecord(nodeid="before", at_s=1.0))
        if (child := os.fork()) == 0:
            journal.append(StartRecord(nodeid="child", at_s=1.0))
            journal.close()
            os._exit(0)
        os.waitpid(child, 0)
        journal.append(StartRecord(nodeid="after", at_s=1.0))
        print(journal.failure)
        """,
        str(tmp_path),
    )
    assert done.stdout.strip() == "None", done.stderr
    write_info(tmp_path, info())
    assert [s.nodeid for s in load_run(tmp_path).starts["main"]] == ["before", "after"]


def test_tests_that_grew_together_are_those_before_the_line_of_their_worker(tmp_path: Path) -> None:
    """Where a line of theirs is damaged, nobody is named."""
    span = SpanRecord(nodeid="t.py::c", tests=2, signal="blocks", grown=7)
    lost = SpanRecord(nodeid="t.py::z", tests=1, signal="blocks", grown=9)
    written(tmp_path, *(closed(f"t.py::{name}", n) for n, name in enumerate("abc")), span, lost)
    written(tmp_path, closed("t.py::other"), worker="gw1")
    assert load_run(tmp_path).spans == [Span(("t.py::b", "t.py::c"), "blocks", 7)]
