"""Who is charged: a test, a wider fixture, pytest itself.

One :class:`Accounts` lives in each process that runs tests. A test's account runs from the close of
the account before it to the end of its own protocol, teardown included; it is closed by
:meth:`Accounts.close_test` when the hooks of the test have left the stack. What wider fixtures set
up or finalise meanwhile goes to their own accounts.
"""

from __future__ import annotations

import gc
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_leakcheck.model.causes import Traced
from pytest_leakcheck.model.journal_lines import (
    EndRecord,
    EventRecord,
    FixtureRecord,
    LedgerRecord,
    StartRecord,
    TestRecord,
)
from pytest_leakcheck.model.signals import Growth, Late, Outcome, Reading, add_growth
from pytest_leakcheck.sweep.boundary import Boundary, count_types
from pytest_leakcheck.sweep.forks import forks_so_far
from pytest_leakcheck.sweep.interpreter_caches import settle_warning_filters
from pytest_leakcheck.sweep.ledger import ZERO, Spans, Total
from pytest_leakcheck.sweep.open_tables import NewDescriptors
from pytest_leakcheck.sweep.ownership import Left, Shapes, divide, running_state, settle_log_buffers
from pytest_leakcheck.sweep.settling import Grace
from pytest_leakcheck.sweep.signals import Probes, given_back, growth

if TYPE_CHECKING:
    import pytest

    from pytest_leakcheck.store.journal import Journal

_clock = time.perf_counter
_gc_enabled = gc.isenabled
_modules = sys.modules

#: A collection of the whole heap is due at a module's end when so many objects were frozen since
#: the last one, and all such collections keep within this share of the run's time …
_DEBT_AT_MODULE_END = 5_000
_FULL_SHARE = 0.01
#: … the first one at what an object of the heap takes …
_FULL_COST_S = 4e-7
#: … and always when they exceed this share of the heap and this number.
_DEBT_SHARE, _DEBT_LEAST = 0.25, 50_000

#: So many names of what a test left open are written down.
_MOST_OPENED = 8


