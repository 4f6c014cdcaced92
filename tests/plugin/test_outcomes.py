"""Tests that end otherwise, disturb the measuring, or patch what it needs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import suites
from suites import Result

SUITE = {
    "test_outcomes.py": """
        import pytest

        KEPT = []

        class Old:
            pass

        @pytest.fixture
        def broken():
            raise RuntimeError("no set-up")

        @pytest.fixture
        def breaks():
            yield
            raise RuntimeError("no teardown")

        def test_fails():
            KEPT.append(Old())
            assert not KEPT

        def test_skips():
            pytest.skip("not today")

        @pytest.mark.xfail(strict=True)
        def test_xfails():
            KEPT.append(Old())
            raise ValueError

        @pytest.mark.xfail
        def test_xpasses():
            KEPT.append(Old())

        def test_errs_in_setup(broken):
            pass

        def test_errs_in_teardown(breaks):
            KEPT.append(Old())

        def test_after_them():
            pass
    """,
    "test_disturbing.py": """
        import gc, os
        import pytest

        KEPT = []

        class Old:
            pass

        @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
        def test_forks():
            KEPT.append(Old())
            if (child := os.fork()) == 0:
                os._exit(0)
            os.waitpid(child, 0)

        @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
        def test_forks_a_child_that_returns_to_pytest():
            if os.fork() == 0:
                pytest.exit("the child is done", returncode=0)
            os.wait()

        def test_disables_the_collector():
            KEPT.append(Old())
            gc.disable()

        def test_enables_it_again():
            gc.enable()

        def test_freezes():
            KEPT.append(Old())
            gc.freeze()

        def test_unfreezes():
            KEPT.append(Old())
            gc.unfreeze()

        def test_after_them():
            Old()
    """,
    "test_mocks.py": """
        import builtins, gc, os, sys, time
        from unittest import mock
        import pytest

        class Broken(Exception):
            pass

        @pytest.mark.parametrize("target", [
            "os.stat", "os.read", "os.write", "os.open", "os.listdir", "os.getpid", "os.close",
            "os.pread", "os.waitid", "os.fspath", "os.path.exists",
            "time.perf_counter", "time.time", "time.monotonic", "time.sleep",
            "gc.collect", "gc.get_objects", "gc.freeze", "gc.unfreeze", "gc.isenabled",
            "gc.get_referents", "gc.get_count", "gc.get_stats",
            "sys.getallocatedblocks", "pathlib.Path.exists", "pathlib.Path.open",
            "builtins.print",
        ])
        def test_patched(target):
            with mock.patch(target, side_effect=Broken):
                pass

        @pytest.fixture
        def everything():
            targets = ["os.write", "os.stat", "os.pread", "time.perf_counter", "gc.get_objects",
                       "gc.freeze", "gc.collect", "builtins.open", "builtins.print"]
            patches = [mock.patch(target, side_effect=Broken) for target in targets]
            for patch in patches:
                patch.start()
            yield
            mock.patch.stopall()

        def test_patched_to_the_end(everything):
            with pytest.raises(Broken):
                open("x")

        def test_modules_replaced(monkeypatch):
            for name in ("gc", "time", "msgspec"):
                monkeypatch.setitem(sys.modules, name, mock.MagicMock())
            import gc as patched
            patched.collect()
    """,
    "test_collector.py": """
        import gc, weakref
        import pytest

        class Node:
            pass

        @pytest.fixture(scope="module")
        def cycle():
            one, other = Node(), Node()
            one.other, other.other = other, one
            return [one]

        def test_before(cycle):
            assert cycle

        def test_the_users_own_collection_frees_an_older_cycle(cycle):
            gone = weakref.ref(cycle[0])
            cycle.clear()
            gc.collect()
            assert gone() is None

        def test_a_young_cycle_too():
            one = Node()
            one.me = one
            gone = weakref.ref(one)
            del one
            gc.collect()
            assert gone() is None

        def test_the_collector_is_as_it_was():
            assert gc.isenabled()
            assert gc.get_debug() == 0
            assert gc.garbage == []
    """,
}


@pytest.fixture(name="result", scope="module")
def _result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One sweep of the whole suite."""
    folder = tmp_path_factory.mktemp("outcomes")
    suites.write(folder, SUITE)
    return suites.leakcheck_in(folder, "--leakcheck-depth=sweep", "-v")


@pytest.fixture(name="plain", scope="module")
def _plain(result: Result) -> Result:
    """The same suite without the harness."""
    return suites.pytest_in(result.folder, "-v")


def ends(out: str) -> list[str]:
    """Each test with how it ended."""
    return sorted(set(re.findall(r"^(\S+::\S+ [A-Z]+)\b", out, flags=re.MULTILINE)))


