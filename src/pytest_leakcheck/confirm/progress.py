"""How far the repeats are, on the terminal."""

from __future__ import annotations

import threading
import time

import pytest

from pytest_leakcheck.model.words import plural

#: Without a terminal, a line is printed only when the confirmation takes longer.
_PATIENCE_S = 5.0


class ProgressLine:
    """``repeating tests: 3 of 14, about 40 s left`` on a terminal; one line without one."""

    def __init__(self, config: pytest.Config) -> None:
        self._reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin(
            "terminalreporter"
        )
        self._writer = config.get_terminal_writer()
        if config.option.verbose < -1:
            self._reporter = None
        self._done = 0
        self._total = 0
        self._start = time.monotonic()
        self._shown = False
        self._lock = threading.Lock()

    def expect(self, more: int) -> None:
        """So many more candidates are to be repeated."""
        if not more or self._reporter is None:
            return
        self._total += more
        self._show()

    def step(self) -> None:
        """One more is done."""
        with self._lock:
            self._step()

    def _step(self) -> None:
        self._done += 1
        self._show()
        waited = time.monotonic() - self._start
        if self._reporter is None or self._reporter.isatty or waited < _PATIENCE_S:
            return
        if not self._shown:
            self._shown = True
            self._new_line()
            self._reporter.write_line(
                f"leakcheck: repeating {plural(self._total, 'test')} apart from the suite"
            )

    def say(self, what: str) -> None:
        """Show another phase."""
        if self._reporter is not None and self._reporter.isatty:
            if not self._shown:
                self._new_line()
            self._reporter.rewrite(f"leakcheck: {what}", erase=True)
            self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._reporter is not None and self._shown and self._reporter.isatty:
            self._reporter.rewrite("", erase=True)
            self._shown = False

    def _new_line(self) -> None:
        """Leave the line of dots that pytest has not ended."""
        if self._writer.width_of_current_line:
            self._writer.line()

    def _show(self) -> None:
        left = ""
        if self._done:
            seconds = (time.monotonic() - self._start) / self._done * (self._total - self._done)
            left = f", about {seconds:.0f} s left"
        self.say(f"repeating tests: {self._done} of {self._total}{left}")
