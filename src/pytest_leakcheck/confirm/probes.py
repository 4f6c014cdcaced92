"""Evidence on a candidate that grows: who holds it, where it was allocated, what waits as garbage.

Loading the explaining room costs 50 ms, in the process that repeats candidates only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from pytest_leakcheck.confirm.repeats import LeftIds

# All at once, before the first repeat: a module that appears between two runs changes what code
# does that looks through sys.modules (hypothesis reads the constants of new ones).
from pytest_leakcheck.explain.catalogue import Known, entries
from pytest_leakcheck.explain.causes import explain_survivors, watch_containers
from pytest_leakcheck.explain.cycles import describe_garbage
from pytest_leakcheck.judge.evidence import Held
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import (
    CaptureRecord,
    CycleRecord,
    EventRecord,
    JournalRecord,
    Phase,
    RepeatRecord,
    WatchRecord,
)
from pytest_leakcheck.model.signals import Growth, Outcome
from pytest_leakcheck.native.allocations import PythonTrace, capture_name, memray_capture
from pytest_leakcheck.native.causes import HELD_FROM_C
from pytest_leakcheck.native.compiled import plugin_packages
from pytest_leakcheck.resources.opened import (
    AGREE,
    OpenedAt,
    agree,
    opened_at,
    places_of,
    resource_causes,
    told_by,
)
from pytest_leakcheck.resources.watch import Left, Watch, too_many_readings
from pytest_leakcheck.sweep.boundary import Boundary, alive_among
from pytest_leakcheck.sweep.environment import installed_packages
from pytest_leakcheck.sweep.ownership import settle_log_buffers, survivors_of
from pytest_leakcheck.sweep.signals import Probe

if TYPE_CHECKING:
    from pytest_leakcheck.model.settings import Settings

_clock = time.perf_counter

Run = Callable[[pytest.Item, Any], Outcome]

#: Watched runs, at most: more than two only where one could not tell who opened something.
_MOST_WATCHED_RUNS = 4


class Told(NamedTuple):
    """What watched runs told; nothing where watching was refused."""

    causes: Sequence[Cause] = ()
    """The places that open what stays."""
    watched: WatchRecord | None = None


class Inspector:
    """Looks closer at single repeats of an item.

    Args:
        run: one run of an item, whole protocol.
        write: takes each record, in order.
        folder: the run's, for captures; None for none.
        root: the project's folder, cut from paths.
    """

    def __init__(
        self,
        settings: Settings,
        boundary: Boundary,
        run: Run,
        write: Callable[[JournalRecord], None],
        folder: Path | None,
        root: str,
    ) -> None:
        self._settings = settings
        self._boundary = boundary
        self._run = run
        self._write = write
        self._folder = folder
        self._root = root
        self._places: dict[str, set[OpenedAt]] = {}
        self._known()  # reads and keeps the catalogue, with the module that reads it

    def holders(self, item: pytest.Item, nextitem: Any, left: LeftIds | None = None) -> Held:
        """Who holds what one run leaves and the next one does not replace, and how much that is.

        Args:
            left: ids of what the repeats left that have just ended, where they are known; else
                there are two more runs.
        """
        kept = self._kept_of(left or self._two_more(item, nextitem))
        count = len(kept)
        try:
            causes = explain_survivors(
                kept, ignore={id(kept)}, versions=self._versions(), known=self._known()
            )
            return Held(count, tuple(_visible_first(causes)))
        finally:
            kept.clear()
            self._boundary.draw()

    def _kept_of(self, left: LeftIds) -> list[object]:
        """What is alive of what a run left. O(heap): the heap is in the open from here on."""
        # Less what the last run left, and the harness's own that came since: they may lie where
        # what was there before is gone.
        young = set(map(id, self._boundary.survivors()))
        before_last, early = left.before_last - young, [ids - young for ids in left.early]
        wanted = before_last.union(*early)
        own = [young, before_last, early, *early, wanted, *left, *left.early, left]
        wanted.difference_update(map(id, own), [id(own)])
        self._boundary.thaw()
        alive = self._alive_of(wanted)
        kept = [thing for thing in alive if id(thing) in before_last]
        if any(early):
            # What was left last may be among the last few that are kept, and all before dropped.
            of_early = [[thing for thing in alive if id(thing) in ids] for ids in early]
            longest = max(of_early, key=len)
            # It may leave something on some repeats only, and nothing on the last but one.
            kept = min(longest, kept, key=len) if before_last else longest
        alive.clear()
        return kept

    def _alive_of(self, wanted: set[int]) -> list[object]:
        """The objects with these ids that are in use. Each pass over the heap is for those only
        that the one before has found there still: what the search itself makes meanwhile may lie
        where the others were."""
        alive = alive_among(wanted)
        for passes in (1, 2):
            wanted.intersection_update(map(id, alive))
            if not wanted:
                break
            # What a run replaced may be cycles: frozen with the run before, they are still there.
            alive.clear()
            found = self._boundary.collect(passes)
            alive = alive_among(wanted)
            if not found:
                break
        return alive

    def _two_more(self, item: pytest.Item, nextitem: Any) -> LeftIds:
        """What two more runs left."""
        first = self._ids_left(item, nextitem)
        return LeftIds(early=(), before_last=first - self._ids_left(item, nextitem))

    def _ids_left(self, item: pytest.Item, nextitem: Any) -> set[int]:
        """Ids of what one more run leaves behind."""
        self._boundary.draw()
        self._run(item, nextitem)
        settle_log_buffers(item)
        self._boundary.collect()
        return set(map(id, survivors_of(item, self._boundary, self)))

    def containers(self, item: pytest.Item, nextitem: Any, runs: int = 1) -> list[Cause]:
        """Containers that grow by values which the collector does not track.

        Args:
            runs: between two looks; with two, growth on every second run is seen on each.
        """
        self._boundary.thaw()
        watch = watch_containers()
        watch.first()
        for _ in range(3):
            for _ in range(runs):
                self._run(item, nextitem)
            self._boundary.collect()
            watch.again()
        causes = watch.grown(min_rounds=2, versions=self._versions(), known=self._known())
        self._boundary.draw()
        return [_per_run(cause, runs) for cause in causes]

    def traced(
        self,
        item: pytest.Item,
        name: str,
        phase: Phase,
        runs: int,
        nextitem: Any = None,
        *,
        least: int = 2,
        seconds: float | None = None,
    ) -> RepeatRecord | None:
        """Runs under tracemalloc: Python bytes that stay of each, and where they were allocated.

        Args:
            runs: as many as fit into the time for it …
            least: … and so many of them in any case.
            seconds: the time, where it is not the usual one.
        """
        allowed = self._settings.traced_s if seconds is None else seconds
        trace = PythonTrace(self._settings.traceback_frames, self._root)
        self._boundary.draw()
        trace.start()
        outcome: Outcome = "passed"
        done, start = 0, _clock()
        while done < min(least, runs) or (done < runs and _clock() - start < allowed):
            outcome = self._run(item, nextitem)
            done += 1
        runs = done
        self._boundary.collect()
        seen = trace.stop(runs)
        if seen is None:
            return None
        left, _, sites = seen
        return RepeatRecord(
            nodeid=name,
            phase=phase,
            number=runs,
            growth=Growth(python_bytes=left),
            sites=sites,
            outcome=outcome,
        )

    def native(self, item: pytest.Item, name: str, nextitem: Any) -> None:
        """Runs under memray with native stacks; the capture is read later, elsewhere."""
        if self._folder is None or self._settings.native_repeats < 1:
            return
        path = self._folder / "captures" / f"{capture_name(name)}.native.bin"
        runs = self._settings.native_repeats

        def run() -> None:
            for _ in range(runs):
                self._run(item, nextitem)
            self._boundary.collect()

        refused = memray_capture(path, run)
        if refused is None:
            capture = f"captures/{path.name}"
            self._write(CaptureRecord(nodeid=name, capture=capture, runs=runs))
        else:
            self._note("no-memray", name, refused)

    def watched(
        self,
        item: pytest.Item,
        name: str,
        nextitem: Any,
        *,
        opened: bool,
        probe: Probe | None,
        python: list[Any],
    ) -> Told:
        """Runs in which every call is watched: what was opened where, and by which code.

        Args:
            opened: whether something stays open: one run tells what is called, more of them agree
                on where it was opened.
            probe: the native memory that stays, where it is of interest: read around each call, if
                what stays open does not tell where the leak is.
            python: sites of the Python memory that stays, to be recorded with it.
        """
        watches: list[Watch] = []
        runs: list[list[Left]] = []
        while not _is_told(name, watches, runs, opened=opened, heap=probe is not None):
            # What stays open may tell enough; the first run tells how many readings there would be.
            reads = bool(runs) and (len(runs) >= AGREE or not any(runs))
            if probe is not None and reads and not any(watch.reads_heap for watch in watches):
                refused = too_many_readings(probe, watches[0].events)
                if refused is not None:
                    self._note("heap-not-watched", name, refused)
                    probe = None
                    continue
            watch = self._watch(item, nextitem, probe if reads else None, opened=opened)
            watches.append(watch)
            runs.append(watch.left())
            if watch.refused is not None:
                self._note("not-watched", name, watch.refused)
                return Told()
            if watch.heap_refused is not None:
                self._note("heap-not-watched", name, watch.heap_refused)
                probe = None
        resources = agree(name, runs) if opened else []
        record = told_by(name, watches, self._root, python, plugin_packages(item.config))
        self._places[name] = places_of(resources)
        for resource in resources:
            self._write(resource)
        self._write(record)
        return Told(causes=resource_causes(resources), watched=record)

    def _note(self, slug: str, name: str, sentence: str) -> None:
        self._write(EventRecord(slug=slug, sentence=sentence, nodeid=name))

    def _watch(
        self, item: pytest.Item, nextitem: Any, probe: Probe | None = None, *, opened: bool = True
    ) -> Watch:
        watch = Watch(self._root, probe, opened=opened)
        self._boundary.draw()
        watch.run(partial(self._run, item, nextitem))
        self._boundary.collect()
        return watch

    def places_of(self, name: str) -> set[OpenedAt]:
        """Where a test that was watched opens what stays open; empty for any other."""
        return self._places.get(name, set())

    def opened_by(self, item: pytest.Item, nextitem: Any) -> list[set[OpenedAt]]:
        """Of each thing that a watched run leaves open, the places where it may have been opened;
        nothing where watching was refused."""
        watch = self._watch(item, nextitem)
        left = watch.left()
        if watch.refused is not None:
            return []
        return [{opened_at(o, site) for site in o.sites} for o in left]

    def look_at_garbage(self, item: pytest.Item, name: str, nextitem: Any) -> None:
        """Name the cycles of a test whose garbage waits for the collector."""
        self._boundary.draw()
        with self._boundary.keeping_garbage() as garbage:
            self._run(item, nextitem)
            self._boundary.collect()
            told = describe_garbage(garbage())
        self._write(
            CycleRecord(
                nodeid=name,
                objects=told.objects,
                python_bytes=told.python_bytes,
                types=told.types,
                cycles=told.cycles,
            )
        )

    def _known(self) -> tuple[Known, ...]:
        return entries(tuple(self._settings.catalogue), self._root)

    def _versions(self) -> dict[str, str]:
        return installed_packages()


def _is_told(
    name: str,
    watches: Sequence[Watch],
    runs: Sequence[Sequence[Left]],
    *,
    opened: bool,
    heap: bool,
) -> bool:
    """Whether watched runs have told what they can: where what stays open was opened, or else, in
    as many, where the heap grew; what they call, the first one told."""
    if runs and not opened and not heap:
        return True
    if len(runs) < AGREE or (len(runs) < _MOST_WATCHED_RUNS and not _are_placed(name, runs)):
        return False
    read = sum(watch.reads_heap for watch in watches)
    return not heap or read >= AGREE or (opened and bool(resource_causes(agree(name, runs))))


def _are_placed(name: str, runs: Sequence[Sequence[Left]]) -> bool:
    """Whether more runs would not tell more of where anything was opened: each time one place was
    seen, or the runs agree on one."""
    each = all(len(left.sites) == 1 for run in runs for left in run)
    return each or all(record.site is not None for record in agree(name, runs))


def _per_run(cause: Cause, runs: int) -> Cause:
    """A cause whose amounts are of several runs, with those of one."""
    return msgspec.structs.replace(
        cause, per_run=cause.per_run / runs, python_bytes=round(cause.python_bytes / runs)
    )


def _visible_first(causes: list[Cause]) -> list[Cause]:
    """Where there are others, without objects that only compiled code refers to (they hang on an
    object of a C type that does not show what it holds), and without the test runner's own."""
    seen = [cause for cause in causes if cause.known != HELD_FROM_C and not cause.runner]
    return seen or causes