def test_every_test_ends_as_without_us(result: Result, plain: Result) -> None:
    """Outcomes, their counts and the exit status are unchanged, mocks and forks included."""
    assert ends(result.out) == ends(plain.out)
    assert len(ends(plain.out)) > 40
    assert (result.status, result.last_line) == (plain.status, plain.last_line)


def test_measuring_went_on_to_the_end(result: Result) -> None:
    """No test of this suite stops the harness."""
    run = result.run
    assert [event.sentence for event in run.events if event.slug == "harness-failed"] == []
    assert run.cut_off == {}
    assert run.damaged == {}
    assert len(run.tests) == run.ledgers["main"].tests_run


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("test_fails", "it failed, and its traceback keeps its locals"),
        ("test_skips", "it was skipped"),
        ("test_xfails", "it failed as expected"),
        ("test_xpasses", "it was expected to fail and passed"),
        ("test_errs_in_setup", "its set-up or teardown failed"),
        ("test_errs_in_teardown", "its set-up or teardown failed"),
    ],
)
def test_what_did_not_pass_is_not_judged(result: Result, test: str, words: str) -> None:
    """And the reason says which way it ended."""
    verdict = result.verdicts()[f"test_outcomes.py::{test}"]
    assert verdict.verdict == "not judged"
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("test_freezes", "it calls gc.freeze() itself, which hides what it leaves behind"),
        ("test_unfreezes", "it calls gc.unfreeze() itself"),
    ],
)
def test_what_disturbs_the_measuring_is_not_judged(result: Result, test: str, words: str) -> None:
    """One sentence says what the test did."""
    verdict = result.verdicts()[f"test_disturbing.py::{test}"]
    assert verdict.verdict == "not judged"
    assert words in verdict.reason


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_test_that_forks_is_judged_by_what_stays_in_the_parent(result: Result) -> None:
    """A child changes no count of the parent's but that of its children."""
    forks = result.verdicts()["test_disturbing.py::test_forks"]
    assert forks.verdict != "not judged"
    (record,) = [t for t in result.run.tests if t.nodeid.endswith("::test_forks")]
    assert record.growth.survivors
    assert record.notes == ["forked"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_of_repeated_tests(tmp_path: Path) -> None:
    """One that is waited for is no leak, nor one that comes back to pytest; one that is not is."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import os
                import subprocess
                import sys

                import pytest

                KEPT = []

                def test_waits():
                    if (child := os.fork()) == 0:
                        os._exit(0)
                    os.waitpid(child, 0)

                def test_comes_back():
                    if os.fork() == 0:
                        pytest.exit("the child is done", returncode=0)
                    os.wait()

                def test_zombie():
                    if os.fork() == 0:
                        os._exit(0)

                def test_keeps_beside():
                    KEPT.append([])
                    if (child := os.fork()) == 0:
                        os._exit(0)
                    os.waitpid(child, 0)
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    verdicts = {n.rpartition("::")[2]: t for n, t in result.verdicts().items()}
    assert verdicts["test_waits"].verdict in ("clean", "settles")
    assert verdicts["test_comes_back"].verdict in ("clean", "settles")
    assert verdicts["test_zombie"].verdict == "leak"
    assert verdicts["test_zombie"].slopes["children"].per_run == 1
    assert verdicts["test_keeps_beside"].verdict == "leak"
    assert result.out.count("tests measured") == 1


def test_a_disabled_collector_is_noted(result: Result) -> None:
    """The test is measured all the same, with a note."""
    record = next(t for t in result.run.tests if "test_disables_the_collector" in t.nodeid)
    assert record.notes == ["gc-disabled"]


@pytest.mark.parametrize("nodeid", ["test_outcomes.py", "test_disturbing.py"])
def test_the_next_test_is_measured_as_usual(result: Result, nodeid: str) -> None:
    """What a test left is not charged to the one after it."""
    (record,) = [t for t in result.run.tests if t.nodeid == f"{nodeid}::test_after_them"]
    # 3.13 makes a dict of each object that is asked for it, the first time.
    assert record.growth.survivors in range(8), record.types
    assert not any(name.startswith("test_") for name in record.types)
    assert record.notes == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_that_ends_pytest_writes_no_record(result: Result) -> None:
    """Each test is begun and closed once, by the process that is measured."""
    begun = [start.nodeid for start in result.run.starts["main"]]
    assert len(begun) == len(set(begun))


def test_patched_tests_are_measured(result: Result) -> None:
    """Every signal has a value in tests that patch what reads it."""
    mocked = [t for t in result.run.tests if t.nodeid.startswith("test_mocks.py")]
    assert len(mocked) == 29
    for test in mocked:
        assert test.growth.survivors is not None, test.nodeid
        assert test.reading.rss_bytes is not None, test.nodeid
        assert test.growth.fds == 0, test.nodeid
        assert test.duration_s < 600, test.nodeid


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_confirm(tmp_path: Path) -> None:
    """A child that comes back to pytest neither repeats candidates nor prints a summary."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import os
                import pytest

                KEPT = []

                def test_leaks():
                    KEPT.append(object.__new__(type("Old", (), {})))

                def test_forks():
                    if os.fork() == 0:
                        pytest.exit("the child is done", returncode=0)
                    os.wait()
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    assert result.out.count("tests measured") == 1
    test = result.verdicts()["test_a.py::test_leaks"]
    assert test.verdict == "leak"
    steady = [r for r in result.run.repeats[test.nodeid] if r.phase == "steady"]
    assert [r.number for r in steady] == list(range(len(steady)))


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors and threads are read from /proc")
def test_what_tests_that_fail_leave_open_for_good_is_told(tmp_path: Path) -> None:
    """No more than stays: what a traceback or a cycle holds goes with it, wider fixtures' too."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import os, threading
                import pytest

                LEFT = []
                stop = threading.Event()

                @pytest.fixture(scope="module")
                def pipe():
                    ends = os.pipe()
                    yield
                    os.close(ends[0])
                    os.close(ends[1])

                def test_leaves_a_file_open(pipe):
                    LEFT.append(os.open(os.devnull, os.O_RDONLY))
                    assert not LEFT

                @pytest.mark.xfail
                def test_leaves_two_and_a_thread():
                    LEFT.extend(os.pipe())
                    threading.Thread(target=stop.wait, daemon=True).start()
                    raise ValueError

                def test_its_traceback_holds_a_file():
                    file = open(os.devnull)
                    assert file.closed

                def test_a_cycle_holds_a_file():
                    cycle = [open(os.devnull)]
                    cycle.append(cycle)
                    assert cycle[0].closed

                def test_another_test_closes_it():
                    LEFT.append(os.open(os.devnull, os.O_RDONLY))
                    assert not LEFT

                def test_closes_it():
                    os.close(LEFT.pop())
            """
        },
    )
    result = suites.leakcheck_in(
        tmp_path, "--leakcheck-depth=sweep", "-p", "no:unraisableexception"
    )
    verdicts = result.verdicts()
    told = {
        nodeid.rpartition("::")[2]: verdict.reason.partition("; ")[2]
        for nodeid, verdict in verdicts.items()
        if verdict.verdict == "not judged"
    }
    assert told == {
        "test_leaves_a_file_open": (
            "1 more file descriptor than before it stayed until its process ended"
        ),
        "test_leaves_two_and_a_thread": (
            "2 more file descriptors and 1 more thread than before it stayed until its process "
            "ended"
        ),
        "test_its_traceback_holds_a_file": "",
        "test_a_cycle_holds_a_file": "",
        "test_another_test_closes_it": "",
    }


