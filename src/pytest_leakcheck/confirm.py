"""Confirmation, seen from the parent: plan, start, watch, restart.

Suspects are repeated by a pytest of their own (:mod:`pytest_leakcheck.measure.confirming`), so that
the suite's memory is not multiplied and heavy probes disturb nobody. When that process dies, hangs
or has grown too large, another one goes on with what is left.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from pytest_leakcheck.arguments import confirming_arguments
from pytest_leakcheck.journal import Journal, load_run
from pytest_leakcheck.judge.runs import judge_run
from pytest_leakcheck.judge.suspects import (
    Suspect,
    choose_screened,
    choose_witnesses,
    find_fixture_suspects,
    find_suspects,
    function_of,
    screening_time,
)
from pytest_leakcheck.plan import Plan, Task
from pytest_leakcheck.records import AssignRecord, EventRecord, SkipRecord, TestRecord
from pytest_leakcheck.report.text import plural
from pytest_leakcheck.settings import Settings
from pytest_leakcheck.watch import Start, Watched, run_watched

#: Without a terminal, a line is printed only when the confirmation takes longer.
_PATIENCE_S = 5.0


class Confirmation:
    """Confirms the suspects of a run folder."""

    def __init__(
        self,
        config: pytest.Config,
        folder: Path,
        settings: Settings,
        environment: Mapping[str, str],
    ) -> None:
        self._config = config
        self._folder = folder
        self._settings = settings
        self._environment = environment
        self._journal: Journal | None = None
        self._number = 0
        self._deadline = time.monotonic() + settings.confirm_budget_s
        self._line = ProgressLine(config)

    def run(self) -> None:
        """Repeat the witnesses of every signature; then those for whom none can speak."""
        run = load_run(self._folder)
        limits = self._settings.thresholds
        suspects = find_suspects(run.tests, limits)
        groups = choose_witnesses(suspects, self._settings.witnesses)
        witnesses = [s for group in groups.values() for s in group]
        fixtures = [
            Task(name=s.name, nodeid=s.nodeid, file=_file_of(s.nodeid), wide=True)
            for records in run.fixtures.values()
            for s in find_fixture_suspects(records, limits)
        ]
        screened = choose_screened(run.tests, suspects, self._settings)
        if not witnesses and not fixtures and not screened:
            return
        self._journal = Journal(self._folder, "confirm")
        chosen = {s.nodeid for s in witnesses}
        for suspect in suspects:
            self._journal.append(
                AssignRecord(
                    nodeid=suspect.nodeid,
                    signature=suspect.signature,
                    witness=suspect.nodeid in chosen,
                )
            )
        tasks = [self._task(s.nodeid, patient=s.patient) for s in witnesses] + list(
            {t.name: t for t in fixtures}.values()
        )
        self._carry_out(_in_file_order(tasks))
        again = self._not_spoken_for(suspects, chosen)
        self._carry_out(_in_file_order(self._task(s.nodeid, patient=s.patient) for s in again))
        self._screen(run.tests, screened)
        self._line.clear()
        self._journal.close()
        self._read_captures()

    def _not_spoken_for(self, suspects: list[Suspect], done: set[str]) -> list[Suspect]:
        """Suspects for whom no witness can speak: each has to speak for itself."""
        verdicts = {t.nodeid: t for t in judge_run(load_run(self._folder)).tests}
        return [
            suspect
            for suspect in suspects
            if suspect.nodeid not in done and verdicts[suspect.nodeid].basis == "one run"
        ]

    def _screen(self, tests: Sequence[TestRecord], screened: Sequence[TestRecord]) -> None:
        """Repeat tests that showed nothing; of a function that leaks, all its instances."""
        self._carry_out(
            _in_file_order(self._task(test.nodeid) for test in screened),
            begin_s=screening_time(tests, self._settings),
        )
        verdicts = {t.nodeid: t for t in judge_run(load_run(self._folder)).tests}
        done = {nodeid for nodeid, test in verdicts.items() if test.basis != "one run"}
        guilty = {
            function_of(test.nodeid)
            for test in screened
            if verdicts[test.nodeid].verdict in ("leak", "unconfirmed")
        }
        kin: dict[str, list[str]] = {}
        for test in tests:
            function = function_of(test.nodeid)
            if function in guilty and test.nodeid not in done and test.outcome == "passed":
                kin.setdefault(function, []).append(test.nodeid)
        some = [n for nodeids in kin.values() for n in nodeids[: self._settings.most_kin]]
        self._carry_out(_in_file_order(self._task(nodeid) for nodeid in some))

    def _task(self, name: str, *, patient: bool = False) -> Task:
        nodeid = name
        if self._config.getoption("dist", default="no") == "loadgroup":
            # There xdist writes the group behind the node id of its workers' items.
            nodeid = nodeid.rpartition("@")[0] or nodeid
        return Task(name=name, nodeid=nodeid, file=_file_of(nodeid), patient=patient)

    # --- processes -----------------------------------------------------------------------------

    def _carry_out(self, tasks: list[Task], begin_s: float | None = None) -> None:
        """Repeat them all; where they may only begin within a time, as many as that allows."""
        self._line.expect(len(tasks))
        start = time.monotonic()
        while tasks:
            if time.monotonic() > self._deadline:
                self._event(
                    "confirm-budget",
                    f"{len(tasks)} suspects were not repeated within "
                    f"{self._settings.confirm_budget_s:g} s and stay unconfirmed: raise "
                    "--leakcheck-confirm-budget.",
                )
                return
            spent = time.monotonic() - start
            left_s = None if begin_s is None else begin_s - spent
            tasks = self._one_process(tasks, left_s)

    def _one_process(self, tasks: list[Task], begin_s: float | None) -> list[Task]:
        """Run one confirming process; what it did not get to is returned."""
        self._number += 1
        progress = self._folder / f"confirm-{self._number}.progress"
        plan = Plan(
            folder=str(self._folder),
            number=self._number,
            progress=str(progress),
            settings=self._settings,
            tasks=tasks,
            begin_s=begin_s,
        )
        plan_path = self._folder / f"confirm-{self._number}.plan"
        plan_path.write_bytes(msgspec.json.encode(plan))
        start = Start(
            command=self._command(plan_path, tasks),
            folder=self._config.invocation_params.dir,
            environment=self._environment,
            log=self._folder / f"confirm-{self._number}.log",
            progress=progress,
        )
        watched = run_watched(start, self._deadline, self._settings.test_timeout_s, self._line.step)
        left = self._left(tasks, watched, start.log)
        for path in (plan_path, progress):
            path.unlink(missing_ok=True)
        return left

    def _left(self, tasks: list[Task], watched: Watched, log: Path) -> list[Task]:
        left = [t for t in tasks if t.name not in watched.done]
        if watched.given_up == "budget":
            return left
        if watched.current:
            how = watched.why_unfinished("its repeats", "repeated it")
            self._skip(watched.current, how)
            return [t for t in left if t.name != watched.current]
        if watched.over:
            return []
        if watched.full or not left:
            return left
        # It ended by itself without beginning some of them.
        if watched.done:
            for task in left:
                self._skip(task.name, "it was not collected again when it was to be repeated")
        else:
            self._event(
                "confirm-failed",
                f"The confirming pytest ended with status {watched.status} before it repeated "
                f"anything: see {log.name} in the run folder; the suspects stay unconfirmed.",
            )
        return []

    def _skip(self, nodeid: str, reason: str) -> None:
        assert self._journal is not None
        self._journal.append(SkipRecord(nodeid=nodeid, reason=reason))

    def _event(self, slug: str, sentence: str) -> None:
        assert self._journal is not None
        self._journal.append(EventRecord(slug=slug, sentence=sentence))

    # --- the command ---------------------------------------------------------------------------

    def _command(self, plan: Path, tasks: list[Task]) -> list[str]:
        config = self._config
        root = config.rootpath
        words = [sys.executable, "-m", "pytest", *confirming_arguments(config)]
        words += [f"--rootdir={root}", "-q", f"--leakcheck-confirm={plan}"]
        files = dict.fromkeys(str(root / task.file) for task in tasks)
        return [*words, *files]

    def _read_captures(self) -> None:
        """Have memray's captures read by another process: it takes memory and time."""
        if not any((self._folder / "captures").glob("*.bin")):
            return
        self._line.say("reading memray's captures")
        root = str(self._config.rootpath)
        done = subprocess.run(
            [sys.executable, "-m", "pytest_leakcheck.captures", str(self._folder), root],
            capture_output=True,
            text=True,
            env=dict(self._environment),
            check=False,
        )
        self._line.clear()
        if done.returncode:
            late = Journal(self._folder, "controller")
            told = done.stderr.strip().splitlines()[-1:] or ["no message"]
            late.append(
                EventRecord(
                    slug="captures-failed",
                    sentence=f"memray's captures could not be read: {told[0]}",
                )
            )
            late.close()


class ProgressLine:
    """``confirming suspects: 3 of 14, about 40 s left`` on a terminal; one line without one."""

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

    def expect(self, more: int) -> None:
        """So many more suspects are to be repeated."""
        if not more or self._reporter is None:
            return
        self._total += more
        self._show()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        self._show()
        waited = time.monotonic() - self._start
        if self._reporter is None or self._reporter.isatty or waited < _PATIENCE_S:
            return
        if not self._shown:
            self._shown = True
            self._new_line()
            self._reporter.write_line(
                f"leakcheck: repeating {plural(self._total, 'suspect')} in a process of their own"
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
        self.say(f"confirming suspects: {self._done} of {self._total}{left}")


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _in_file_order(tasks: Iterable[Task]) -> list[Task]:
    return sorted(tasks, key=lambda t: (t.file, t.wide))
