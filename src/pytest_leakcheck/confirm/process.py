"""A confirming process, watched from outside: started, followed, ended when its time is over."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from pytest_leakcheck.confirm.tasks import Progress

_POLL_S = 0.1
#: So long a process that is done may take to end by itself: it may have threads that never end.
_LAST_S = 2.0


@dataclass(frozen=True, slots=True)
class Start:
    """What to start, and what it writes."""

    command: Sequence[str]
    folder: Path
    """Where it runs."""
    environment: Mapping[str, str]
    log: Path
    """Takes its output."""
    progress: Path
    """It tells there what it begins and ends."""


class Watched:
    """What a confirming process has said so far, and how it ended."""

    def __init__(self, test_timeout_s: float) -> None:
        self.done: set[str] = set()
        self.current = ""
        """What it has begun and not ended."""
        self.since = time.monotonic()
        self.full = False
        self.over = False
        self.done_at: float | None = None
        """When it said that everything is written."""
        self.alive: list[str] = []
        """The threads that keep it from ending, by name."""
        self.given_up = ""
        """``budget`` or ``timeout``, where it was not left to end by itself."""
        self.status = 0
        self.kept_alive = False
        """It was done and did not end by itself."""
        self._test_timeout_s = test_timeout_s
        self._rest = b""
        self._decoder = msgspec.json.Decoder(Progress)

    def read(self, lines: IO[bytes], step: Callable[[], None]) -> None:
        """Take in what it has said since."""
        *whole, self._rest = (self._rest + lines.read()).split(b"\n")
        for line in whole:
            word = self._decoder.decode(line)
            if word.begin:
                self.current = word.begin
                self.since = time.monotonic()
            if word.end:
                self.done.add(word.end)
                self.current = ""
                step()
            self.full = self.full or word.full
            self.over = self.over or word.over
            if word.done:
                self.done_at, self.alive = time.monotonic(), word.alive

    def is_over(self, time_is_over: Callable[[], bool]) -> bool:
        """Whether it is done and had a moment to end by itself; or whether the whole, or what it
        runs now, has had its time."""
        if self.done_at is not None:
            return time.monotonic() - self.done_at > _LAST_S
        if time_is_over():
            self.given_up = "budget"
        elif self.current and time.monotonic() - self.since > self._test_timeout_s:
            self.given_up = "timeout"
        return bool(self.given_up)

    def why_unfinished(self, what: str, doing: str) -> str:
        """Why it did not get to the end of what it was running, in words.

        Args:
            what: was running (``its repeats``).
            doing: of the process (``repeated it``).
        """
        if self.given_up:
            return f"{what} did not end within {self._test_timeout_s:g} s"
        return f"the process that {doing} {_died(self.status)}"


#: What makes glibc's figures differ from what is in use. It keeps up to seven freed chunks of each
#: small size per thread and counts them as in use: a small leak would hide behind them for as many
#: runs. And it makes a further arena, of 4 KiB in use, when two threads happen to allocate at once:
#: on a busy machine an innocent grows by one now and then.
_TUNABLES = "GLIBC_TUNABLES"
_EXACT = {"tcache_count": "0", "arena_max": "1"}


def with_exact_heap(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which glibc's figures tell what is in use; others ignore the variable.

    What the user has set himself stays as it is.
    """
    told = environment.get(_TUNABLES, "")
    wanted = [f"glibc.malloc.{name}={value}" for name, value in _EXACT.items() if name not in told]
    return {**environment, _TUNABLES: ":".join(filter(None, (told, *wanted)))}


def run_watched(
    start: Start, time_is_over: Callable[[], bool], test_timeout_s: float, step: Callable[[], None]
) -> Watched:
    """Run a confirming process to its end, or until its time is over.

    Args:
        time_is_over: asked ten times a second.
        step: called whenever a test or task has ended.
    """
    start.progress.touch()
    watched = Watched(test_timeout_s)
    with start.log.open("wb") as output:
        process = subprocess.Popen(
            start.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=start.folder,
            env=with_exact_heap(start.environment),
        )
        try:
            _follow(process, start.progress, watched, time_is_over, step)
        finally:
            ended = process.poll() is not None
            if not ended:
                process.kill()
            status = process.wait()
            # One that was done, and did not end, ended in order for all that it had to say.
            watched.kept_alive = not ended and watched.done_at is not None
            watched.status = 0 if watched.kept_alive else status
    return watched


def _follow(
    process: subprocess.Popen[bytes],
    progress: Path,
    watched: Watched,
    time_is_over: Callable[[], bool],
    step: Callable[[], None],
) -> None:
    with progress.open("rb") as lines:
        while True:
            ended = process.poll() is not None
            watched.read(lines, step)
            if ended or watched.is_over(time_is_over):
                return
            time.sleep(_POLL_S)


def _died(status: int) -> str:
    if status < 0:
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"was killed by signal {-status}"
    return f"ended with status {status}"
