"""What is open and where it was opened, and native memory, in real suites: named by its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import suites
from suites import Result

from pytest_leakcheck.conclude.evidence import causes_of
from pytest_leakcheck.model.results import CauseSummary
from pytest_leakcheck.native.allocations import memray_missing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and glibc")

SUITE = {
    "app/__init__.py": "",
    "app/store.py": """
        import os, socket, sqlite3, subprocess, threading

        OPEN = []

        class Pipe:
            def __init__(self):
                self.ends = os.pipe()

        def connect():
            made = socket.socket()
            made.bind(("127.0.0.1", 0))
            made.listen()
            return made.detach()

        def database(path):
            connection = sqlite3.connect(path)
            connection.execute("create table if not exists t (x)")
            return connection

        def start(event):
            threading.Thread(target=event.wait, daemon=True).start()

        def launch():
            child = subprocess.Popen(["sleep", "20"])
            child.returncode = 0  # nobody waits for it
    """,
    "test_open.py": """
        import os, sys, threading
        from app import store

        KEPT = []
        END = threading.Event()

        def test_pipe():
            store.Pipe()

        def test_socket():
            store.connect()

        def test_thread():
            store.start(END)

        def test_child():
            store.launch()

        def test_database(tmp_path):
            KEPT.append(store.database(tmp_path / "shop.sqlite3"))

        def test_profiler():
            os.dup(0)
            sys.setprofile(None)

        def test_closed(tmp_path):
            with open(tmp_path / "file", "w") as file:
                file.write("x")
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
    """,
    "test_memory.py": """
        import ctypes

        malloc = ctypes.CDLL(None).malloc
        malloc.restype = ctypes.c_void_p
        malloc.argtypes = [ctypes.c_size_t]

        def take(size):
            return malloc(size)

        def test_malloc():
            assert take(60_000)

        def test_lost_reference():
            text = bytes(bytearray(9_000))
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(text))
    """,
}


@pytest.fixture(name="result", scope="module")
def _result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One run of the whole suite, confirmed and explained."""
    folder = tmp_path_factory.mktemp("native")
    suites.write(folder, SUITE)
    return suites.leakcheck_in(folder)


def cause_of(result: Result, nodeid: str) -> CauseSummary:
    """The first cause of a leaking test."""
    judged = result.judged
    test = next(test for test in judged.tests if test.nodeid == nodeid)
    assert test.verdict == "leak", test.reason
    assert test.fingerprints, "no cause"
    return next(c for c in judged.causes if c.cause.fingerprint == test.fingerprints[0])


OPENED = {
    "test_pipe": ("fds", "pipe", 2, "app/store.py:8", "Pipe.__init__"),
    "test_socket": ("fds", "TCP socket", 1, "app/store.py:11", "connect"),
    "test_thread": ("threads", "thread", 1, "app/store.py:22", "start"),
    "test_child": ("children", "process sleep", 1, "app/store.py:25", "launch"),
    "test_database": ("fds", "file shop.sqlite3", 1, "app/store.py:17", "database"),
}


def function_name(name: str) -> str:
    """Without its class: Python 3.10 knows no qualified name of a function."""
    return name if sys.version_info >= (3, 11) else name.rpartition(".")[2]


@pytest.mark.parametrize("test", OPENED)
def test_what_stays_open_is_told_with_its_place(result: Result, test: str) -> None:
    """Kind, number and line, to the one."""
    signal, what, count, place, function = OPENED[test]
    (record,) = result.run.resources[f"test_open.py::{test}"]
    assert (record.signal, record.what, record.count) == (signal, what, count)
    assert record.site is not None
    assert f"{record.site.file}:{record.site.line}" == place
    assert record.site.function == function_name(function)
    assert any("test_open.py" in frame for frame in record.site.stack)


@pytest.mark.parametrize("test", ["test_pipe", "test_socket", "test_child"])
def test_what_has_no_holder_is_named_by_where_it_was_opened(result: Result, test: str) -> None:
    """Descriptors and children are held by the kernel."""
    summary = cause_of(result, f"test_open.py::{test}")
    assert summary.cause.kind == "resource"
    assert OPENED[test][1] in summary.cause.head
    assert [found.what for found in summary.opened] == [OPENED[test][1]]


def test_what_has_a_holder_keeps_it(result: Result) -> None:
    """Where it was opened stands below."""
    summary = cause_of(result, "test_open.py::test_database")
    assert summary.cause.holder == "test_open.KEPT[*]"
    assert [found.what for found in summary.opened] == ["file shop.sqlite3"]


def test_a_test_that_takes_the_profiler_is_not_watched(result: Result) -> None:
    """One sentence says so; the leak is found all the same."""
    nodeid = "test_open.py::test_profiler"
    assert result.verdicts()[nodeid].verdict == "leak"
    told = [event.sentence for event in result.run.events if event.nodeid == nodeid]
    assert told == ["the test sets a profiler of its own: calls were not watched"]


