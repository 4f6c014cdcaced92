"""Run one item again, whole protocol, k times, and record what each run leaves.

Used by the confirming process for candidates, and in the suite's own process for a test that is
over its ``limit_growth``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_leakcheck.confirm.calibration import calibrate
from pytest_leakcheck.confirm.probes import Inspector
from pytest_leakcheck.confirm.questions import (
    QUESTIONS,
    Asker,
    Elsewhere,
    Target,
    answered,
    write_answers,
)
from pytest_leakcheck.confirm.repeats import RecordBuffer, Runs
from pytest_leakcheck.confirm.rerun import BlankItem, uses_wider_fixtures
from pytest_leakcheck.confirm.shared_findings import SharedFindings
from pytest_leakcheck.judge.evidence import Blank, Evidence, Question
from pytest_leakcheck.judge.protocol import next_question
from pytest_leakcheck.judge.statistics import median_growth
from pytest_leakcheck.judge.verdict import judge, median_late
from pytest_leakcheck.model.journal_lines import (
    EventRecord,
    JournalRecord,
    RepeatRecord,
    SkipRecord,
)
from pytest_leakcheck.model.signals import Outcome
from pytest_leakcheck.screen.nodeids import garbage_kin
from pytest_leakcheck.sweep.boundary import Boundary
from pytest_leakcheck.sweep.signals import Probes

if TYPE_CHECKING:
    from pytest_leakcheck.model.settings import Settings


class Repeater:
    """Repeats items of one process and writes what it finds.

    Args:
        write: takes each record, in order.
        folder: the run's, for captures; None for none.
        root: the project's folder, cut from paths.
        forget: called after each run, to drop what a reporter keeps of it.
    """

    def __init__(
        self,
        settings: Settings,
        probes: Probes,
        boundary: Boundary,
        write: Callable[[JournalRecord], None],
        folder: Path | None,
        root: str,
        *,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._write = write
        self._runs = Runs(probes, boundary, forget)
        self._buffer = RecordBuffer()
        inspector = Inspector(settings, boundary, self._runs.run_once, write, folder, root)
        self._inspector = inspector
        self._asker = Asker(settings, self._runs, inspector, write, self._buffer)
        self._elsewhere = Elsewhere(self._asker, SharedFindings())
        self._blank = Blank()
        self._cannot: set[Question] = set()
        if folder is None or settings.native_repeats < 1:
            self._cannot.add("native")
        self._garbage_seen: set[tuple[str, int]] = set()

    def know(self, findings: SharedFindings) -> None:
        """Ask no more what other processes have found, and tell them."""
        self._elsewhere.findings = findings

    def saw_fixture(self, definition: pytest.FixtureDef[Any]) -> None:
        """Know a wider fixture that has been set up."""
        self._runs.saw_fixture(definition)

    def measure_blank(self, session: pytest.Session, repeats: int = 5) -> None:
        """Learn what pytest itself keeps per repeat, from a test that does nothing."""
        item = BlankItem.from_parent(session, name="leakcheck-blank")
        try:
            records = [r for r in self._repeat(item, repeats + 2)[2:] if r.outcome == "passed"]
            windows = self._blank_windows(item)
            traced = self._inspector.traced(
                item, item.nodeid, "blank", self._settings.traced_quick_runs
            )
        except Exception as error:  # noqa: BLE001 - a hook of the suite cannot take this item
            self._write(
                EventRecord(
                    slug="no-blank-test",
                    sentence=f"The blank test could not run ({type(error).__name__}: {error}): "
                    "pytest's own growth is taken as zero.",
                )
            )
            return
        seen = [*records, *([traced] if traced else ())]
        for record in (*seen, *windows):
            self._write(record)
        self._blank = Blank(
            growth=median_growth([record.growth for record in seen]),
            windows=tuple(windows),
            sites=frozenset((site.file, site.line) for site in (traced.sites if traced else ())),
        )
        if records:
            told = calibrate(session, self._repeat, self._blank.growth, self._settings)
            self._write(told)

    def _repeat(self, item: pytest.Item, times: int) -> list[RepeatRecord]:
        """Repeats of the blank test, or of one that leaves something of a known size."""
        self._buffer.rewind()
        for number in range(times):
            self._buffer.append(self._runs.repeat(item, item.nodeid, "blank", number))
        return self._buffer.records()

    def _blank_windows(self, item: pytest.Item) -> list[RepeatRecord]:
        self._buffer.rewind()
        for _ in range(self._settings.blank_windows):
            repeats = self._settings.first_window_repeats
            self._buffer.append(self._runs.window(item, item.nodeid, "blank-window", repeats))
        return self._buffer.records()

    # --- one candidate -------------------------------------------------------------------------

    def confirm(
        self,
        item: pytest.Item,
        name: str,
        *,
        wide: bool = False,
        patient: bool = False,
        inspect: bool = True,
    ) -> Evidence:
        """Repeat a candidate, and ask on until nothing more would tell.

        Args:
            name: under which it is recorded (a node id, or a wider fixture's name).
            wide: end all fixtures but the session's after each repeat.
            patient: do not let it go after a few calm repeats: it may leak on some only.
            inspect: ask who holds what it leaves, and where that was made; else growth alone is
                looked at.
        """
        about = Target(item, name, item.session if wide else None)
        self._runs.begin()
        outcome = self._warm_up(about)
        if outcome != "passed":
            return self._give_up(name, outcome)
        cannot = set(self._cannot)
        if wide or not uses_wider_fixtures(item):
            cannot.add("release")
        if not inspect:
            cannot |= _INSPECTING
        evidence = Evidence(blank=self._blank, asked=frozenset(cannot), patient=patient)
        evidence = self._ask_on(about, evidence)
        write_answers(self._asker, about, evidence)
        if judge(evidence, self._settings).verdict == "late":
            self._look_at_garbage(about, evidence.steady)
        self._elsewhere.tell(about, evidence)
        return evidence

    def _ask_on(self, about: Target, evidence: Evidence) -> Evidence:
        """One loop: which question is next, ask it, add the answer."""
        while (question := next_question(evidence, self._settings)) is not None:
            before = evidence
            evidence = QUESTIONS[question](self._asker, about, evidence)
            if evidence == before:  # it has no answer here, and would be asked for ever
                evidence = answered(evidence, question)
            del before
            if question in ("holders", "containers"):
                evidence = self._elsewhere.spare(about, evidence)
        return evidence

    def _look_at_garbage(self, about: Target, steady: Sequence[RepeatRecord]) -> None:
        """Name the cycles that wait for the collector, where no kin has told."""
        kin = garbage_kin(about.name, median_late(steady))
        if kin not in self._garbage_seen:
            self._garbage_seen.add(kin)
            self._inspector.look_at_garbage(about.item, about.name, about.nextitem)

    def _warm_up(self, about: Target) -> Outcome:
        """The repeats before the steady ones; nothing of them is alive when those begin."""
        outcome: Outcome = "passed"
        self._buffer.rewind()
        for number in range(self._settings.warmups):
            self._buffer.append(
                self._runs.repeat(about.item, about.name, "warm-up", number, about.nextitem)
            )
            outcome = self._buffer.records()[-1].outcome
            if outcome != "passed":
                break
        return outcome

    def _give_up(self, name: str, outcome: Outcome) -> Evidence:
        warmups = tuple(self._buffer.records())
        for record in warmups:
            self._write(record)
        ended = _ENDED[outcome]
        self._write(
            SkipRecord(
                nodeid=name,
                reason=f"it cannot be run twice in one process: the second run {ended}",
            )
        )
        return Evidence(blank=self._blank, warmups=warmups)


#: Questions for which the objects of the test, or its calls, are looked at.
_INSPECTING: frozenset[Question] = frozenset(("holders", "containers", "trace", "watch", "native"))

_ENDED = {
    "failed": "fails",
    "error": "fails in its set-up or teardown",
    "skipped": "is skipped",
    "xfailed": "fails as expected",
    "xpassed": "passes where it was expected to fail",
    "passed": "passes",
}