class Accounts:
    """The accounts of one process, open from :meth:`open` to :meth:`close`.

    Args:
        journal: where closed accounts are written.
        probes: the signals.
        boundary: the freeze boundary.
    """

    def __init__(self, journal: Journal, probes: Probes, boundary: Boundary) -> None:
        self._journal = journal
        self._probes = probes
        self._boundary = boundary
        self._first = self._base = Reading(at_s=0.0)
        self._spans = Spans()
        self._shapes = Shapes()
        self._descriptors = NewDescriptors()
        self._grace = Grace(probes.threads, probes.elapsed)
        self._heap_objects = 0
        self._index = 0
        self._fixtures: list[_OpenFixture] = []
        self._instances: dict[int, _Instance] = {}
        self._instance_count = 0
        self._charged = ZERO
        self._fixture_ids: set[int] = set()
        self._fixture_names: list[str] = []
        self._notes: list[str] = []
        self._tests, self._by_fixtures, self._by_collections = Total(), Total(), Total()
        self._pytest_survivors = 0
        self._harness_s = 0.0
        self._full_collections = 0
        self._full_s = self._full_cost_s = 0.0
        self._nodeid = self._announced = ""
        self._collected = 0
        self._forks = 0
        self._module_count = 0
        self._gc_was_on = True

    def open(self) -> None:
        """Draw the first line. O(heap), without a collection of it: pytest's own collection leaves
        a few hundred objects of garbage, which is not worth one."""
        start = _clock()
        self._heap_objects = self._boundary.start(collect=False)
        self._descriptors.look()
        self._first = self._base = self._probes.read(exact=True)
        self._close_spans(self._first)
        self._collected = self._boundary.collected
        self._full_cost_s = _FULL_COST_S * self._heap_objects
        self._harness_s += _clock() - start

    def close(self) -> None:
        """Write the ledger and the end record. The heap stays frozen: :meth:`Boundary.stop`."""
        self.pay_debt(module_ended=True)
        end = self._probes.read(exact=True)
        self._by_collections.add(growth(self._base, end, survivors=0))
        self._close_spans(end)
        self._journal.append(
            LedgerRecord(
                process=growth(self._first, end),
                tests=self._tests.growth(),
                fixtures=self._by_fixtures.growth(),
                pytest=add_growth(ZERO, Growth(survivors=self._pytest_survivors)),
                collected=self._by_collections.growth(),
                tests_run=self._index,
                full_collections=self._full_collections,
                harness_s=round(self._harness_s, 4),
            )
        )
        self._journal.append(EndRecord(tests_run=self._index, at_s=self._probes.elapsed()))

    # --- tests ---------------------------------------------------------------------------------

    def begin_test(self, nodeid: str) -> None:
        """Put on disk that a test begins, where the account before it has not done so."""
        self._nodeid = nodeid
        self._forks = forks_so_far()
        self._module_count = len(_modules)
        self._gc_was_on = _gc_enabled()
        if self._announced != nodeid:
            self._journal.append(self._start_of(nodeid, self._base))
        self._announced = ""
        # What the running hook calls hold is old from here on, and none of the test's survivors.
        self._boundary.draw()

    def _start_of(self, nodeid: str, base: Reading) -> StartRecord:
        return StartRecord(nodeid=nodeid, at_s=self._probes.elapsed(), rss_bytes=base.rss_bytes)

    def note(self, slug: str) -> None:
        """Remember something that bears on the verdict of the running test."""
        if slug not in self._notes:
            self._notes.append(slug)

    def close_test(
        self,
        item: pytest.Item,
        outcome: Outcome,
        duration_s: float,
        traced: Traced | None = None,
        next_nodeid: str = "",
    ) -> TestRecord:
        """Close the running test's account and write it. O(survivors).

        Args:
            next_nodeid: the test that begins as soon as this one has ended, if it is known. That it
                does is written together with this one's account.
        """
        start = _clock()
        settle_log_buffers(item)
        settle_warning_filters()
        self._wait()
        heap_before = self._probes.heap_before()
        found = self._boundary.collect()
        if found and self._wait(collected=True):
            self._boundary.collect()  # what they have let go of
        reading = self._probes.read(heap_before=None if found else heap_before)
        mine, types, of_pytest, of_fixtures = self._look(item)
        self._note_disturbances()
        unseen = self._boundary.user_froze or self._boundary.user_unfroze
        own = growth(self._base, reading, None if unseen else mine)
        if self._charged is not ZERO:
            self._spans.charge(own, self._charged)
            own = add_growth(own, self._charged, -1)
        collected = self._boundary.collected
        record = TestRecord(
            nodeid=self._nodeid,
            index=self._index,
            outcome=outcome,
            duration_s=round(duration_s, 6),
            reading=reading,
            growth=own,
            types=types,
            opened=self._opened(reading, own),
            pytest_survivors=of_pytest,
            fixture_survivors=of_fixtures,
            modules=_new_packages(self._module_count),
            module_count=max(0, len(_modules) - self._module_count),
            late=Late(
                objects=collected - self._collected,
                heap_bytes=given_back(heap_before, reading.heap_bytes),
            ),
            peak_growth_bytes=_over(reading.peak_bytes, self._base.rss_bytes),
            fixtures=self._fixture_names,
            notes=self._notes,
            traced=traced,
        )
        if next_nodeid:
            self._journal.append(record, self._start_of(next_nodeid, reading))
        else:
            self._journal.append(record)
        self._announced = next_nodeid
        self._tests.add(own)
        self._pytest_survivors += of_pytest
        self._collected = collected
        self._boundary.debt += mine + of_pytest + of_fixtures
        self._index += 1
        self._close_spans(reading)
        self._begin_anew(reading)
        self._harness_s += _clock() - start
        return record

    def _wait(self, *, collected: bool = False) -> bool:
        """Give threads a moment to end that were not there before the test, and are not wider
        fixtures'; whether one has."""
        usual = self._base.threads
        if usual is not None:
            usual += self._charged.threads or 0
        return self._grace.wait(usual, collected=collected)

    def _opened(self, reading: Reading, own: Growth) -> list[str]:
        """What the test left open, by name, where no wider fixture opened or closed anything."""
        if reading.fds == self._base.fds:
            return []
        new = self._descriptors.look()
        return new[:_MOST_OPENED] if (own.fds or 0) > 0 and not self._charged.fds else []

    def _look(self, item: pytest.Item) -> tuple[int, dict[str, int], int, int]:
        """Whose survivors there are: the test's, with their types, pytest's, wider fixtures'.

        O(survivors). Holds no survivor after its return.
        """
        survivors = self._boundary.survivors()
        if self._fixture_ids:
            left = self._divide(survivors, item)
            return len(left.mine), count_types(left.mine), left.pytest, left.fixtures
        division = self._shapes.divide(survivors, item, self._boundary.mark, self._divide)
        types = msgspec.json.decode(division.types) if division.types else {}
        return division.mine, types, division.pytest, 0

    def _divide(self, survivors: list[object], item: pytest.Item) -> Left:
        stack = running_state(2)
        harness = [self, self.__dict__, self._instances, self._boundary.mark, stack]
        return divide(survivors, item, self._fixture_ids, harness, stack)

    def pay_debt(self, *, module_ended: bool) -> None:
        """Collect the whole heap when enough was frozen since the last time. O(heap), seldom."""
        debt = self._boundary.debt
        if debt > max(_DEBT_LEAST, _DEBT_SHARE * self._heap_objects):
            self._collect_all()
        elif module_ended and debt > _DEBT_AT_MODULE_END:
            spent = self._full_s + self._full_cost_s
            if spent <= _FULL_SHARE * self._probes.elapsed():
                self._collect_all()

    def _collect_all(self) -> None:
        start = _clock()
        if None in (self._base.heap_bytes, self._base.blocks):
            # What the collection gives back is not to be set off against the tests before it.
            reading = self._probes.read(exact=True)
            self._close_spans(reading)
            self._base = reading
        self._heap_objects += self._boundary.debt
        # One pass: what its finalizers leave is found at the next one.
        self._heap_objects -= self._boundary.collect_all(most=1)
        reading = self._probes.read(exact=True)
        self._close_spans(reading)
        self._by_collections.add(growth(self._base, reading, survivors=0))
        self._full_collections += 1
        self._base = reading
        self._collected = self._boundary.collected
        self._full_cost_s = _clock() - start
        self._full_s += self._full_cost_s
        self._harness_s += self._full_cost_s

    def _close_spans(self, reading: Reading) -> None:
        """Write down the growth over several tests of what was not read after each of them."""
        for span in self._spans.close(self._base, reading, self._index, self._nodeid):
            self._tests.add(Growth(**{span.signal: span.grown}))
            self._journal.append(span)

    def _begin_anew(self, reading: Reading) -> None:
        self._base = reading
        self._charged = ZERO
        self._fixture_ids = set()
        self._fixture_names = []
        self._notes = []
        self._boundary.draw()

    def _note_disturbances(self) -> None:
        if forks_so_far() != self._forks:
            self.note("forked")
        if self._gc_was_on and not _gc_enabled():
            self.note("gc-disabled")
            self._journal.append(
                EventRecord(
                    slug="gc-disabled",
                    sentence=f"{self._nodeid} leaves the cyclic collector switched off: cyclic "
                    "garbage of the tests after it stays; switch it on again in teardown.",
                    nodeid=self._nodeid,
                )
            )
        if self._boundary.user_unfroze:
            self.note("gc-unfrozen")
        elif self._boundary.user_froze:
            self.note("gc-frozen")

    # --- wider fixtures ------------------------------------------------------------------------

    def fixture_begins(self) -> None:
        """A wider fixture's set-up begins; set-ups may nest."""
        self._fixtures.append(
            _OpenFixture(self._probes.read(peak=False, exact=True), self._boundary.young_ids())
        )

    def fixture_ends(self, key: int, name: str, scope: str, where: str) -> None:
        """The innermost set-up has ended: charge it.

        Args:
            key: tells the fixture's definition apart while it is set up.
        """
        opened = self._fixtures.pop()
        amount = growth(opened.reading, self._probes.read(peak=False, exact=True))
        exclusive = add_growth(amount, opened.nested, -1)
        self._fixture_ids |= self._boundary.young_ids() - opened.young
        self._instance_count += 1
        instance = _Instance(self._instance_count, name, scope, where)
        self._instances[key] = instance
        self._fixture_names.append(name)
        self._fixture_moved(instance, "setup", exclusive)
        if self._fixtures:
            self._fixtures[-1].nested = add_growth(self._fixtures[-1].nested, amount)

    def fixture_finalising(self, key: int) -> None:
        """The finalisers of a wider fixture are about to run."""
        instance = self._instances.get(key)
        if instance is not None:
            instance.before = self._probes.read(peak=False, exact=True)

    def fixture_finalised(self, key: int) -> None:
        """The finalisers of a wider fixture have run: credit what they gave back."""
        instance = self._instances.pop(key, None)
        if instance is not None and instance.before is not None:
            amount = growth(instance.before, self._probes.read(peak=False, exact=True))
            self._fixture_moved(instance, "finalise", amount)

    def _fixture_moved(self, instance: _Instance, phase: Any, amount: Growth) -> None:
        self._charged = add_growth(self._charged, amount)
        self._by_fixtures.add(amount)
        self._journal.append(
            FixtureRecord(
                fixture=instance.name,
                scope=instance.scope,
                where=instance.where,
                instance=instance.number,
                phase=phase,
                nodeid=self._nodeid,
                growth=amount,
            )
        )


class _OpenFixture:
    """A set-up under way."""

    __slots__ = ("nested", "reading", "young")

    def __init__(self, reading: Reading, young: set[int]) -> None:
        self.reading = reading
        self.young = young
        self.nested = ZERO


class _Instance:
    """A wider fixture that is set up."""

    __slots__ = ("before", "name", "number", "scope", "where")

    def __init__(self, number: int, name: str, scope: str, where: str) -> None:
        self.number = number
        self.name = name
        self.scope = scope
        self.where = where
        self.before: Reading | None = None


def _new_packages(before: int, most: int = 8) -> list[str]:
    """Top-level packages among the modules imported since there were ``before`` of them."""
    new = len(_modules) - before
    if new <= 0:
        return []
    names = list(islice(reversed(_modules), new))
    return sorted({name.partition(".")[0] for name in names if type(name) is str})[:most]


def _over(peak: int | None, base: int | None) -> int | None:
    return None if peak is None or base is None else max(0, peak - base)
