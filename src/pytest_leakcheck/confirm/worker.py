"""The confirming process: a pytest that runs nothing but the candidates of a plan, repeatedly.

A plan may name tests that are to run once before a candidate (``leakcheck bisect``).
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_leakcheck.confirm.repeater import Repeater
from pytest_leakcheck.confirm.rerun import run_as_in_the_suite
from pytest_leakcheck.confirm.shared_findings import SharedFindings
from pytest_leakcheck.confirm.tasks import (
    EARLIER_ENDED,
    NOT_COLLECTED,
    Plan,
    Progress,
    Task,
    claim,
    worker_input,
)
from pytest_leakcheck.model.journal_lines import CandidateRecord, EventRecord, SkipRecord
from pytest_leakcheck.store.journal import Journal
from pytest_leakcheck.sweep.boundary import Boundary
from pytest_leakcheck.sweep.forks import watch_forks
from pytest_leakcheck.sweep.signals import Probes

#: A confirming process that has grown by so much is replaced by a fresh one.
_MOST_GROWTH_BYTES = 768 * 1024 * 1024

_clock = time.monotonic
_threads = threading.enumerate


class Confirming:
    """Repeats the candidates of a plan in this process."""

    def __init__(self, plan: Plan, root: str) -> None:
        self._plan = plan
        self._tasks: dict[str, list[Task]] = defaultdict(list)
        for task in plan.tasks:
            self._tasks[task.nodeid].append(task)
        self._portions: dict[int, bool] = {}
        self._earlier = dict.fromkeys(nodeid for task in plan.tasks for nodeid in task.after)
        self._probes = Probes(paced=False)
        self._boundary = Boundary()
        self._progress = Path(plan.progress).open("ab", buffering=0)  # noqa: SIM115 - for life
        self._journal = Journal(Path(plan.folder), f"confirm-{plan.number}")
        self._repeater = Repeater(
            plan.settings,
            self._probes,
            self._boundary,
            self._journal.append,
            Path(plan.folder),
            root,
            forget=self._forget_reports,
        )
        if plan.looked_into:
            self._repeater.know(SharedFindings(Path(plan.looked_into)))
        self._reporter: pytest.TerminalReporter | None = None
        self._rss_at_start = 0
        self._begun = False
        self._first_at = 0.0

    @classmethod
    def from_config(cls, config: pytest.Config) -> Confirming:
        """From the option ``--leakcheck-confirm``."""
        path = Path(str(config.getoption("leakcheck_confirm")))
        try:
            plan = msgspec.json.decode(path.read_bytes(), type=Plan)
        except (OSError, msgspec.DecodeError) as error:
            raise pytest.UsageError(f"--leakcheck-confirm: {path} is no plan ({error})") from None
        return cls(plan, str(config.rootpath))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Go by a worker's name, where there are several. Plugins that want more of a worker than
        its name have been configured by now."""
        if self._plan.lanes > 1:
            vars(session.config)["workerinput"] = worker_input(self._plan)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the candidates, and before them the tests that are to run earlier."""
        found = {item.nodeid: item for item in items}
        for nodeid in self._earlier:
            if nodeid not in found:
                self._note(NOT_COLLECTED, nodeid, "was not collected")
        earlier = [found[nodeid] for nodeid in self._earlier if nodeid in found]
        # In the suite's order, however many processes share them: what a test leaves behind reaches
        # the tests that it reaches there, and no others.
        items[:] = [*earlier, *(item for item in items if item.nodeid in self._tasks)]
        for item in items:
            for node in item.listchain():
                # pytest-timeout would take all the repeats for one test.
                node.own_markers[:] = [m for m in node.own_markers if m.name != "timeout"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Repeat one item for each of its tasks; nothing is reported to the terminal."""
        if not self._begun:
            self._begun = True
            watch_forks()
            self._begin(item)
        if item.nodeid in self._earlier:
            self._run_earlier(item, nextitem)
            return True
        if self._is_over():
            self._say(Progress(over=True))
            item.session.shouldstop = "leakcheck: the time for these tests is over"
            return True
        for task in self._tasks[item.nodeid]:
            if self._is_ours(task):
                self._repeat(item, task)
        self._end_fixtures(item, nextitem)
        if self._too_large():
            self._say(Progress(full=True))
            item.session.shouldstop = "leakcheck: a fresh process goes on"
        return True

    def _is_ours(self, task: Task) -> bool:
        """Whether no other process has the task's portion; asked once, and ours from then on."""
        ours = self._portions.get(task.portion)
        if ours is None:
            claims = self._plan.claims
            ours = not claims or claim(Path(claims), task.portion, self._plan.lane)
            self._portions[task.portion] = ours
        return ours

    def _repeat(self, item: pytest.Item, task: Task) -> None:
        self._say(Progress(begin=task.name))
        self._journal.append(CandidateRecord(nodeid=task.name, at="begin"))
        try:
            self._repeater.confirm(
                item,
                task.name,
                wide=task.wide,
                patient=task.patient,
                inspect=not task.uninspected,
            )
        except Exception as error:  # noqa: BLE001 - the next candidate may fare better
            told = f"the harness failed while repeating it: {type(error).__name__}: {error}"
            self._journal.append(SkipRecord(nodeid=task.name, reason=told))
        self._journal.append(CandidateRecord(nodeid=task.name, at="end"))
        self._say(Progress(end=task.name))

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Everything is written: whatever keeps this interpreter from ending, nobody waits for."""
        self._journal.close()
        self._say(Progress(done=True, alive=_waited_for()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Tell the repeater of wider fixtures."""
        self._repeater.saw_fixture(fixturedef)

    def _begin(self, item: pytest.Item) -> None:
        self._reporter = item.config.pluginmanager.get_plugin("terminalreporter")
        self._boundary.start()
        # Before the earlier tests: what they make every test leave behind is theirs, not pytest's.
        self._repeater.measure_blank(item.session)
        self._rss_at_start = self._probes.rss() or 0
        self._first_at = _clock()

    def _is_over(self) -> bool:
        allowed = self._plan.begin_s
        return allowed is not None and _clock() - self._first_at > allowed

    def _run_earlier(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._say(Progress(begin=item.nodeid))
        outcome = run_as_in_the_suite(item, nextitem)
        if outcome != "passed":
            self._note(EARLIER_ENDED, item.nodeid, outcome)
        self._say(Progress(end=item.nodeid))
        if nextitem is not None and nextitem.nodeid not in self._earlier:
            # Their cycles would be frozen with the first line that is drawn.
            self._boundary.collect_all()
            self._rss_at_start = self._probes.rss() or 0

    def _note(self, slug: str, nodeid: str, sentence: str) -> None:
        self._journal.append(EventRecord(slug=slug, sentence=sentence, nodeid=nodeid))

    def _forget_reports(self) -> None:
        """Drop what the terminal keeps: subtests report themselves whatever the caller says."""
        if self._reporter is not None:
            self._reporter.stats.clear()

    def _end_fixtures(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """End the wider fixtures that the next candidate does not need."""
        try:
            item.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001
        except Exception as error:  # noqa: BLE001 - a user's fixture; its repeats are recorded
            self._journal.append(
                EventRecord(
                    slug="fixture-failed",
                    sentence=f"A wider fixture failed when it ended: {type(error).__name__}.",
                    nodeid=item.nodeid,
                )
            )

    def _too_large(self) -> bool:
        grown = (self._probes.rss() or 0) - self._rss_at_start
        return grown > _MOST_GROWTH_BYTES or _descriptors_are_short(self._probes.read().fds)

    def _say(self, word: Progress) -> None:
        self._progress.write(msgspec.json.encode(word) + b"\n")


def _waited_for() -> list[str]:
    """The threads for which the interpreter waits before it ends, by name."""
    main = threading.main_thread()
    return [t.name for t in _threads() if t is not main and not t.daemon and t.is_alive()]


def _descriptors_are_short(open_now: int | None) -> bool:
    """Whether this process has used more than half of the descriptors that it may open."""
    if open_now is None or os.name != "posix":
        return False
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and open_now > soft // 2
