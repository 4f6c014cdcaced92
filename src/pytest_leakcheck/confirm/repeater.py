"""Run one item again, whole protocol, k times, and record what each run leaves.

Used by the confirming process for suspects, and in the suite's own process for a test that is over
its ``limit_growth``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pytest_leakcheck.confirm.calibration import calibrate
from pytest_leakcheck.confirm.inquiry import Floor, Inquiry
from pytest_leakcheck.confirm.probes import Evidence, Held
from pytest_leakcheck.confirm.repeats import Runs, Tape
from pytest_leakcheck.confirm.rerun import NullItem
from pytest_leakcheck.confirm.shared_findings import LookedInto
from pytest_leakcheck.judge.net_growth import comes_and_goes
from pytest_leakcheck.judge.repeats import Repeats, median_late
from pytest_leakcheck.judge.statistics import median_growth
from pytest_leakcheck.judge.stopping import (
    is_decided,
    is_slow_and_calm,
    lately_only_replaces,
    runs_that_grew,
)
from pytest_leakcheck.judge.verdict import judge_repeats, worth_explaining
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
        self._evidence = Evidence(settings, boundary, self._runs.run_once, write, folder, root)
        self._floor = Floor()
        self._tape = Tape()
        self._inquiry = Inquiry(
            settings, self._runs, self._evidence, write, self._tape, self._floor
        )
        self._patient = False
        self._garbage_seen: set[tuple[str, int]] = set()

    def know(self, known: LookedInto) -> None:
        """Look no more into what other processes have looked into, and tell them."""
        self._inquiry.known = known

    def saw_fixture(self, definition: pytest.FixtureDef[Any]) -> None:
        """Know a wider fixture that has been set up."""
        self._runs.saw_fixture(definition)

    def measure_null(self, session: pytest.Session, runs: int = 5) -> None:
        """Learn what pytest itself keeps per run, from an item that does nothing."""
        item = NullItem.from_parent(session, name="leakcheck-null")
        try:
            self._tape.rewind()
            for number in range(runs + 2):
                self._tape.append(self._runs.repeat(item, item.nodeid, "null", number))
            records = [r for r in self._tape.records()[2:] if r.outcome == "passed"]
            self._floor.net_runs = self._settings.net_quick_repeats
            net = self._runs.together(item, item.nodeid, "null-net", self._floor.net_runs)
            self._write(net)
            self._floor.net = net.growth
            traced = self._evidence.traced(
                item, item.nodeid, "null", self._settings.traced_quick_runs
            )
            if traced is not None:
                self._floor.sites = {(site.file, site.line) for site in traced.sites}
        except Exception as error:  # noqa: BLE001 - a hook of the suite cannot take this item
            self._write(
                EventRecord(
                    slug="no-null-test",
                    sentence=f"The empty test could not run ({type(error).__name__}: {error}): "
                    "pytest's own growth is taken as zero.",
                )
            )
            return
        seen = [*records, *([traced] if traced else ())]
        for record in seen:
            self._write(record)
        self._floor.null = median_growth([record.growth for record in seen])
        if records:
            self._calibrate(session)

    def _calibrate(self, session: pytest.Session) -> None:
        """Learn and write down how small a leak is seen here."""

        def repeat(item: pytest.Item, times: int) -> list[RepeatRecord]:
            self._tape.rewind()
            for number in range(times):
                self._tape.append(self._runs.repeat(item, item.nodeid, "null", number))
            return self._tape.records()

        self._write(calibrate(session, repeat, self._floor.null, self._settings))

    # --- one suspect ---------------------------------------------------------------------------

    def confirm(
        self, item: pytest.Item, name: str, *, wide: bool = False, patient: bool = False
    ) -> Repeats:
        """Repeat a suspect until it is decided; explain it when it grows.

        Args:
            name: under which it is recorded (a node id, or a wider fixture's name).
            wide: end all fixtures but the session's after each repeat.
            patient: do not let it go after a few calm repeats: it may leak on some runs only.
        """
        self._patient = patient
        self._inquiry.begin()
        nextitem = item.session if wide else None
        settings = self._settings
        self._runs.begin()
        outcome = self._warm_up(item, name, nextitem)
        if outcome != "passed":
            return self._give_up(name, outcome)
        steady, held = self._steady(item, name, nextitem)
        records = self._tape.records()
        for record in [*records[: len(records) - len(steady)], *steady]:
            self._write(record)
        found = Repeats(steady=steady, null=self._floor.null)
        if any(record.outcome != "passed" for record in steady):
            return found
        calm = is_slow_and_calm(records, self._floor.null, settings)
        if calm or not worth_explaining(found, settings.thresholds):
            verdict = judge_repeats(found, settings.thresholds).verdict
            again = comes_and_goes(found, settings.thresholds, times=2)
            if again and not (calm and verdict != "unconfirmed"):
                found = self._inquiry.with_net(item, name, found, nextitem)
                return replace(found, windows=self._inquiry.endure(item, name, found, nextitem))
            if verdict == "late":
                self._look_at_garbage(item, name, steady, nextitem)
            return found
        return self._inquiry.explain(item, name, found, nextitem, wide=wide, held=held)

    def _look_at_garbage(
        self, item: pytest.Item, name: str, steady: list[RepeatRecord], nextitem: Any
    ) -> None:
        """Name the cycles that wait for the collector, where no kin has told."""
        kin = garbage_kin(name, median_late(steady))
        if kin not in self._garbage_seen:
            self._garbage_seen.add(kin)
            self._evidence.look_at_garbage(item, name, nextitem)

    def _warm_up(self, item: pytest.Item, name: str, nextitem: Any) -> Outcome:
        """The runs before the steady ones; nothing of them is alive when those begin."""
        outcome: Outcome = "passed"
        self._tape.rewind()
        for number in range(self._settings.warmups):
            self._tape.append(self._runs.repeat(item, name, "warm-up", number, nextitem))
            outcome = self._tape.records()[-1].outcome
            if outcome != "passed":
                break
        return outcome

    def _give_up(self, name: str, outcome: Outcome) -> Repeats:
        for record in self._tape.records():
            self._write(record)
        self._write(
            SkipRecord(
                nodeid=name,
                reason=f"it cannot be run twice in one process: the second run {_ENDED[outcome]}",
            )
        )
        return Repeats(steady=[], null=self._floor.null)

    def _steady(
        self, item: pytest.Item, name: str, nextitem: Any
    ) -> tuple[list[RepeatRecord], Held | None]:
        """The steady repeats, the last on the tape; and who holds what grows, where that ended
        them."""
        settings, null = self._settings, self._floor.null
        warmups = settings.warmups
        asked = False
        for number in range(settings.weak_repeats):
            record = self._runs.repeat(item, name, "steady", number, nextitem, keep_ids=True)
            self._tape.append(record)
            records = self._tape.records()
            steady = records[warmups:]
            if is_decided(steady, null, settings, patient=self._patient) or is_slow_and_calm(
                records, null, settings
            ):
                return steady, None
            if not asked:
                replaces = lately_only_replaces(steady, null, settings, patient=self._patient)
                runs = steady if replaces else runs_that_grew(records, null, settings)
                asked = bool(runs)
                held = asked and self._inquiry.deciding_holders(
                    item, name, runs, nextitem, replaces=replaces
                )
                if held:
                    return _as_steady(runs), held
                del runs
            # They are on the tape; here they would be alive when the next repeat begins.
            del record, records, steady
        return self._tape.records()[warmups:], None


def _as_steady(runs: Sequence[RepeatRecord]) -> list[RepeatRecord]:
    return [
        msgspec.structs.replace(run, phase="steady", number=number)
        for number, run in enumerate(runs)
    ]


_ENDED = {
    "failed": "fails",
    "error": "fails in its set-up or teardown",
    "skipped": "is skipped",
    "xfailed": "fails as expected",
    "xpassed": "passes where it was expected to fail",
    "passed": "passes",
}
