"""Watch every call of one run: which one opened what stays open, and which one took C heap.

``sys.setprofile`` tells of each call and return, of Python functions and of compiled ones. Between
two of these events one piece of code ran; when a count has changed in between, that code did it.
This needs no help from the libraries, and costs 10 µs per event: for single repeats only.

Calls of classes and of some extensions' functions raise no event: they are told by the line of
Python that made them, which ``sys.settrace`` keeps exact where nobody else has it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sized
from types import CodeType, FrameType
from typing import Any, NamedTuple

from pytest_leakcheck.model.causes import COMPILED, Site
from pytest_leakcheck.model.journal_lines import CompiledCall
from pytest_leakcheck.native.allocations import MACHINERY, PACKAGE, short_path
from pytest_leakcheck.native.compiled import CallNames, is_standard
from pytest_leakcheck.sweep.open_tables import Table, describe, tables
from pytest_leakcheck.sweep.signals import Probe

_clock = time.perf_counter
_sleep = time.sleep
_get_profile, _set_profile = sys.getprofile, sys.setprofile
_get_trace, _set_trace = sys.gettrace, sys.settrace
_ident = threading.get_ident
_new_lock = threading.Lock
_current_frames = sys._current_frames  # noqa: SLF001 - there is no public one

#: Watching is given up after so long: a test of millions of calls takes minutes under it.
_MOST_S = 20.0
_MOST_FRAMES = 8
#: malloc's books take milliseconds to sum up in a fragmented heap: so long is spent on it in a run.
_MOST_HEAP_S = 2.0
#: Time is looked at on every so many events (a power of two less one).
_CLOCK_MASK = 255

#: A turn at the books is over in a fraction of this; in a forked child it may never come.
_MOST_TURN_S = 5.0

#: Grace for threads that are ending and descriptors that they still close.
_PAUSES_S = (0.0, 0.002, 0.008, 0.032, 0.064)

#: A thread inside one of these has started another, which may run before they return.
_STARTS = frozenset(("start_new_thread", "start_joinable_thread"))

#: A thread inside one of these waits: what changes meanwhile is another's doing.
_WAITS = (
    _STARTS
    | frozenset(
        ("acquire", "wait", "poll", "select", "recv", "recv_into", "recvfrom", "accept", "sleep")
    )
    | frozenset(("get", "join", "read", "readline", "readinto", "control", "waitpid", "sigwait"))
)


def _too_dear() -> str:
    return (
        f"Reading the C heap around each call takes longer than {_MOST_HEAP_S:g} s: it was not "
        "told which call takes native memory"
    )


def too_many_readings(heap: Probe, events: int) -> str | None:
    """Why the heap is not to be read around so many calls, by what it takes now; else ``None``."""
    times = []
    for _ in range(5):
        start = _clock()
        heap()
        times.append(_clock() - start)
    return _too_dear() if events * min(times) > _MOST_HEAP_S else None


class Left(NamedTuple):
    """A resource that one run opened and left open."""

    signal: str
    what: str
    sites: tuple[Site, ...]
    """Where it may have been opened: more than one where threads ran compiled code at once."""


class _Opened(NamedTuple):
    identity: str
    sites: tuple[Site, ...]


class Watch:
    """Watches one run.

    Args:
        root: the project's folder, cut from paths.
        heap: reads the C heap in use; None when that is not of interest.
        opened: whether what stays open is of interest. Where neither is, events are only counted,
            and the names of compiled functions noted, in an eighth of the time.
    """

    def __init__(self, root: str, heap: Probe | None, *, opened: bool = True) -> None:
        self._root = root
        self._heap = heap
        self._tables: list[Table] = tables() if opened else []
        self._counts: list[int | None] = []
        self._known: list[set[int]] = []
        self._opened: list[dict[int, _Opened]] = []
        self._in_use = 0
        self._heap_s = 0.0
        self._deepest = 0
        self._net: dict[tuple[str, int, str], int] = defaultdict(int)
        self._names = CallNames(root)
        self._active: dict[int, list[tuple[int, str]]] = {}
        self._quiet: dict[str, bool] = {}
        self._machinery: dict[str, bool] = {}
        self._turn = _new_lock()
        self.events = 0
        """Calls, returns and lines that were seen."""
        self._deadline = 0.0
        self._over = True
        self.refused: str | None = None
        self.heap_refused: str | None = None
        """Why the C heap was not told apart, where it was asked for and the calls were watched."""

    @property
    def reads_heap(self) -> bool:
        """Whether the C heap was read around each call, to the end."""
        return self._heap is not None

    # --- begin and end -------------------------------------------------------------------------

    def run(self, call: Callable[[], object]) -> None:
        """Call and watch; where somebody else watches, call all the same and say why not."""
        if _get_profile() is not None:
            self.refused = "another profiler has this process: calls were not watched"
            call()
            return
        self._counts = [table.count() for table in self._tables]
        self._known = [set(table.entries()) for table in self._tables]
        self._opened = [{} for _ in self._tables]
        self._deadline = _clock() + _MOST_S
        self._over = False
        later = threading.getprofile()
        compares = self._heap is not None or bool(self._tables)
        mine = self._event if compares else self._note_call
        tracer = self._trace if compares else self._count_lines
        traces = _get_trace() is None
        threading.setprofile(mine)
        if traces:
            _set_trace(tracer)
        self._in_use = self._read_heap()
        _set_profile(mine)
        try:
            call()
        finally:
            self._over = True
            if _get_profile() is mine:
                _set_profile(None)
            elif self.refused is None:
                self.refused = "the test sets a profiler of its own: calls were not watched"
            if traces and _get_trace() is tracer:
                _set_trace(None)
            if threading.getprofile() is mine:
                threading.setprofile(later)

    # --- what was seen -------------------------------------------------------------------------

    def left(self) -> list[Left]:
        """What the run opened and is open still, after a moment's grace; collect first."""
        still: list[list[int]] = []
        for pause in _PAUSES_S:
            _sleep(pause)
            still = [
                [
                    number
                    for number, opened in list(born.items())
                    if now.get(number) == opened.identity
                ]
                for born, now in zip(
                    self._opened, (table.entries() for table in self._tables), strict=True
                )
            ]
            if not any(still):
                break
        return [
            Left(
                table.signal,
                describe(table.signal, number, born[number].identity),
                born[number].sites,
            )
            for table, born, numbers in zip(self._tables, self._opened, still, strict=True)
            for number in numbers
        ]

    def heap(self) -> dict[tuple[str, int, str], int]:
        """(File, line, function of compiled code) → C heap taken there, less what was given back
        there."""
        return {
            (short_path(file, self._root), line, name): amount
            for (file, line, name), amount in self._net.items()
            if amount
        }

    def calls(self) -> list[CompiledCall]:
        """The compiled code that was called from outside the harness."""
        return self._names.calls()

    # --- events, where they are only counted ---------------------------------------------------

    def _note_call(self, frame: FrameType, event: str, arg: Any) -> None:
        """Threads may lose a count to each other: that is no matter, and a lock would cost more."""
        if self._over:
            return
        self._count()
        if event != "c_call":
            return
        try:
            self._name_call(frame, self._names.name(arg) or "?", arg)
        except Exception as error:  # noqa: BLE001 - a profiler that raises would fail the test
            self._give_up(_failed(error))

    def _count_lines(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG002
        if self._over or self._is_quiet(frame.f_code.co_filename):
            return None

        def local(frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG001
            self._count()
            return local

        return local

    def _count(self) -> None:
        self.events += 1
        if not self.events & _CLOCK_MASK and _clock() > self._deadline:
            self._give_up(f"the test makes more calls than can be watched in {_MOST_S:g} s")

    # --- events --------------------------------------------------------------------------------

    def _event(self, frame: FrameType, event: str, arg: Any) -> None:
        self._in_turn(self._look, frame, event, arg)

    def _in_turn(
        self, look: Callable[[FrameType, str, Any], None], frame: FrameType, event: str, arg: Any
    ) -> None:
        """One thread at a time: what another had read before it waited would undo what is noted."""
        if self._over:
            return
        if not self._turn.acquire(timeout=_MOST_TURN_S):
            self._give_up("a thread that has vanished was writing down what it had seen")
            return
        try:
            if not self._over:
                noted = self._noted()
                look(frame, event, arg)
                if self._noted() != noted:
                    self._in_use = self._read_heap()
        except Exception as error:  # noqa: BLE001 - a profiler that raises would fail the test
            self._give_up(_failed(error))
        finally:
            self._turn.release()

    def _give_up(self, why: str) -> None:
        self._over = True
        self.refused = why
        self._net.clear()

    def _read_heap(self) -> int:
        """The C heap in use; 0 where it is not of interest, or was given up."""
        if self._heap is None:
            return 0
        start = _clock()
        in_use = self._heap() or 0
        self._heap_s += _clock() - start
        if self._heap_s > _MOST_HEAP_S:
            self._heap = None
            self._net.clear()
            self.heap_refused = _too_dear()
        return in_use

    def _noted(self) -> int:
        """Grows whenever these books do, whose own memory is nobody's growth; 0 where the C heap is
        not of interest."""
        if self._heap is None:
            return 0
        books: tuple[Sized, ...] = (
            self._net,
            self._active,
            self._quiet,
            self._machinery,
            *self._opened,
        )
        return sum(map(len, books)) + len(self._names) + self._deepest

    def _look(self, frame: FrameType, event: str, arg: Any) -> None:
        active = self._active.setdefault(_ident(), [])
        self._compare(frame, event, arg, active, 0)
        if event == "c_call":
            name = self._names.name(arg) or "?"
            active.append((id(frame), name))
            self._name_call(frame, name, arg)
        elif event == "call":
            active.append(_PYTHON)
        elif event == "return":
            if active and active[-1] is _PYTHON:
                active.pop()
        else:
            while active and active.pop() is _PYTHON:
                pass
        self._deepest = max(self._deepest, len(active))

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG002
        """Lines of the user's and the libraries' functions; of no others."""
        if self._over or self._is_quiet(frame.f_code.co_filename):
            return None
        line = 0

        def local(frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG001
            nonlocal line
            if self._over:
                return None
            if event == "line":
                if line:
                    self._in_turn(self._at_line, frame, "line", line)
                line = frame.f_lineno
            return local

        return local

    def _at_line(self, frame: FrameType, event: str, line: int) -> None:
        self._compare(frame, event, None, self._active.setdefault(_ident(), []), line)

    def _compare(
        self, frame: FrameType, event: str, arg: Any, active: list[tuple[int, str]], line: int
    ) -> None:
        """Charge what has changed since the last event to the code that ran in between."""
        before, self._in_use = self._in_use, self._read_heap()
        grown = self._in_use - before if self._heap is not None else 0
        self._count()
        if self._over:
            return
        changed = [
            (position, count)
            for position, table in enumerate(self._tables)
            if (count := table.count()) != self._counts[position]
        ]
        if not changed and not grown:
            return
        author, name = self._author(frame, event, arg, active)
        if grown and not self._is_machinery(author.f_code):
            self._net[author.f_code.co_filename, line or author.f_lineno, name] += grown
        for position, count in changed:
            self._counts[position] = count
            self._note_changes(position, author, name, line)

    def _author(
        self, frame: FrameType, event: str, arg: Any, active: list[tuple[int, str]]
    ) -> tuple[FrameType, str]:
        """Whose code ran since the last event: a frame, and the compiled function it called."""
        if event in _C_ENDS:
            return frame, self._names.name(arg)
        back = frame.f_back
        if event != "call" or back is None:
            return frame, ""
        if active and active[-1][0] == id(back):
            return back, active[-1][1]  # compiled code that calls back
        return back, ""

    def _note_changes(self, position: int, author: FrameType, name: str, line: int) -> None:
        now = self._tables[position].entries()
        known, opened = self._known[position], self._opened[position]
        for number in known - now.keys():
            opened.pop(number, None)
        new = now.keys() - known
        self._known[position] = set(now)
        if not new:
            return
        started = self._tables[position].signal == "threads"
        sites = self._starters() if started else ()
        if not sites:
            mine = self._site(author, name, line)
            sites = (mine, *self._busy()) if mine is not None else self._busy()
        opened.update({number: _Opened(now[number], sites) for number in new})

    def _starters(self) -> tuple[Site, ...]:
        """Other threads that are about to return from starting one: the new thread may run first,
        and see itself."""
        return self._others(lambda name: name in _STARTS)

    def _busy(self) -> tuple[Site, ...]:
        """Other threads inside compiled code that may have done it meanwhile."""
        return self._others(lambda name: name not in _WAITS)

    def _others(self, concerned: Callable[[str], bool]) -> tuple[Site, ...]:
        mine = _ident()
        found: list[Site | None] = []
        for thread, active in list(self._active.items()):
            if thread == mine or not active or active[-1] is _PYTHON:
                continue
            name = active[-1][1]
            if concerned(name.rpartition(".")[2]):
                frame = _current_frames().get(thread)
                while frame is not None and frame.f_code.co_filename == __file__:
                    frame = frame.f_back  # it is inside this watch itself
                found.append(None if frame is None else self._site(frame, name, 0))
        return tuple(site for site in found if site is not None)

    def _name_call(self, frame: FrameType, name: str, called: Any) -> None:
        if not self._is_machinery(frame.f_code):
            self._names.note(frame.f_code.co_filename, frame.f_lineno, name, called)

    # --- frames --------------------------------------------------------------------------------

    def _site(self, author: FrameType, name: str, line: int) -> Site | None:
        """The innermost frame outside the standard library, with all above it."""
        frame: FrameType | None = author
        told: list[str] = [f"{name}{COMPILED}"] if name else []
        first: tuple[str, int, str] | None = None
        while frame is not None and not frame.f_code.co_filename.startswith(PACKAGE):
            code = frame.f_code
            if not self._is_machinery(code):
                where = short_path(code.co_filename, self._root)
                number = line if frame is author and line else frame.f_lineno
                function = getattr(code, "co_qualname", code.co_name)
                if len(told) < _MOST_FRAMES:
                    told.append(f"{function} ({where}:{number})")
                if first is None and not self._is_quiet(code.co_filename):
                    first = (where, number, function)
            frame = frame.f_back
        if first is None:
            return None
        return Site(file=first[0], line=first[1], function=first[2], stack=told)

    def _is_machinery(self, code: CodeType) -> bool:
        file = code.co_filename
        found = self._machinery.get(file)
        if found is None:
            found = self._machinery[file] = any(part in file for part in MACHINERY)
        return found

    def _is_quiet(self, file: str) -> bool:
        """Whether a file is the harness's, pytest's or the standard library's."""
        quiet = self._quiet.get(file)
        if quiet is None:
            quiet = any(part in file for part in MACHINERY) or is_standard(file)
            self._quiet[file] = quiet
        return quiet


def _failed(error: Exception) -> str:
    return f"watching calls failed ({type(error).__name__}: {error})"


_C_ENDS = ("c_return", "c_exception")
#: In place of a compiled function: a function of Python runs.
_PYTHON = (0, "")