def test_what_is_closed_is_not_accused(result: Result) -> None:
    """Opened and closed, started and joined."""
    test = result.verdicts()["test_open.py::test_closed"]
    assert test.verdict in ("clean", "settles"), test.reason
    assert test.nodeid not in result.run.resources


def test_memory_that_no_hook_sees_is_named_by_its_line(result: Result) -> None:
    """ctypes finds malloc by itself: memray does not see it, and no event tells of the call."""
    cause = cause_of(result, "test_memory.py::test_malloc").cause
    assert (cause.kind, cause.head) == ("native", "compiled code called at test_memory.py:9")


@pytest.mark.skipif(memray_missing() is not None, reason="memray is not here")
def test_a_lost_reference_is_named_by_where_its_object_was_made(result: Result) -> None:
    """No container, no survivor: the place is all that there is."""
    cause = cause_of(result, "test_memory.py::test_lost_reference").cause
    assert (cause.kind, cause.head) == ("native", "test_lost_reference (test_memory.py)")
    assert not cause.sites[0].native


def test_it_is_told_on_the_terminal(result: Result) -> None:
    """In words."""
    words = [sys.executable, "-m", "pytest_leakcheck.cli", "show", suites.LABEL]
    done = subprocess.run(
        words,
        cwd=result.folder,
        env=suites.environment(COLUMNS="300"),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    shown = " ".join(done.stdout.split())
    place = f"opened at app/store.py:8 in {function_name('Pipe.__init__')} by posix.pipe"
    assert f"2 pipe, {place}" in shown
    assert "2 more stay open after each run (pipe), opened at app/store.py:8" in shown


def test_instances_of_a_function_share_what_one_of_them_showed(tmp_path: Path) -> None:
    """One is watched; the others leave as much open on each of their own repeats, and have its
    cause. One that keeps nothing is none of them."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import os, pytest

                @pytest.mark.parametrize("name", ["a", "b", "c", "clean"])
                def test_opens(name):
                    ends = os.pipe()
                    if name == "clean":
                        for end in ends:
                            os.close(end)
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    verdicts = result.verdicts()
    assert verdicts.pop("test_a.py::test_opens[clean]").verdict in ("clean", "settles")
    assert {test.verdict for test in verdicts.values()} == {"leak"}
    assert len({tuple(test.fingerprints) for test in verdicts.values()}) == 1
    assert len(result.run.watched) == 1
    assert set(result.run.alike.values()) == set(result.run.watched)
    for nodeid in verdicts:
        assert [found.what for found in result.run.opened_by(nodeid)] == ["pipe"]


def test_functions_share_a_place_that_both_are_seen_to_use(tmp_path: Path) -> None:
    """As many of the same name, opened elsewhere, are another cause."""
    suites.write(
        tmp_path,
        {
            "app.py": """
                import os

                def grab(folder):
                    os.open(folder / "shop.data", os.O_CREAT)

                def steal(folder):
                    os.open(folder / "shop.data", os.O_CREAT)
            """,
            "test_a.py": """
                import app

                def test_first(tmp_path):
                    app.grab(tmp_path)
            """,
            "test_b.py": """
                import app

                def test_alike(tmp_path):
                    app.grab(tmp_path)

                def test_other(tmp_path):
                    app.steal(tmp_path)
            """,
        },
    )
    result = suites.leakcheck_in(tmp_path)
    leaking = {test.partition("::")[2]: found for test, found in result.verdicts().items()}
    assert [found.verdict for found in leaking.values()] == ["leak"] * 3
    assert result.run.alike == {"test_b.py::test_alike": "test_a.py::test_first"}
    labels = {
        name: [cause.label for cause in causes_of(result.run, found.nodeid)]
        for name, found in leaking.items()
    }
    assert labels == {
        "test_first": ["grab (app.py)"],
        "test_alike": ["grab (app.py)"],
        "test_other": ["steal (app.py)"],
    }
    opened = [test.opened for test in result.run.tests]
    assert opened == [["file shop.data"]] * 3


@pytest.mark.skipif(sys.version_info < (3, 11), reason="blocks have noise of their own there")
def test_an_instance_without_a_plain_verdict_is_looked_into_itself(tmp_path: Path) -> None:
    """Of so little growth only a trace tells that it adds up, and a container's name is better than
    a place: neither is taken over from another instance."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import ctypes, itertools, pytest

                NUMBERS = itertools.count(10**6)
                SEEN = set()

                @pytest.mark.parametrize("number", range(3))
                def test_takes_a_reference(number):
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(bytes(bytearray(31))))

                @pytest.mark.parametrize("number", range(3))
                def test_adds(number):
                    SEEN.add(next(NUMBERS))
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    verdicts = result.verdicts()
    assert {test.verdict for test in verdicts.values()} == {"leak"}
    run = result.run
    held = {cause.holder for n in verdicts if "adds" in n for cause in causes_of(run, n)}
    assert held == {"test_a.SEEN[*]"}
