"""Watched calls: what stays open and where it was opened, and who took C heap."""

from __future__ import annotations

import ctypes
import gc
import io
import os
import select
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_leakcheck.model.causes import Site
from pytest_leakcheck.resources import watch as watching
from pytest_leakcheck.resources.opened import agree, resource_causes, told_by
from pytest_leakcheck.resources.watch import Left, Watch, too_many_readings
from pytest_leakcheck.sweep.signals import Probes

ROOT = str(Path(__file__).resolve().parent)
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

Kept = list[Any]


@pytest.fixture(name="kept")
def _kept() -> Iterator[Kept]:
    """Holds what a test opens, and closes it at the end."""
    kept: Kept = []
    yield kept
    for thing in kept:
        if isinstance(thing, int):
            os.close(thing)
        else:
            thing.close()


@pytest.fixture(autouse=True)
def _nobody_else_watches() -> Iterator[None]:
    """Coverage may trace lines; a profiler of calls would have the process."""
    if sys.getprofile() is not None:
        pytest.skip("a profiler is on in this process")
    yield
    sys.setprofile(None)


def watched(call: Callable[[], object], *, heap: bool = False, opened: bool = True) -> Watch:
    """One watched call."""
    watch = Watch(ROOT, Probes(paced=False).heap if heap else None, opened=opened)
    watch.run(call)
    return watch


def here(offset: int) -> int:
    """The caller's line, so many lines on."""
    return sys._getframe(1).f_lineno + offset


def told(left: Left) -> tuple[str, str, int, str]:
    """What is compared: kind, what, line, innermost frame of the stack."""
    (site,) = left.sites
    assert site.file == "test_watch.py"
    return left.signal, left.what, site.line, site.stack[0]


# --- where things are opened ---------------------------------------------------------------------


@linux
def test_a_pipe_has_two_ends_and_one_place(kept: Kept) -> None:
    """The compiled function that made it stands first."""

    def run() -> None:
        kept.extend(os.pipe())

    line = here(-2)
    expected = ("fds", "pipe", line, "posix.pipe (compiled code)")
    assert [told(left) for left in watched(run).left()] == [expected, expected]


@linux
def test_a_class_that_raises_no_event_is_told_by_its_line(kept: Kept) -> None:
    """Calls of classes are invisible to profilers; lines are not."""
    if sys.gettrace() is not None:
        pytest.skip("somebody else traces lines here")

    def run() -> None:
        kept.append(io.BytesIO())
        kept.append(io.FileIO(os.devnull))
        kept.append(io.BytesIO())

    line = here(-3)
    (left,) = watched(run).left()
    assert (left.what, left.sites[0].line) == ("device /dev/null", line)


@linux
def test_the_place_is_the_innermost_beyond_the_standard_library(kept: Kept, tmp_path: Path) -> None:
    """The stack tells all of it."""
    path = tmp_path / "shop_17.sqlite3"

    def run() -> None:
        kept.append(socket.socket())
        kept.append(sqlite3.connect(path))
        kept[-1].execute("create table t (x)")
        kept.append(select.epoll())

    first = here(-5)
    found = {left.what: left for left in watched(run).left()}
    assert set(found) == {"socket", "file shop_*.sqlite3", "eventpoll"}
    (site,) = found["socket"].sites
    assert (site.file, site.line) == ("test_watch.py", first)
    assert any("socket.py:" in frame for frame in site.stack)
    assert any("run (test_watch.py:" in frame for frame in site.stack)


@linux
def test_what_is_closed_again_is_not_told(tmp_path: Path) -> None:
    """Nor what takes its number."""
    path = tmp_path / "a"
    path.write_text("x")

    def run() -> None:
        path.read_text()
        os.close(os.dup(0))

    assert watched(run).left() == []


@linux
def test_what_was_open_before_is_not_told(kept: Kept) -> None:
    """Only this run's."""
    kept.append(os.dup(0))
    assert watched(lambda: None).left() == []


