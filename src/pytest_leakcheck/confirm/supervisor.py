"""Confirmation, seen from the parent: plan, start, watch, restart.

Candidates are repeated by a pytest of their own (:mod:`pytest_leakcheck.confirm.worker`), so that
the suite's memory is not multiplied and heavy probes disturb nobody. When that process dies, hangs
or has grown too large, another one goes on with what is left.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.confirm.command import confirming_arguments
from pytest_leakcheck.confirm.process import Start, Watched, run_watched
from pytest_leakcheck.confirm.progress import ProgressLine
from pytest_leakcheck.confirm.tasks import (
    Plan,
    Task,
    in_portions,
    in_suite_order,
    owner,
    worker_environment,
)
from pytest_leakcheck.model.journal_lines import AssignRecord, EventRecord, SkipRecord, TestRecord
from pytest_leakcheck.model.results import TestVerdict
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.words import plural
from pytest_leakcheck.screen.candidate import Candidate
from pytest_leakcheck.screen.candidates import find_candidates
from pytest_leakcheck.screen.fixtures import fixture_candidates
from pytest_leakcheck.screen.grouping import (
    choose_representatives,
    quickest_of_each,
    split_by_function,
)
from pytest_leakcheck.screen.nodeids import file_of, function_of
from pytest_leakcheck.screen.order import choose_screened, screening_time
from pytest_leakcheck.store.journal import Journal
from pytest_leakcheck.store.reader import load_run

#: How a process ends that had nothing more to repeat.
_IN_ORDER = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
#: So long after a process was interrupted this one knows whether it was, too.
_HEARING_S = 0.3

#: Another process starts for so many candidates: to start and collect one takes seconds.
_LEAST_SHARE = 3


class Confirmation:
    """Confirms the candidates of a run folder."""

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
        self._numbers = itertools.count(1)
        self._workers = settings.confirm_workers or _workers_of(config)
        self._deadline = time.monotonic() + settings.confirm_budget_s
        self._line = ProgressLine(config)
        self._looked_into = folder / "looked-into.jsonl"
        self._order: Mapping[str, Sequence[TestRecord]] = {}
        self._broken = False
        self._kept_alive = False
        self._late: set[str] = set()

    def run(self) -> None:
        """Repeat the witnesses of every signature; where they disagree or leak, witnesses of each
        test function among them; then those for whom none can speak."""
        run = load_run(self._folder)
        self._order = run.order
        limits = self._settings.thresholds
        candidates = find_candidates(run.tests, limits, run.spans)
        witnesses = self._witnesses(candidates)
        fixtures = [
            Task(name=name, nodeid=s.nodeid, file=file_of(s.nodeid), wide=True)
            for name, s in fixture_candidates(run.fixtures.values(), limits).items()
        ]
        if not (witnesses or fixtures or choose_screened(run.tests, candidates, self._settings)):
            return
        self._journal = Journal(self._folder, "confirm")
        try:
            verdicts = self._repeat_candidates(candidates, witnesses, fixtures)
            self._screen(run.tests, candidates, verdicts)
            self._tell_late()
        finally:
            self._looked_into.unlink(missing_ok=True)
            self._line.clear()
            self._journal.close()
        self._read_captures()

    def _repeat_candidates(
        self,
        candidates: Sequence[Candidate],
        witnesses: Sequence[Candidate],
        fixtures: Sequence[Task],
    ) -> dict[str, TestVerdict]:
        """Hear the witnesses, then more of them where those disagree or accuse other functions,
        then each who is left."""
        chosen = {s.nodeid for s in witnesses}
        self._assign(candidates, chosen)
        verdicts = self._hear(witnesses, fixtures)
        unheard = _unheard(candidates, chosen, verdicts)
        waiting = {s.nodeid for s in unheard}
        if finer := split_by_function(candidates, waiting):
            undecided = {
                s.signature
                for s in finer
                if s.nodeid in waiting and not verdicts[s.nodeid].resembles
            }
            more = self._witnesses((s for s in finer if s.signature in undecided), chosen)
            chosen |= {s.nodeid for s in more}
            # Whether a function's tests leak as those of others do, one of them says.
            more += quickest_of_each(finer, chosen)
            chosen |= {s.nodeid for s in more}
            self._assign(finer, chosen)
            verdicts = self._hear(more)
            unheard = _unheard(candidates, chosen, verdicts)
        if unheard:
            # Each has to speak for itself.
            verdicts = self._hear(unheard)
        return verdicts

    def _assign(self, candidates: Iterable[Candidate], witnesses: Container[str]) -> None:
        assert self._journal is not None
        for candidate in candidates:
            self._journal.append(
                AssignRecord(
                    nodeid=candidate.nodeid,
                    signature=candidate.signature,
                    witness=candidate.nodeid in witnesses,
                )
            )

    def _witnesses(
        self, candidates: Iterable[Candidate], heard: Container[str] = ()
    ) -> list[Candidate]:
        chosen = choose_representatives(candidates, self._settings.witnesses, heard)
        return [candidate for group in chosen.values() for candidate in group]

    def _hear(
        self, candidates: Iterable[Candidate], fixtures: Iterable[Task] = ()
    ) -> dict[str, TestVerdict]:
        """Repeat them; returns what is known then."""
        tasks = [self._task(s.nodeid, patient=s.patient) for s in candidates]
        self._carry_out([*tasks, *fixtures])
        return self._verdicts()

    def _screen(
        self,
        tests: Sequence[TestRecord],
        candidates: Sequence[Candidate],
        verdicts: Mapping[str, TestVerdict],
    ) -> None:
        """Repeat tests that showed nothing, or were cleared by what others showed; of a function
        that leaks, all its instances."""
        cleared = {
            nodeid
            for nodeid, test in verdicts.items()
            if test.basis == "by signature" and test.verdict not in ("leak", "held")
        }
        near = {file_of(nodeid) for nodeid, test in verdicts.items() if test.verdict == "leak"}
        screened = choose_screened(tests, candidates, self._settings, cleared, near)
        patient = {candidate.nodeid: candidate.patient for candidate in candidates}
        self._carry_out(
            [self._task(test.nodeid, patient=patient.get(test.nodeid, False)) for test in screened],
            begin_s=screening_time(tests, self._settings),
        )
        verdicts = self._verdicts()
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
        self._carry_out([self._task(nodeid) for nodeid in some])

    def _verdicts(self) -> dict[str, TestVerdict]:
        """What is known so far, by node id. Reads the run folder and judges all of it."""
        return {test.nodeid: test for test in judge_run(load_run(self._folder)).tests}

    def _task(self, name: str, *, patient: bool = False) -> Task:
        nodeid = name
        if self._config.getoption("dist", default="no") == "loadgroup":
            # There xdist writes the group behind the node id of its workers' items.
            nodeid = nodeid.rpartition("@")[0] or nodeid
        return Task(name=name, nodeid=nodeid, file=file_of(nodeid), patient=patient)

    # --- processes -----------------------------------------------------------------------------

    def _carry_out(self, tasks: list[Task], begin_s: float | None = None) -> None:
        """Repeat them all; where they may only begin within a time, as many as that allows.

        As many processes share them as were asked for, or as the suite had workers, each with a
        worker's name: its tests are known to bear that, unless some of them are to stay together.
        """
        if not tasks or self._broken:
            return
        self._line.expect(len(tasks))
        lanes = max(1, min(self._workers, len(tasks) // _LEAST_SHARE))
        tasks = in_portions(in_suite_order(tasks, self._order), lanes)
        share = _Share(tasks, lanes, begin_s)
        if lanes == 1:
            self._one_lane(share, 0)
        else:
            share.claims = self._folder / "claims"
            share.claims.mkdir(exist_ok=True)
            try:
                self._all_lanes(share)
            finally:
                shutil.rmtree(share.claims, ignore_errors=True)
        self._account_for(share)

    def _all_lanes(self, share: _Share) -> None:
        with ThreadPoolExecutor(share.lanes) as pool:
            try:
                running = [pool.submit(self._one_lane, share, lane) for lane in range(share.lanes)]
                for lane in running:
                    lane.result()
            except BaseException:
                self._deadline = 0.0  # ends the other lanes' processes
                raise

    def _one_lane(self, share: _Share, lane: int) -> None:
        """One process after the other, until nothing is left that they can begin."""
        start = time.monotonic()
        while (tasks := share.left(lane)) and not self._time_is_over():
            spent = time.monotonic() - start
            left_s = None if share.begin_s is None else share.begin_s - spent
            watched, log = self._one_process(tasks, share, lane, left_s)
            share.done |= watched.done
            if watched.kept_alive:
                self._tell_kept_alive(watched.alive)
            if watched.given_up == "budget" or self._is_interrupted(watched):
                return
            if watched.current:
                how = watched.why_unfinished("its repeats", "repeated it")
                if watched.status < 0 and not watched.given_up and share.spare(watched.current):
                    self._event(
                        "not-inspected",
                        f"{watched.current}: {how} while it looked at its objects; it is repeated "
                        "without that, and judged by growth alone.",
                        watched.current,
                    )
                    continue
                self._skip(watched.current, how)
                share.done.add(watched.current)
            elif watched.over:
                share.over = True
                return
            elif not watched.full:
                share.ended[lane] = (watched.status, log)
                if not watched.done:
                    return

    def _one_process(
        self, tasks: list[Task], share: _Share, lane: int, begin_s: float | None
    ) -> tuple[Watched, Path]:
        """Run one confirming process to its end."""
        number = next(self._numbers)
        progress = self._folder / f"confirm-{number}.progress"
        plan = Plan(
            folder=str(self._folder),
            number=number,
            progress=str(progress),
            settings=self._settings,
            tasks=tasks,
            lane=lane,
            lanes=share.lanes,
            claims=str(share.claims or ""),
            looked_into=str(self._looked_into),
            begin_s=begin_s,
        )
        plan_path = self._folder / f"confirm-{number}.plan"
        plan_path.write_bytes(msgspec.json.encode(plan))
        start = Start(
            command=self._command(plan_path, tasks, number),
            folder=self._config.invocation_params.dir,
            environment={**self._environment, **worker_environment(plan)},
            log=self._folder / f"confirm-{number}.log",
            progress=progress,
        )
        watched = run_watched(
            start, self._time_is_over, self._settings.test_timeout_s, self._line.step
        )
        for path in (plan_path, progress):
            path.unlink(missing_ok=True)
        return watched, start.log

    def _is_interrupted(self, watched: Watched) -> bool:
        """Whether the process and this one were interrupted together; this one hears of it in its
        main thread."""
        if watched.status == pytest.ExitCode.INTERRUPTED and not watched.full and not watched.over:
            time.sleep(_HEARING_S)
        return self._time_is_over()

    def _time_is_over(self) -> bool:
        return time.monotonic() > self._deadline

    def _account_for(self, share: _Share) -> None:
        """Say of what was not repeated why."""
        left = [task for task in share.tasks if task.name not in share.done]
        if not left or share.over:
            return
        if self._time_is_over():
            if share.begin_s is None:  # else nobody waits for them
                self._late.update(task.name for task in left)
            return
        failed = [end for end in share.ended.values() if end[0] not in _IN_ORDER]
        if failed or not share.done:
            self._broken = not share.done  # the next one would end like this one
            status, log = (failed or list(share.ended.values()))[0]
            self._event(
                "confirm-failed",
                f"The confirming pytest ended with status {status} before it repeated "
                f"{'the rest' if share.done else 'anything'}: see {log.name} in the run folder; "
                f"nothing confirms {plural(len(left), 'candidate')}.",
            )
            return
        # The processes ended by themselves without beginning some of them.
        for task in left:
            self._skip(task.name, "it was not collected again when it was to be repeated")

    def _tell_late(self) -> None:
        """Say, once, of how many candidates the budget was too short."""
        if self._late:
            self._event(
                "confirm-budget",
                f"{plural(len(self._late), 'candidate')} could not be repeated within "
                f"{self._settings.confirm_budget_s:g} s, and nothing confirms them: raise "
                "--leakcheck-confirm-budget.",
            )

    def _skip(self, nodeid: str, reason: str) -> None:
        assert self._journal is not None
        self._journal.append(SkipRecord(nodeid=nodeid, reason=reason))

    def _tell_kept_alive(self, threads: Sequence[str]) -> None:
        """Say, once, what kept a process from ending that was done."""
        if self._kept_alive:
            return
        self._kept_alive = True
        who = f"by {plural(len(threads), 'thread')} ({', '.join(threads[:3])})" if threads else ""
        self._event(
            "kept-alive",
            "A confirming process was done and did not end by itself: it was kept alive "
            f"{who or 'by what runs at its exit'}. It was ended; a suite that leaves such threads "
            "may not end either.",
        )

    def _event(self, slug: str, sentence: str, nodeid: str = "") -> None:
        assert self._journal is not None
        self._journal.append(EventRecord(slug=slug, sentence=sentence, nodeid=nodeid))

    # --- the command ---------------------------------------------------------------------------

    def _command(self, plan: Path, tasks: list[Task], number: int) -> list[str]:
        config = self._config
        root = config.rootpath
        words = [sys.executable, "-m", "pytest", *confirming_arguments(config)]
        words += [f"--rootdir={root}", "-q", f"--leakcheck-confirm={plan}"]
        if base := config.getoption("basetemp", default=None):
            # Where the workers have theirs: pytest empties it at its start.
            Path(base).mkdir(parents=True, exist_ok=True)
            words.append(f"--basetemp={Path(base) / f'confirm-{number}'}")
        files = list(dict.fromkeys(root / task.file for task in tasks))
        if all(file.is_file() for file in files):
            return [*words, *map(str, files)]
        # Packages outside the root folder (--pyargs): their node ids do not say where they are.
        return [*words, *map(str, config.option.file_or_dir or ())]

    def _read_captures(self) -> None:
        """Have memray's captures read by another process: it takes memory and time."""
        if not any((self._folder / "captures").glob("*.bin")):
            return
        self._line.say("reading memray's captures")
        root = str(self._config.rootpath)
        done = subprocess.run(
            [sys.executable, "-m", "pytest_leakcheck.confirm.captures", str(self._folder), root],
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


def _workers_of(config: pytest.Config) -> int:
    """How many workers ran the suite's tests in any company; 0 for none."""
    if config.getoption("dist", default="no") not in ("load", "worksteal"):
        return 0
    workers = int(config.getoption("numprocesses", default=0) or 0)
    return min(workers, len(config.getoption("tx", default=None) or []))


@dataclass(slots=True)
class _Share:
    """Tasks, and the processes that share them."""

    tasks: list[Task]
    lanes: int
    begin_s: float | None
    claims: Path | None = None
    done: set[str] = field(default_factory=set)
    """Tasks that have ended, one way or another."""
    over: bool = False
    """The time in which tasks may begin is over."""
    ended: dict[int, tuple[int, Path]] = field(default_factory=dict)
    """By lane, where its last process ended by itself: the status, and the log."""

    def spare(self, name: str) -> bool:
        """Have a task repeated again without inspection; false where that was done already."""
        for at, task in enumerate(self.tasks):
            if task.name == name and not task.uninspected:
                self.tasks[at] = msgspec.structs.replace(task, uninspected=True)
                return True
        return False

    def left(self, lane: int) -> list[Task]:
        """What no process has begun and no other lane has taken."""
        left = [task for task in self.tasks if task.name not in self.done]
        claims = self.claims
        if claims is None:
            return left
        return [task for task in left if owner(claims, task.portion) in (None, lane)]


def _unheard(
    candidates: Iterable[Candidate], chosen: Container[str], verdicts: Mapping[str, TestVerdict]
) -> list[Candidate]:
    """Those who were not repeated and for whom no witness can speak."""
    return [
        candidate
        for candidate in candidates
        if candidate.nodeid not in chosen and verdicts[candidate.nodeid].basis == "one run"
    ]
