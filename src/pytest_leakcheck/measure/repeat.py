"""Run one item again, whole protocol, k times, and record what each run leaves.

Used by the confirming process for suspects, and in the suite's own process for a test that is over
its ``limit_growth``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pytest_leakcheck.judge.endurance import further_windows, long_time, window_runs
from pytest_leakcheck.judge.known import fingerprints, goes_on, made_up_of
from pytest_leakcheck.judge.lasting import comes_and_goes, few_blocks_add_up, maps_more
from pytest_leakcheck.judge.native import HELD_FROM_C
from pytest_leakcheck.judge.repeats import (
    Repeats,
    grows_always,
    grows_never,
    still_undecided,
    usual_amount,
)
from pytest_leakcheck.judge.statistics import median_growth
from pytest_leakcheck.judge.suspects import function_of
from pytest_leakcheck.judge.verdict import grows_exactly, judge_repeats, worth_explaining
from pytest_leakcheck.measure.calibration import calibrate
from pytest_leakcheck.measure.evidence import Evidence, Held
from pytest_leakcheck.measure.looked_into import (
    Endured,
    Likeness,
    LookedInto,
    Opened,
    Repeated,
    Traced,
)
from pytest_leakcheck.measure.rerun import NullItem, uses_wider_fixtures
from pytest_leakcheck.measure.runs import Runs, Tape
from pytest_leakcheck.measure.signals import Probes, heap_probe, mapped_probe
from pytest_leakcheck.measure.survivors import Boundary
from pytest_leakcheck.records import (
    AlikeRecord,
    Cause,
    CauseRecord,
    EventRecord,
    Growth,
    JournalRecord,
    Outcome,
    RepeatRecord,
    SkipRecord,
    VerdictName,
)

if TYPE_CHECKING:
    from pytest_leakcheck.settings import Settings

_clock = time.perf_counter


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
        self.null = Growth()
        self.null_net = Growth()
        self._tape = Tape()
        self._known = LookedInto()
        self._null_sites: set[tuple[str, int]] = set()
        self._null_runs = 1
        self._patient = False
        self._alike: str | None = None

    def know(self, known: LookedInto) -> None:
        """Look no more into what other processes have looked into, and tell them."""
        self._known = known

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
            self._null_runs = self._settings.net_quick_repeats
            net = self._runs.together(item, item.nodeid, "null-net", self._null_runs)
            self._write(net)
            self.null_net = net.growth
            traced = self._evidence.traced(
                item, item.nodeid, "null", self._settings.traced_quick_runs
            )
            if traced is not None:
                self._null_sites = {(site.file, site.line) for site in traced.sites}
        except Exception as error:  # noqa: BLE001 - a hook of the suite cannot take this item
            self._write(
                EventRecord(
                    slug="no-null-test",
                    sentence=f"The empty test could not run ({type(error).__name__}: {error}): "
                    "pytest's own growth is taken as zero.",
                )
            )
            return
        for record in (*records, *([traced] if traced else ())):
            self._write(record)
        self.null = median_growth([r.growth for r in (*records, *([traced] if traced else ()))])
        if records:
            self._calibrate(session)

    def _calibrate(self, session: pytest.Session) -> None:
        """Learn and write down how small a leak is seen here."""

        def repeat(item: pytest.Item, times: int) -> list[RepeatRecord]:
            self._tape.rewind()
            for number in range(times):
                self._tape.append(self._runs.repeat(item, item.nodeid, "null", number))
            return self._tape.records()

        self._write(calibrate(session, repeat, self.null, self._settings))

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
        self._patient, self._alike = patient, None
        nextitem = item.session if wide else None
        settings = self._settings
        self._runs.begin()
        outcome = self._warm_up(item, name, nextitem)
        if outcome != "passed":
            return self._give_up(name, outcome)
        steady, held = self._steady(item, name, nextitem)
        for record in steady:
            self._write(record)
        found = Repeats(steady=steady, null=self.null)
        if any(record.outcome != "passed" for record in steady):
            return found
        if not worth_explaining(found, settings.thresholds):
            if comes_and_goes(found, settings.thresholds, times=2):
                found = self._with_net(item, name, found, nextitem)
                return replace(found, windows=self._endure(item, name, found, nextitem))
            self._evidence.look_at_garbage(item, name, steady, nextitem)
            return found
        held = held or self._evidence.holders(item, nextitem, self._runs.take_ids())
        return self._explain(item, name, found, held, nextitem, wide=wide)

    def _warm_up(self, item: pytest.Item, name: str, nextitem: Any) -> Outcome:
        """The runs before the steady ones; nothing of them is alive when those begin."""
        outcome: Outcome = "passed"
        self._tape.rewind()
        for number in range(self._settings.warmups):
            self._tape.append(self._runs.repeat(item, name, "warm-up", number, nextitem))
            outcome = self._tape.records()[-1].outcome
            if outcome != "passed":
                break
        for record in self._tape.records():
            self._write(record)
        return outcome

    def _give_up(self, name: str, outcome: Outcome) -> Repeats:
        self._write(
            SkipRecord(
                nodeid=name,
                reason=f"it cannot be run twice in one process: the second run {_ENDED[outcome]}",
            )
        )
        return Repeats(steady=[], null=self.null)

    def _steady(
        self, item: pytest.Item, name: str, nextitem: Any
    ) -> tuple[list[RepeatRecord], Held | None]:
        """The steady repeats; and who holds what grows, where that was enough to end them."""
        self._tape.rewind()
        asked = False
        for number in range(self._settings.weak_repeats):
            record = self._runs.repeat(item, name, "steady", number, nextitem, keep_ids=True)
            self._tape.append(record)
            del record  # it is on the tape; here it would be alive when the next repeat begins
            if self._is_decided(self._tape.records()):
                break
            if not asked and self._may_be_known(self._tape.records()):
                asked = True
                held = self._evidence.holders(item, nextitem, self._runs.take_ids())
                if self._is_known(item, name, nextitem, held):
                    return self._tape.records(), held
                del held
        return self._tape.records(), None

    def _may_be_known(self, steady: list[RepeatRecord]) -> bool:
        """Whether it pays to ask already who holds what grows: where that is known, a test that
        takes a while needs fewer repeats."""
        settings = self._settings
        longest = max(record.duration_s for record in steady)
        enough = len(steady) >= settings.known_repeats and longest >= settings.known_s
        return enough and grows_exactly(steady, self.null)

    def _is_known(self, item: pytest.Item, name: str, nextitem: Any, held: Held) -> bool:
        """Whether what a test grows by was seen on all repeats of another one."""
        if held.causes:
            return self._goes_on(held.causes, self._known.repeated)
        found = Repeats(steady=self._tape.records(), null=self.null)
        likeness = self._likeness(name, found)
        return likeness is not None and bool(self._alike_to(likeness, item, nextitem))

    def _goes_on(self, causes: Sequence[Cause], repeated: Sequence[Sequence[str]] = ()) -> bool:
        """Whether it is known that the growth of all these causes goes on, or has done so as long
        as these.

        What a cause is excused or doubted for has to be seen of each test anew.
        """
        self._known.refresh()
        doubtful = any(cause.limit or cause.dead for cause in causes)
        return not doubtful and goes_on(causes, [*self._known.endured, *repeated])

    def _is_decided(self, steady: list[RepeatRecord]) -> bool:
        settings, limits = self._settings, self._settings.thresholds
        if steady[-1].outcome != "passed":
            return True
        patient = self._patient and self._is_quick(steady)
        least = settings.most_repeats if patient else settings.calm_repeats
        if len(steady) >= least and grows_never(steady, self.null, limits):
            return True
        return len(steady) >= self._enough(steady)

    def _enough(self, steady: list[RepeatRecord]) -> int:
        """How many repeats decide, going by those so far."""
        settings, limits = self._settings, self._settings.thresholds
        if grows_exactly(steady, self.null):
            return settings.repeats
        if not self._is_quick(steady):
            undecided = still_undecided(steady, self.null, limits)
            return settings.most_repeats if undecided else settings.repeats
        found = Repeats(steady=steady, null=self.null)
        if worth_explaining(found, limits) or comes_and_goes(found, limits):
            return settings.weak_repeats
        return settings.most_repeats

    def _is_quick(self, steady: list[RepeatRecord]) -> bool:
        return max(record.duration_s for record in steady) < self._settings.quick_s

    def _explain(
        self,
        item: pytest.Item,
        name: str,
        found: Repeats,
        held: Held,
        nextitem: Any,
        *,
        wide: bool,
    ) -> Repeats:
        """Whether growth that is held lasts, and where it was allocated."""
        found = self._with_holders(item, name, found, held, nextitem)
        likeness = None if wide or found.causes else self._likeness(name, found)
        may_be_alike = likeness is not None and self._known.has_like(likeness)
        if not may_be_alike:
            found = self._with_containers(item, found, nextitem)
        if not wide and not self._goes_on(found.causes):
            found = replace(found, windows=self._endure(item, name, found, nextitem))
        if self._is_cleared(found):
            self._write_causes(name, found.causes)
            return found
        found = replace(found, release=[] if wide else self._release(item, name))
        if likeness is not None and may_be_alike:
            leaks = self._verdict(found) == "leak"
            if leaks and (alike := self._alike_to(likeness, item, nextitem)):
                self._write(AlikeRecord(nodeid=name, of=alike))
                return found
            found = self._with_containers(item, found, nextitem)
        prints = fingerprints(found.causes)
        if made_up_of(prints, self._known.traced) and self._verdict(found) != "unconfirmed":
            # Tracing says where memory was allocated: once for each cause is enough.
            self._write_causes(name, found.causes)
        else:
            found = self._with_places(item, name, found, nextitem)
            if prints and self._verdict(found) in ("leak", "held"):
                self._known.add(Traced(prints))
        if prints and self._verdict(found) in ("leak", "held"):
            if found.windows:
                self._known.add(Endured(prints))
            elif len(found.steady) >= self._settings.repeats:
                self._known.add(Repeated(prints))
        if likeness is not None and self._verdict(found) == "leak":
            places = sorted(self._evidence.places_of(name))
            self._known.add(Opened(name, likeness, places))
        return found

    def _alike_to(self, likeness: Likeness, item: pytest.Item, nextitem: Any) -> str:
        """The test that leaves the same open and was looked into, or nothing: another instance of
        the function, or one that opens all that stays open where a run of this test does."""
        if self._alike is None:
            self._alike = self._known.instance_like(likeness) or self._opens_like(
                self._known.tests_like(likeness), item, nextitem
            )
        return self._alike

    def _opens_like(self, others: Sequence[Opened], item: pytest.Item, nextitem: Any) -> str:
        left = self._evidence.opened_by(item, nextitem) if others else []
        for other in others:
            if left and all(not places.isdisjoint(other.places) for places in left):
                return other.nodeid
        return ""

    def _likeness(self, name: str, found: Repeats) -> Likeness | None:
        """What instances of one test function share that leave as many descriptors, threads and
        children open on each run; ``None`` where none stays."""
        opened = [
            (signal, usual_amount(found.steady, signal))
            for signal in ("fds", "threads", "children")
            if grows_always(found.steady, self.null, signal, 0.0)
        ]
        amounts = tuple((signal, amount) for signal, amount in opened if amount is not None)
        if not amounts or len(amounts) < len(opened):
            return None
        kinds = frozenset(found.steady[-1].types)
        return Likeness(function_of(name), amounts, kinds)

    def _with_holders(
        self, item: pytest.Item, name: str, found: Repeats, held: Held, nextitem: Any
    ) -> Repeats:
        """Who holds what stays; growth by inexact signals gets a look at many runs first, since to
        look at all containers is O(heap)."""
        kept = Growth(survivors=held.kept)
        self._write(RepeatRecord(nodeid=name, phase="kept", number=0, growth=kept))
        found = replace(found, causes=held.causes, kept=held.kept)
        if held.kept == 0 or not grows_exactly(found.steady, self.null):
            found = self._with_net(item, name, found, nextitem)
        return found

    def _with_containers(self, item: pytest.Item, found: Repeats, nextitem: Any) -> Repeats:
        """Which containers grow, where nothing that the collector tracks is kept."""
        if not found.causes and not self._is_cleared(found):
            runs = 2 if self._is_quick(list(found.steady)) else 1
            found = replace(found, causes=self._evidence.containers(item, nextitem, runs))
        return found

    def _is_cleared(self, found: Repeats) -> bool:
        """Whether the test is no suspect any more, and no trace can make it one again."""
        if self._verdict(found) not in ("settles", "late"):
            return False
        # Of so few blocks that add up, only a trace of where they come from can tell.
        told = bool(found.windows or found.causes)
        return told or not few_blocks_add_up(found, self._settings.thresholds)

    def _with_places(self, item: pytest.Item, name: str, found: Repeats, nextitem: Any) -> Repeats:
        """Where what stays was allocated or opened, and which compiled code did it."""
        traced = self._trace(item, name, found, nextitem)
        found = replace(found, traced=traced)
        if self._verdict(found) in ("settles", "late"):
            self._write_causes(name, found.causes)
            return found
        causes = list(found.causes)
        sites = traced[-1].sites if traced else []
        mapped = maps_more(found, self._settings.thresholds)
        native = mapped or self._has_native_growth(found, traced)
        # What only compiled code holds has a head, and no name for who holds it.
        unseen = all(cause.known == HELD_FROM_C for cause in causes)
        if unseen or self._grows_resources(found):
            probe = None
            if native and unseen:
                probe = mapped_probe() if mapped else heap_probe()
            seen = self._evidence.watched(item, name, nextitem, probe=probe, python=sites)
            causes = causes or list(seen.causes)
        for cause in causes:
            self._write(CauseRecord(nodeid=name, cause=_with_sites(cause, sites, len(causes))))
        if native or unseen:
            self._evidence.native(item, name, nextitem)
        return replace(found, causes=causes)

    def _verdict(self, found: Repeats) -> VerdictName:
        return judge_repeats(found, self._settings.thresholds).verdict

    def _grows_resources(self, found: Repeats) -> bool:
        return any(
            grows_always(found.steady, self.null, name, 0.0)
            for name in ("fds", "threads", "children")
        )

    def _with_net(self, item: pytest.Item, name: str, found: Repeats, nextitem: Any) -> Repeats:
        """Growth by inexact signals alone gets a look at several runs together.

        Of a test that takes a while, a few runs are looked at first: most often they clear it.
        """
        settings = self._settings
        runs = window_runs(found.steady, settings) * settings.long_windows
        sure = self._grows_resources(found)
        least = settings.net_sure_repeats if sure else settings.net_repeats
        runs = max(least, min(settings.net_quick_repeats, runs))
        first = settings.thresholds.adding_runs
        duration = statistics.median(record.duration_s for record in found.steady)
        stages = [first, runs] if first < runs and runs * duration > settings.net_s else [runs]
        for stage in stages:
            net = self._runs.together(item, name, "net", stage, nextitem)
            found = replace(
                found,
                net=net.growth,
                net_runs=stage,
                null_net=self.null_net,
                null_net_runs=self._null_runs,
            )
            if self._is_cleared(found):
                break
        self._write(net)
        return found

    def _write_causes(self, name: str, causes: Sequence[Cause]) -> None:
        for cause in causes:
            self._write(CauseRecord(nodeid=name, cause=cause))

    def _endure(
        self, item: pytest.Item, name: str, found: Repeats, nextitem: Any
    ) -> list[RepeatRecord]:
        """Many more runs of a quick test that looks like a leak: does the growth go on?

        A limit that is stated has to be kept, too.
        """
        settings = self._settings
        stated = any(cause.limit for cause in found.causes)
        if not stated and self._verdict(found) not in ("leak", "unconfirmed"):
            return []
        runs = window_runs(found.steady, settings)
        if not runs:
            return []
        start, allowed = _clock(), long_time(found.causes, settings)
        windows = [
            self._runs.window(item, name, runs, nextitem) for _ in range(settings.long_windows)
        ]
        for _ in range(further_windows(found.steady, found.causes, settings)):
            going_on = self._verdict(replace(found, windows=windows)) in ("leak", "unconfirmed")
            if not going_on or _clock() - start > allowed:
                break
            windows.append(self._runs.window(item, name, runs, nextitem))
        if any(record.outcome != "passed" for record in windows):
            return []
        for record in windows:
            self._write(record)
        return windows

    def _trace(
        self, item: pytest.Item, name: str, found: Repeats, nextitem: Any
    ) -> list[RepeatRecord]:
        """Runs under tracemalloc, less what the empty test leaves too."""
        settings = self._settings
        runs = settings.traced_quick_runs if self._is_quick(list(found.steady)) else 1
        # Where a holder is known, a trace tells where it was filled and decides nothing.
        seconds = settings.traced_held_s if found.causes else settings.traced_s
        few = not found.causes and few_blocks_add_up(found, settings.thresholds)
        least = settings.thresholds.traced_runs_tell if few else 2
        sure = found.causes and grows_exactly(found.steady, self.null)
        traced: list[RepeatRecord] = []
        for _ in range(1 if sure else settings.traced_repeats):
            seen = self._evidence.traced(
                item, name, "traced", runs, nextitem, least=least, seconds=seconds
            )
            if seen is None:
                continue
            sites = [s for s in seen.sites if (s.file, s.line) not in self._null_sites]
            traced.append(msgspec.structs.replace(seen, sites=sites))
            self._write(traced[-1])
        return traced

    def _has_native_growth(self, found: Repeats, traced: list[RepeatRecord]) -> bool:
        """Whether C heap grows by clearly more than Python's own memory explains."""
        heap = [record.growth.heap_bytes or 0 for record in found.steady]
        python = [record.growth.python_bytes or 0 for record in traced]
        middle = statistics.median(heap)
        rest = middle - (statistics.median(python) if python else 0)
        limits = self._settings.thresholds
        return rest > max(limits.native_least_bytes, limits.native_share * middle)

    def _release(self, item: pytest.Item, name: str) -> list[RepeatRecord]:
        """Repeat with every fixture but the session's ended each time: does it still grow?"""
        if not uses_wider_fixtures(item):
            return []
        self._tape.rewind()
        for number in range(1 + self._settings.release_repeats):
            self._tape.append(self._runs.repeat(item, name, "release", number, item.session))
        # The first one ends the fixtures that the steady repeats set up.
        records = self._tape.records()[1:]
        for record in records:
            self._write(record)
        return records


_ENDED = {
    "failed": "fails",
    "error": "fails in its set-up or teardown",
    "skipped": "is skipped",
    "xfailed": "fails as expected",
    "xpassed": "passes where it was expected to fail",
    "passed": "passes",
}


def _with_sites(cause: Cause, sites: list[Any], among: int) -> Cause:
    """Where the growth was allocated belongs to a cause only when there is one, and none has sites
    of its own."""
    return msgspec.structs.replace(cause, sites=sites) if among == 1 and not cause.sites else cause