@linux
def test_a_thread_and_what_it_opens(kept: Kept) -> None:
    """New threads are watched too. On a busy machine one run may not tell who it was; several do,
    as those of a candidate."""
    threads: list[threading.Thread] = []
    end = threading.Event()

    def work(ready: threading.Event) -> None:
        kept.append(os.open(os.devnull, os.O_RDONLY))
        ready.set()
        end.wait()

    def run() -> None:
        ready = threading.Event()
        threads.append(threading.Thread(target=work, args=(ready,), daemon=True))
        threads[-1].start()
        ready.wait()

    started = here(-3)
    openers: set[str] = set()
    starters: set[tuple[str, str, int]] = set()
    try:
        for _ in range(5):
            found = {left.signal: left for left in watched(run).left()}
            openers |= {site.function.rpartition(".")[2] for site in found["fds"].sites}
            if len(found["threads"].sites) == 1:
                starters.add(told(found["threads"])[:3])
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert "work" in openers
    assert ("threads", "thread", started) in starters


@linux
def test_threads_that_open_at_once_lose_nothing(kept: Kept) -> None:
    """What one has read is old when it gets to write, unless they take turns."""

    def work() -> None:
        kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(5))

    def run() -> None:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        found = [sum(left.signal == "fds" for left in watched(run).left()) for _ in range(12)]
    finally:
        sys.setswitchinterval(interval)
    assert found == [10] * 12


@linux
def test_a_child_that_is_forked_in_a_turn_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that would end the turn is not there."""
    monkeypatch.setattr(watching, "_MOST_TURN_S", 0.01)
    watch = Watch(ROOT, None)
    watch._turn.acquire()
    done: list[int] = []
    watch.run(lambda: done.append(abs(-1)))
    assert done == [1]
    assert watch.refused is not None
    assert "vanished" in watch.refused


@linux
def test_a_child_process() -> None:
    """By the name of its command."""
    children: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        children.append(subprocess.Popen(["sleep", "30"]))

    line = here(-2)
    try:
        (left,) = (left for left in watched(run).left() if left.signal == "children")
    finally:
        children[0].kill()
        children[0].wait()
    assert told(left)[:3] == ("children", "process sleep", line)


# --- manners -------------------------------------------------------------------------------------


def test_another_profiler_is_left_alone() -> None:
    """The run happens all the same."""
    calls: list[int] = []

    def other(*_: object) -> None:
        return None

    sys.setprofile(other)
    watch = watched(lambda: calls.append(1))
    assert sys.getprofile() is other
    assert calls == [1]
    assert watch.refused == "another profiler has this process: calls were not watched"


def test_a_test_that_sets_a_profiler_keeps_it() -> None:
    """One sentence says so."""

    def other(*_: object) -> None:
        return None

    watch = watched(lambda: sys.setprofile(other))
    assert sys.getprofile() is other
    assert watch.refused == "the test sets a profiler of its own: calls were not watched"


def test_profilers_and_tracers_are_put_back() -> None:
    """Those of threads that start later too."""
    tracer = sys.gettrace()
    later = threading.getprofile()
    watched(lambda: None)
    assert sys.getprofile() is None
    assert sys.gettrace() is tracer
    assert threading.getprofile() is later


def test_an_exception_passes_through() -> None:
    """And leaves nothing behind."""

    def fail() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        watched(fail)
    assert sys.getprofile() is None


@pytest.mark.parametrize(("method", "opened"), [(Watch._compare, True), (Watch._name_call, False)])
def test_a_failure_of_the_watch_does_not_reach_the_test(
    method: Callable[..., None], opened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told."""

    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(Watch, method.__name__, broken)
    done: list[int] = []
    watch = watched(lambda: done.append(len("x")), opened=opened)
    assert done == [1]
    assert watch.refused is not None
    assert "ValueError: broken" in watch.refused