def test_a_run_that_stops_early_begins_no_further_test(tmp_path: Path) -> None:
    """The next test is announced with the account before it, unless pytest stops there."""
    suites.write(
        tmp_path,
        {
            "test_stops.py": """
                def test_passes(): pass
                def test_fails(): assert False
                def test_never_runs(): pass
            """
        },
    )
    run = suites.leakcheck_in(tmp_path, "--leakcheck-depth=sweep", "-x").run
    begun = [start.nodeid for starts in run.starts.values() for start in starts]
    assert begun == ["test_stops.py::test_passes", "test_stops.py::test_fails"]
    assert not run.cut_off


def test_two_tests_of_one_node_id_are_not_judged(tmp_path: Path) -> None:
    """pytest names tests outside the root folder without their file: nobody knows which leaks."""
    suites.write(
        tmp_path,
        {
            "pk/__init__.py": "",
            "pk/test_a.py": "KEPT = []\ndef test_it(): KEPT.append([])",
            "pk/test_b.py": "def test_it(): pass\ndef test_other(): pass",
            "root/pytest.ini": "[pytest]\n",
        },
    )
    words = ("--rootdir=.", "-c", "pytest.ini", "--pyargs", "pk.test_b", "pk.test_a")
    environment = {"PYTHONPATH": str(tmp_path)}
    result = suites.leakcheck_in(tmp_path / "root", *words, env=environment)
    found = {nodeid.rpartition("::")[2]: test for nodeid, test in result.verdicts().items()}
    if len(result.verdicts()) == 3:
        pytest.skip("this pytest tells them apart")
    assert found["test_it"].verdict == "not judged"
    assert "run pytest from a folder above both" in found["test_it"].reason
    assert found["test_other"].verdict in ("clean", "settles")
