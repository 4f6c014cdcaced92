"""``leakcheck bisect``: a test of a run, and fresh processes that run earlier tests before it."""

from __future__ import annotations

import difflib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import msgspec

from pytest_leakcheck.bisection.search import Answer, Bisection, Probe, Stopped
from pytest_leakcheck.conclude.evidence import evidence_of, settings_of
from pytest_leakcheck.confirm.process import Start, Watched, run_watched
from pytest_leakcheck.confirm.tasks import EARLIER_ENDED, NOT_COLLECTED, Plan, Task
from pytest_leakcheck.judge.verdict import Judgement, judge
from pytest_leakcheck.model.errors import RunError, UsageError
from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.run_info import RunInfo
from pytest_leakcheck.model.signals import Outcome
from pytest_leakcheck.model.words import count, shorten, visible
from pytest_leakcheck.screen.nodeids import file_of
from pytest_leakcheck.store.reader import read_journal

#: An earlier test may take so many times what the slowest of them took in the run.
_PATIENCE = 5.0

#: Stands in a run's arguments for a path outside of the project.
_ELSEWHERE = "…/"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a test stood in a run."""

    nodeid: str
    worker: str
    earlier: Sequence[TestRecord]
    """The tests that ran before it in the same process, in their order, each once."""


def find_place(run: Run, name: str, worker: str | None) -> Place:
    """Where the test that ``name`` means ran.

    Args:
        name: a node id, or a part of one that no other has.
        worker: the process that is meant, where the test ran in several.

    Raises:
        UsageError: no test or several answer to the name; the worker is not told, or wrong.
    """
    nodeid = _find_nodeid(run, name)
    workers = [w for w, order in run.order.items() if any(r.nodeid == nodeid for r in order)]
    if worker is None and len(workers) == 1:
        worker = workers[0]
    if worker is None:
        raise UsageError(
            f"{visible(nodeid)} ran in several processes, which may differ: say which with "
            f"--worker; there are {', '.join(map(visible, workers))}."
        )
    if worker not in workers:
        raise UsageError(
            f"{visible(nodeid)} did not run in {visible(worker)}, but in "
            f"{', '.join(map(visible, workers))}."
        )
    return Place(nodeid, worker, _before(run.order[worker], nodeid))


def _before(order: Sequence[TestRecord], nodeid: str) -> list[TestRecord]:
    # A test that was run again (pytest-rerunfailures) stands where it ran last.
    last = max(at for at, record in enumerate(order) if record.nodeid == nodeid)
    before = {record.nodeid: record for record in order[:last] if record.nodeid != nodeid}
    return list(before.values())


def _find_nodeid(run: Run, name: str) -> str:
    nodeids = sorted(run.nodeids())
    if name in nodeids:
        return name
    having = [nodeid for nodeid in nodeids if name in nodeid]
    if len(having) == 1:
        return having[0]
    if having:
        raise UsageError(
            f"{visible(name)} is part of {count(len(having))} test names "
            f"({_some(having)}): name one."
        )
    near = difflib.get_close_matches(name, nodeids, n=3)
    names = {nodeid.rpartition("::")[2]: nodeid for nodeid in nodeids}
    short = difflib.get_close_matches(name.rpartition("::")[2], names, n=3)
    near += [names[word] for word in short if names[word] not in near]
    hint = f": did you mean {_some(near)}?" if near else "."
    raise UsageError(f"No test of the run {run.info.label} is called {visible(name)}{hint}")


def _some(nodeids: Sequence[str]) -> str:
    return ", ".join(shorten(visible(nodeid), 80) for nodeid in nodeids[:3])


def find_root(run: Run, nodeid: str) -> Path:
    """The project's root folder: the run folder lies below it, or the command was started there.

    Raises:
        RunError: neither holds the test's file.
    """
    file = file_of(nodeid)
    around = [*run.folder.resolve().parents, Path.cwd(), *Path.cwd().parents]
    holding = [folder for folder in around if (folder / file).is_file()]
    named = [folder for folder in holding if folder.name == run.info.rootdir]
    if not holding:
        raise RunError(
            f"{visible(file)} is not there: start leakcheck bisect in the folder "
            f"{visible(run.info.rootdir)} that the run was measured in, or measure again if the "
            "suite has changed."
        )
    return (named or holding)[0]


class Watcher(Protocol):
    """Is told how far the search is."""

    def begin(self, step: int, earlier: int, seconds_left: float | None) -> None:
        """A process begins that runs so many earlier tests."""

    def test_ended(self) -> None:
        """One of them, or the repeats, have ended."""


def search(
    run: Run,
    place: Place,
    budget_s: float,
    environment: Mapping[str, str],
    watcher: Watcher,
) -> Answer:
    """Find the earlier tests that make a test grow.

    Args:
        budget_s: after so long the search ends with what it has found.
        environment: of the processes.

    Raises:
        RunError: the suite is not there or has changed, or pytest cannot begin.
    """
    root = find_root(run, place.nodeid)
    probe = Prober(run, place, root, budget_s, environment, watcher.test_ended)
    outcomes = {record.nodeid: record.outcome for record in place.earlier}
    return Bisection(place.nodeid, place.worker, outcomes, probe, watcher.begin).run()


class Prober:
    """Runs a test in fresh pytest processes, each time after some of the earlier tests.

    Args:
        root: the project's root folder.
        budget_s: after so long no process is started, and a running one is ended.
        environment: of the processes.
        step: called whenever a test or the repeats have ended.

    Raises:
        RunError: the run folder cannot be written.
    """

    def __init__(
        self,
        run: Run,
        place: Place,
        root: Path,
        budget_s: float,
        environment: Mapping[str, str],
        step: Callable[[], None] = lambda: None,
    ) -> None:
        settings = settings_of(run)
        # Who allocated natively is no part of the question.
        self._settings = msgspec.structs.replace(settings, native_repeats=0)
        slowest = max((record.duration_s for record in place.earlier), default=0.0)
        self._test_timeout_s = max(settings.test_timeout_s, _PATIENCE * slowest)
        self._info = run.info
        self._nodeid = place.nodeid
        self._root = root
        self._environment = environment
        self._step = step
        self._budget_s = budget_s
        self._deadline = time.monotonic() + budget_s
        self._number = 0
        self._folder = run.folder.resolve() / "bisect"
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
        except OSError as error:
            raise RunError(f"{self._folder} cannot be made ({error.strerror}).") from None

    def __call__(self, earlier: tuple[str, ...]) -> Probe:
        """Run one process.

        Raises:
            Stopped: the time is over.
            RunError: pytest could not begin, or the test is not collected any more.
        """
        self._number += 1
        began = time.monotonic()
        gone = [nodeid for nodeid in earlier if not self._is_there(nodeid)]
        task = Task(
            name=self._nodeid,
            nodeid=self._plain(self._nodeid),
            file=file_of(self._nodeid),
            after=[self._plain(nodeid) for nodeid in earlier if nodeid not in gone],
        )
        start = self._start(task)
        try:
            watched = run_watched(start, self._is_over, self._test_timeout_s, self._step)
        except KeyboardInterrupt:
            raise Stopped("it was interrupted") from None
        finally:
            start.progress.unlink(missing_ok=True)
        if watched.given_up == "budget":
            raise Stopped(f"the budget of {self._budget_s:g} s was used up")
        found = self._records()
        judgement = self._judge(found, watched, start.log)
        notes = {slug: _by_name(earlier, found, slug, self._plain) for slug in _SLUGS}
        ran = [nodeid for nodeid in earlier if self._plain(nodeid) in watched.done]
        return Probe(
            judgement=judgement,
            causes=[record.cause for record in found.causes.get(self._nodeid, [])],
            missing=[n for n in earlier if n in gone or n in notes[NOT_COLLECTED]],
            ended={n: cast("Outcome", notes[EARLIER_ENDED].get(n, "passed")) for n in ran},
            seconds=time.monotonic() - began,
        )

    def _is_over(self) -> bool:
        return time.monotonic() > self._deadline

    def _plain(self, nodeid: str) -> str:
        """A node id as pytest has it: with ``loadgroup`` xdist writes the group behind it."""
        if self._info.dist == "loadgroup":
            return nodeid.rpartition("@")[0] or nodeid
        return nodeid

    def _is_there(self, nodeid: str) -> bool:
        return (self._root / file_of(nodeid)).is_file()

    def _start(self, task: Task) -> Start:
        progress = self._folder / f"{self._number}.progress"
        path = self._folder / f"{self._number}.plan"
        plan = Plan(
            folder=str(self._folder),
            number=self._number,
            progress=str(progress),
            settings=self._settings,
            tasks=[task],
        )
        path.write_bytes(msgspec.json.encode(plan))
        files = dict.fromkeys(file_of(nodeid) for nodeid in (*task.after, task.file))
        return Start(
            command=[
                *(sys.executable, "-m", "pytest", *usable_arguments(self._info)),
                *(f"--rootdir={self._root}", "-q", f"--leakcheck-confirm={path}"),
                *(str(self._root / file) for file in files),
            ],
            folder=self._root / self._info.started_in,
            environment=self._environment,
            log=self._folder / f"{self._number}.log",
            progress=progress,
        )

    def _records(self) -> Run:
        found = Run(folder=self._folder, info=self._info)
        path = self._folder / f"journal-confirm-{self._number}.jsonl"
        if path.exists():
            read_journal(found, path)
        return found

    def _judge(self, found: Run, watched: Watched, log: Path) -> Judgement:
        name = self._nodeid
        if watched.current:
            return _not_judged(_why_unfinished(watched, name))
        if name in found.skips:
            return _not_judged(found.skips[name].reason)
        if name in watched.done:
            return judge(evidence_of(found, name), self._settings)
        if watched.status in _ENDED_IN_ORDER:
            raise RunError(
                f"{visible(name)} is not collected any more: the suite has changed since the run "
                f"{self._info.label}; measure again."
            )
        raise RunError(
            f"pytest ended with status {watched.status} before it ran a test: see {log}."
        )


_SLUGS = (NOT_COLLECTED, EARLIER_ENDED)

#: ``pytest.ExitCode``'s ``OK`` and ``NO_TESTS_COLLECTED``; pytest is not imported for two numbers.
_ENDED_IN_ORDER = (0, 5)


def usable_arguments(info: RunInfo) -> list[str]:
    """The options of the run for another pytest, without those whose paths were not stored."""
    kept: list[str] = []
    for word in info.confirm_argv:
        _, equals, value = word.rpartition("=")
        if not value.startswith(_ELSEWHERE):
            kept.append(word)
        elif not equals and kept and kept[-1].startswith("-"):
            kept.pop()
    return kept


def _why_unfinished(watched: Watched, name: str) -> str:
    if watched.current == name:
        return watched.why_unfinished("its repeats", "repeated it")
    return f"{visible(watched.current)}: " + watched.why_unfinished("it", "ran it")


def _not_judged(reason: str) -> Judgement:
    return Judgement("not judged", reason, {})


def _by_name(
    earlier: Iterable[str], found: Run, slug: str, plain: Callable[[str], str]
) -> dict[str, str]:
    told = {event.nodeid: event.sentence for event in found.events if event.slug == slug}
    return {nodeid: told[plain(nodeid)] for nodeid in earlier if plain(nodeid) in told}