@pytest.mark.parametrize("opened", [True, False])
def test_a_test_of_too_many_calls_is_given_up(
    opened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run goes on without the watch."""
    monkeypatch.setattr(watching, "_MOST_S", 0.0)
    watch = watched(lambda: [abs(n) for n in range(2000)], opened=opened)
    assert watch.refused is not None
    assert "more calls than can be watched" in watch.refused


def test_nothing_of_the_users_is_kept(kept: Kept) -> None:
    """Neither arguments nor frames nor what methods are bound to."""

    class Thing(list[int]):
        pass

    seen: list[weakref.ref[Thing]] = []

    def run() -> None:
        thing = Thing()
        thing.append(1)
        kept.append(io.BytesIO(bytes(5000)))
        seen.append(weakref.ref(thing))

    watch = watched(run, heap=True)
    gc.collect()
    assert seen[0]() is None
    assert watch.refused is None


def test_no_code_of_the_users_runs() -> None:
    """Hostile classes do not notice."""

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise AssertionError(name)

        def __eq__(cls, other: object) -> bool:
            raise AssertionError

        __hash__ = type.__hash__

    class Hostile(list[int], metaclass=Meta):
        pass

    hostile = Hostile()
    append = list.append
    watch = watched(lambda: append(hostile, 1))
    assert watch.refused is None


@pytest.mark.skipif(sys.platform == "linux", reason="Linux tells them apart")
def test_elsewhere_nothing_is_told_apart(kept: Kept) -> None:
    """The tables are empty."""
    assert watched(lambda: kept.append(os.dup(0))).left() == []


# --- C heap --------------------------------------------------------------------------------------


@linux
def test_the_line_that_takes_c_heap() -> None:
    """ctypes raises no event: its line is told."""
    if sys.gettrace() is not None:
        pytest.skip("somebody else traces lines here")
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    taken: list[int] = []

    def run() -> None:
        taken.append(libc.malloc(70_000))
        libc.free(libc.malloc(90_000))

    line = here(-3)
    heap = watched(run, heap=True).heap()
    libc.free(taken[0])
    assert heap.get(("test_watch.py", line, ""), 0) == pytest.approx(70_000, abs=200)
    assert sum(heap.values()) == pytest.approx(70_000, abs=5000)


@linux
def test_the_function_that_takes_c_heap() -> None:
    """A compiled function with an event of its own is named."""
    kept: list[bytes] = []

    def run() -> None:
        kept.append(os.urandom(80_000))

    heap = watched(run, heap=True).heap()
    (name,) = (key[2] for key, amount in heap.items() if amount > 70_000)
    assert name == "posix.urandom"


@linux
def test_a_heap_that_is_slow_to_read_is_given_up(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls and what stays open are told all the same."""
    monkeypatch.setattr(watching, "_MOST_HEAP_S", 0.0)

    def run() -> None:
        kept.append(os.open(os.devnull, os.O_RDONLY))
        kept.append(io.BytesIO(os.urandom(80_000)))

    watch = watched(run, heap=True)
    assert watch.refused is None
    assert watch.heap() == {}
    assert watch.heap_refused is not None
    assert "takes longer than 0 s" in watch.heap_refused
    assert [left.signal for left in watch.left()] == ["fds"]
    monkeypatch.undo()
    whole = watched(lambda: kept.append(io.BytesIO(os.urandom(80_000))), heap=True)
    assert whole.reads_heap
    assert told_by("t", [whole], ROOT, []).heap
    assert told_by("t", [watch, whole], ROOT, []).heap == []


@pytest.mark.parametrize("opened", [True, False])
def test_a_run_that_counted_calls_says_whether_the_heap_can_be_read_around_them(
    opened: bool,
) -> None:
    """Going by what a reading takes."""
    watch = watched(lambda: [str(n) for n in range(100)], opened=opened)
    assert watch.events >= 100
    assert not watch.reads_heap
    assert too_many_readings(lambda: 0, watch.events) is None
    slow = too_many_readings(lambda: time.sleep(0.01), 1000)
    assert slow is not None
    assert "takes longer than 2 s" in slow


@linux
def test_what_the_watch_itself_notes_is_nobodys_heap() -> None:
    """Hundreds of places are noted, each for the first time."""
    lines = "".join(f"    call((1,))  # {n}\n" for n in range(200))
    space: dict[str, Callable[..., None]] = {}
    exec(compile(f"def run(call):\n{lines}", "places.py", "exec"), space)  # noqa: S102
    encode = msgspec.json.Encoder().encode
    run = partial(space["run"], encode)
    watched(run)  # the interpreter's own table of lines is made the first time
    gc.collect()  # what other tests left is not to be freed on the way
    heap = watched(run, heap=True).heap()
    assert sum(map(abs, heap.values())) < 2000


def test_lines_are_counted_where_only_names_are_of_interest() -> None:
    """Each of them would be a look at the heap."""

    def events(lines: int) -> int:
        space: dict[str, Callable[[], None]] = {}
        text = "def run():\n" + "    x = 1\n" * lines
        exec(compile(text, "lines.py", "exec"), space)  # noqa: S102
        return watched(space["run"], opened=False).events

    assert events(500) - events(10) == 490


@pytest.mark.parametrize("opened", [True, False])
def test_calls_of_extensions_are_noted(opened: bool) -> None:
    """With their shared object; the standard library's are not."""
    encoder = msgspec.json.Encoder()
    watch = watched(lambda: (encoder.encode([1]), os.getpid()), opened=opened)
    (call,) = watch.calls()
    assert call.name == "msgspec.json.Encoder.encode"
    assert call.file == "test_watch.py"
    assert call.library.startswith("msgspec/_core.")


# --- records -------------------------------------------------------------------------------------

SITE = Site(file="app/db.py", line=41, function="Store.__init__", stack=["posix.pipe"])


def test_what_two_runs_agree_on_has_a_place() -> None:
    """The count is per run."""
    run = [Left("fds", "pipe", (SITE,))] * 2
    (record,) = agree("t", [run, run])
    assert (record.what, record.count, record.site) == ("pipe", 2.0, SITE)


def test_what_two_runs_do_not_agree_on_has_none() -> None:
    """Another thread may have opened it."""
    other = Site(file="app/other.py", line=1, function="f")
    (record,) = agree("t", [[Left("fds", "pipe", (SITE,))], [Left("fds", "pipe", (other,))]])
    assert (record.count, record.site) == (1.0, None)


def test_a_run_that_is_not_sure_contradicts_nobody() -> None:
    """Two others agree, and what it saw is the same thing."""
    sure, unsure = Left("fds", "pipe", (SITE,)), Left("fds", "pipe", ())
    (record,) = agree("t", [[sure], [unsure], [sure]])
    assert (record.count, record.site) == (1.0, SITE)
    (record,) = agree("t", [[sure], [unsure], [unsure]])
    assert record.site is None


def test_of_two_threads_the_one_that_every_run_names_did_it() -> None:
    """What ran beside it differs from run to run."""
    beside = [Site(file="app/main.py", line=n, function="main") for n in (5, 9)]
    runs = [[Left("fds", "pipe", (other, SITE))] for other in beside]
    (record,) = agree("t", runs)
    assert record.site == SITE
    (record,) = agree("t", [runs[0], runs[0]])
    assert record.site is None


@linux
def test_compiled_code_of_another_thread_may_have_done_it() -> None:
    """Both are named."""
    begun, end = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []
    table = type("Stub", (), {"signal": "fds", "count": None, "entries": dict})

    def work() -> None:
        begun.set()
        end.wait()

    def run() -> None:
        threads.append(threading.Thread(target=work))
        threads[0].start()
        begun.wait()

    watch = Watch(ROOT, None)
    watch.run(run)
    other = threads[0].ident
    assert other is not None
    while sys._current_frames()[other].f_code.co_name != "wait":
        time.sleep(0.001)  # it has set the one event and not yet come to wait for the other
    watch._tables, watch._known, watch._opened = [table], [{1}], [{}]  # type: ignore[list-item]
    table.entries = staticmethod(lambda: {1: "", 7: "pipe:[1]"})  # type: ignore[attr-defined]
    watch._active[other] = [(0, "rust.open")]
    watch._note_changes(0, sys._getframe(), "", 0)
    watch._active[other] = [(0, "_thread.lock.acquire")]
    alone = watch._busy()
    end.set()
    threads[0].join()
    functions = [site.function.rpartition(".")[2] for site in watch._opened[0][7].sites]
    assert functions[1:] == ["work"]
    assert alone == ()


def test_a_place_that_opens_several_kinds_is_one_cause() -> None:
    """Named without numbers."""
    records = agree("t", [[Left("fds", "pipe", (SITE,)), Left("threads", "thread", (SITE,))]] * 2)
    (cause,) = resource_causes(records)
    assert (cause.kind, cause.head, cause.per_run) == ("resource", "pipe, thread", 2.0)
    moved = Site(file="app/db.py", line=977, function="Shop.__init__")
    (again,) = resource_causes(agree("u", [[Left("fds", "socket", (moved,))]] * 2))
    assert again.fingerprint == cause.fingerprint


def test_what_has_no_place_makes_no_cause() -> None:
    """Nobody is accused."""
    assert resource_causes(agree("t", [[Left("fds", "pipe", ())]])) == []


def test_a_watch_record_tells_heap_per_run() -> None:
    """The mean of the runs, largest first."""
    watch = watched(lambda: None, heap=True)
    watch._net.clear()
    watch._net.update({("a.py", 1, "f"): 100, ("b.py", 2, ""): 4000})
    record = told_by("t", [watched(lambda: None), watch, watch], ROOT, [SITE])
    assert [(s.file, s.bytes) for s in record.heap] == [("b.py", 4000), ("a.py", 100)]
    assert record.python == [SITE]
