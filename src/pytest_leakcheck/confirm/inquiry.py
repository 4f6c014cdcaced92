"""What a suspect's growth is: who holds it, whether it lasts, where it was allocated.

Asked of a suspect that grew on its repeats. Each question costs runs, and is asked only where it
may change the verdict or name the cause.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pytest_leakcheck.confirm.probes import Evidence, Held
from pytest_leakcheck.confirm.repeats import Runs, Tape
from pytest_leakcheck.confirm.rerun import uses_wider_fixtures
from pytest_leakcheck.confirm.shared_findings import (
    Dropped,
    Endured,
    Likeness,
    LookedInto,
    Opened,
    Repeated,
    Traced,
)
from pytest_leakcheck.judge.known import fingerprints, goes_on, made_up_of
from pytest_leakcheck.judge.net_growth import few_blocks_add_up, maps_more, mostly_grows
from pytest_leakcheck.judge.repeats import (
    RESOURCES,
    Repeats,
    grows_always,
    is_quick,
    usual_amount,
)
from pytest_leakcheck.judge.soak import (
    further_windows,
    long_time,
    may_hide_growth,
    runs_until_full,
    window_runs,
)
from pytest_leakcheck.judge.verdict import (
    grows_exactly,
    judge_repeats,
    only_blocks_grow,
    only_dead_gather,
    release_is_unclear,
)
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import (
    AlikeRecord,
    CauseRecord,
    DroppedRecord,
    JournalRecord,
    RepeatRecord,
)
from pytest_leakcheck.model.results import VerdictName
from pytest_leakcheck.model.signals import Growth
from pytest_leakcheck.native.causes import HELD_FROM_C
from pytest_leakcheck.screen.nodeids import function_of
from pytest_leakcheck.sweep.signals import heap_probe, mapped_probe

if TYPE_CHECKING:
    from pytest_leakcheck.model.settings import Settings

_clock = time.perf_counter


@dataclass(slots=True)
class Floor:
    """What pytest itself keeps per run: the growth of an item that does nothing."""

    null: Growth = field(default_factory=Growth)
    net: Growth = field(default_factory=Growth)
    """Over several runs together …"""
    net_runs: int = 1
    """… so many."""
    sites: set[tuple[str, int]] = field(default_factory=set)
    """File and line of what was allocated."""


class Inquiry:
    """Asks about one suspect at a time.

    Args:
        write: takes each record, in order.
        tape: for the records of repeats.
        floor: is filled by the time the first suspect comes.
    """

    def __init__(
        self,
        settings: Settings,
        runs: Runs,
        evidence: Evidence,
        write: Callable[[JournalRecord], None],
        tape: Tape,
        floor: Floor,
    ) -> None:
        self._settings = settings
        self._runs = runs
        self._evidence = evidence
        self._write = write
        self._tape = tape
        self._floor = floor
        self._alike: str | None = None
        self.known = LookedInto()
        """What was looked into already, here and in other processes."""

    def begin(self) -> None:
        """Another suspect."""
        self._alike = None

    def deciding_holders(
        self,
        item: pytest.Item,
        name: str,
        steady: Sequence[RepeatRecord],
        nextitem: Any,
        *,
        replaces: bool,
    ) -> Held | None:
        """Who holds what a test leaves, where that decides: nobody, what a run leaves being only
        replaced, or it was seen on all repeats of another test that such growth goes on. ``None``
        where it does not.

        Args:
            replaces: objects came, and nothing else grew.
        """
        held = self._holders(item, nextitem)
        if replaces and held.kept == 0:
            return held
        self.known.refresh()
        if held.causes:
            return held if self._goes_on(held.causes, self.known.repeated) else None
        likeness = self._likeness(name, steady)
        alike = likeness is not None and self._alike_to(likeness, item, nextitem)
        return held if alike else None

    def _holders(self, item: pytest.Item, nextitem: Any) -> Held:
        return self._evidence.holders(item, nextitem, self._runs.take_ids())

    def _goes_on(self, causes: Sequence[Cause], repeated: Sequence[Sequence[str]] = ()) -> bool:
        """Whether it is known that the growth of all these causes goes on, or has done so as long
        as these.

        What a cause is excused or doubted for has to be seen of each test anew.
        """
        doubtful = any(cause.limit or cause.dead for cause in causes)
        return not doubtful and goes_on(causes, [*self.known.endured, *repeated])

    def explain(
        self,
        item: pytest.Item,
        name: str,
        found: Repeats,
        nextitem: Any,
        *,
        wide: bool,
        held: Held | None = None,
    ) -> Repeats:
        """Who holds the growth, whether it lasts, and where it was allocated.

        Args:
            held: who holds it, where that was asked already.
        """
        held = held or self._holders(item, nextitem)
        found = self._with_holders(item, name, found, held, nextitem)
        self.known.refresh()
        if not wide and (other := self._dropped_by(found)):
            self._write(DroppedRecord(nodeid=name, of=other))
            self._write_causes(name, found.causes)
            return replace(found, dropped_of=other)
        likeness = None if wide or found.causes else self._likeness(name, found.steady)
        may_be_alike = likeness is not None and self.known.has_like(likeness)
        if not may_be_alike:
            found = self._with_containers(item, found, nextitem)
        if not wide and not self._goes_on(found.causes):
            found = replace(found, windows=self.endure(item, name, found, nextitem))
            if self._verdict(found) == "leak" and runs_until_full(found.causes) is not None:
                # Full caches do not grow: something else does.
                found = self._with_containers(item, replace(found, causes=[]), nextitem)
        if self._is_cleared(found):
            if found.windows and only_dead_gather(found, self._settings.thresholds):
                self.known.add(Dropped(fingerprints(found.causes), name))
            self._write_causes(name, found.causes)
            return found
        found = found if wide else self._with_release(item, name, found)
        if likeness is not None and may_be_alike:
            leaks = self._verdict(found) == "leak"
            if leaks and (alike := self._alike_to(likeness, item, nextitem)):
                self._write(AlikeRecord(nodeid=name, of=alike))
                return found
            found = self._with_containers(item, found, nextitem)
        prints = fingerprints(found.causes)
        if made_up_of(prints, self.known.traced) and self._verdict(found) != "unconfirmed":
            # Tracing says where memory was allocated: once for each cause is enough.
            self._write_causes(name, found.causes)
        else:
            found = self._with_places(item, name, found, nextitem)
            if prints and self._verdict(found) in ("leak", "held"):
                self.known.add(Traced(prints))
        self._tell(name, found, prints, likeness)
        return found

    def _dropped_by(self, found: Repeats) -> str:
        """The test that saw dropped all that gathers here; empty for none."""
        if not only_dead_gather(found, self._settings.thresholds):
            return ""
        return self.known.dropped_by(fingerprints(found.causes))

    def _tell(
        self, name: str, found: Repeats, prints: list[str], likeness: Likeness | None
    ) -> None:
        """Tell those who come after what was looked into."""
        verdict = self._verdict(found)
        if prints and verdict in ("leak", "held"):
            if found.windows:
                self.known.add(Endured(prints))
            elif len(found.steady) >= self._settings.repeats:
                self.known.add(Repeated(prints))
        if likeness is not None and verdict == "leak":
            places = sorted(self._evidence.places_of(name))
            self.known.add(Opened(name, likeness, places))

    def _alike_to(self, likeness: Likeness, item: pytest.Item, nextitem: Any) -> str:
        """The test that leaves the same open and was looked into, or nothing: another instance of
        the function, or one that opens all that stays open where a run of this test does."""
        if self._alike is None:
            self._alike = self.known.instance_like(likeness) or self._opens_like(
                self.known.tests_like(likeness), item, nextitem
            )
        return self._alike

    def _opens_like(self, others: Sequence[Opened], item: pytest.Item, nextitem: Any) -> str:
        left = self._evidence.opened_by(item, nextitem) if others else []
        for other in others:
            if left and all(not places.isdisjoint(other.places) for places in left):
                return other.nodeid
        return ""

    def _likeness(self, name: str, steady: Sequence[RepeatRecord]) -> Likeness | None:
        """What instances of one test function share that leave as many descriptors, threads and
        children open on each run; ``None`` where none stays."""
        opened = [
            (signal, usual_amount(steady, signal)) for signal in self._growing_resources(steady)
        ]
        amounts = tuple((signal, amount) for signal, amount in opened if amount is not None)
        if not amounts or len(amounts) < len(opened):
            return None
        kinds = frozenset(steady[-1].types)
        return Likeness(function_of(name), amounts, kinds)

    def _with_holders(
        self, item: pytest.Item, name: str, found: Repeats, held: Held, nextitem: Any
    ) -> Repeats:
        """Who holds what stays; growth by inexact signals gets a look at many runs first, since to
        look at all containers is O(heap): where they might acquit it, or show that few blocks add
        up."""
        kept = Growth(survivors=held.kept)
        self._write(RepeatRecord(nodeid=name, phase="kept", number=0, growth=kept))
        found = replace(found, causes=held.causes, kept=held.kept)
        exact = held.kept != 0 and grows_exactly(found.steady, self._floor.null)
        acquitted = self._is_cleared(found) and not mostly_grows(found)
        if not exact and not acquitted:
            found = self.with_net(item, name, found, nextitem)
        return found

    def _with_containers(self, item: pytest.Item, found: Repeats, nextitem: Any) -> Repeats:
        """Which containers grow, where nothing that the collector tracks is kept."""
        if not found.causes and not self._is_cleared(found):
            runs = 2 if is_quick(found.steady, self._settings) else 1
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
        opened = bool(self._growing_resources(found.steady))
        if unseen or opened:
            probe = None
            if native and unseen:
                probe = mapped_probe() if mapped else heap_probe()
            seen = self._evidence.watched(
                item, name, nextitem, opened=opened, probe=probe, python=sites
            )
            causes = causes or list(seen.causes)
        for cause in causes:
            self._write(CauseRecord(nodeid=name, cause=_with_sites(cause, sites, len(causes))))
        if native or unseen:
            self._evidence.native(item, name, nextitem)
        return replace(found, causes=causes)

    def _verdict(self, found: Repeats) -> VerdictName:
        return judge_repeats(found, self._settings.thresholds).verdict

    def _growing_resources(self, steady: Sequence[RepeatRecord]) -> list[str]:
        return [name for name in RESOURCES if grows_always(steady, self._floor.null, name, 0.0)]

    def with_net(self, item: pytest.Item, name: str, found: Repeats, nextitem: Any) -> Repeats:
        """Growth by inexact signals alone gets a look at several runs together.

        Of a test that takes a while, or whose objects are replaced, a few runs are looked at first:
        most often they clear it.
        """
        settings = self._settings
        runs = window_runs(found.steady, settings) * settings.long_windows
        sure = self._growing_resources(found.steady)
        least = settings.net_sure_repeats if sure else settings.net_repeats
        runs = max(least, min(settings.net_quick_repeats, runs))
        first = settings.thresholds.adding_runs
        duration = statistics.median(record.duration_s for record in found.steady)
        takes_a_while = runs * duration > settings.net_s
        null = self._floor.null
        replaces = found.kept == 0 and grows_always(found.steady, null, "survivors", 0.0)
        in_stages = first < runs and (takes_a_while or replaces)
        stages = [first, runs] if in_stages else [runs]
        for stage in stages:
            net = self._runs.together(item, name, "net", stage, nextitem)
            found = replace(
                found,
                net=net.growth,
                net_runs=stage,
                null_net=self._floor.net,
                null_net_runs=self._floor.net_runs,
            )
            if self._is_cleared(found):
                break
        self._write(net)
        return found

    def _write_causes(self, name: str, causes: Sequence[Cause]) -> None:
        for cause in causes:
            self._write(CauseRecord(nodeid=name, cause=cause))

    def endure(
        self, item: pytest.Item, name: str, found: Repeats, nextitem: Any
    ) -> list[RepeatRecord]:
        """Many more runs of a quick test that looks like a leak: does the growth go on?

        A limit that is stated has to be kept, too; and a cache with a limit may hide what else
        grows until it is full.
        """
        settings = self._settings
        doubtful = any(cause.limit for cause in found.causes) or may_hide_growth(found, settings)
        if not doubtful and self._verdict(found) not in ("leak", "unconfirmed"):
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
        runs = settings.traced_quick_runs if is_quick(found.steady, settings) else 1
        # Where a holder is known, a trace tells where it was filled and decides nothing.
        seconds = settings.traced_held_s if found.causes else settings.traced_s
        few = not found.causes and few_blocks_add_up(found, settings.thresholds)
        least = settings.thresholds.traced_runs_tell if few else 2
        sure = found.causes and grows_exactly(found.steady, self._floor.null)
        traced: list[RepeatRecord] = []
        for _ in range(1 if sure else settings.traced_repeats):
            seen = self._evidence.traced(
                item, name, "traced", runs, nextitem, least=least, seconds=seconds
            )
            if seen is None:
                continue
            sites = [s for s in seen.sites if (s.file, s.line) not in self._floor.sites]
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

    def _with_release(self, item: pytest.Item, name: str, found: Repeats) -> Repeats:
        """Repeat with every fixture but the session's ended each time: does it still grow?"""
        if not uses_wider_fixtures(item):
            return found
        settings = self._settings
        self._tape.rewind()
        # The first one ends the fixtures that the steady repeats set up.
        for number in range(1 + settings.release_repeats):
            self._release_once(item, name, number)
        net = None
        if only_blocks_grow(found, settings.thresholds):
            runs = min(settings.net_quick_repeats, int(settings.long_s / self._release_s()))
            runs = max(settings.net_repeats, runs)
            net = self._runs.together(item, name, "release-net", runs, item.session)
            self._write(net)
        # No record may be alive when another repeat begins: on the tape they cost nothing.
        elif release_is_unclear(
            replace(found, release=self._tape.records()[1:]), settings.thresholds
        ):
            self._release_once(item, name, 1 + settings.release_repeats)
        found = replace(found, release=self._tape.records()[1:], release_net=net)
        for record in found.release:
            self._write(record)
        return found

    def _release_s(self) -> float:
        """How long a run takes of those on the tape that set up wider fixtures."""
        return max(1e-6, statistics.median(r.duration_s for r in self._tape.records()[1:]))

    def _release_once(self, item: pytest.Item, name: str, number: int) -> None:
        self._tape.append(self._runs.repeat(item, name, "release", number, item.session))


def _with_sites(cause: Cause, sites: list[Any], among: int) -> Cause:
    """Where the growth was allocated belongs to a cause only when there is one, and none has sites
    of its own."""
    return msgspec.structs.replace(cause, sites=sites) if among == 1 and not cause.sites else cause
