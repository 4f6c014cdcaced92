"""Who is charged, from the opening of a process's accounts to its ledger."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth, Reading, add_growth
from pytest_leakcheck.store.folder import write_info
from pytest_leakcheck.store.journal import Journal
from pytest_leakcheck.store.reader import load_run
from pytest_leakcheck.sweep import accounts
from pytest_leakcheck.sweep import accounts as accounts_module
from pytest_leakcheck.sweep.accounts import Accounts
from pytest_leakcheck.sweep.boundary import Boundary
from pytest_leakcheck.sweep.environment import describe_run
from pytest_leakcheck.sweep.signals import Probes

KEPT: list[Any] = []


class Thing:
    """What a test leaves."""


class House:
    """Accounts with all that they need, in a folder."""

    def __init__(self, folder: Path, item: pytest.Item) -> None:
        self.folder = folder
        self.item = item
        self.probes = Probes(paced=False)
        self.boundary = Boundary()
        self.journal = Journal(folder, "main")
        self.accounts = Accounts(self.journal, self.probes, self.boundary)

    def close(self, next_nodeid: str = "") -> TestRecord:
        """Close the test's account."""
        return self.accounts.close_test(self.item, "passed", 0.5, next_nodeid=next_nodeid)

    def run(self) -> Run:
        """Close the process's accounts and read the run back."""
        self.accounts.close()
        self.journal.close()
        write_info(
            self.folder,
            describe_run(
                label="x",
                argv=[],
                root=self.folder,
                settings=Settings(),
                probes={},
                workers=0,
                environment={},
            ),
        )
        return load_run(self.folder)


@pytest.fixture(name="house")
def _house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Open accounts."""
    house = House(tmp_path, request.node)
    house.accounts.open()
    yield house
    house.boundary.stop()
    house.journal.close()
    house.probes.close()
    KEPT.clear()


def things(record: TestRecord) -> int:
    """How many things a test is charged with."""
    return record.types.get(f"{__name__}.Thing", 0)


def test_a_test_is_charged_with_what_it_leaves_once(house: House) -> None:
    """The next test does not pay for it again."""
    house.accounts.begin_test("t.py::a")
    KEPT.extend([Thing(), Thing()])
    assert things(house.close()) == 2
    house.accounts.begin_test("t.py::b")
    assert things(house.close()) == 0


def test_what_a_test_lets_go_is_credited(house: House) -> None:
    """Growth is signed: dropping an older megabyte counts for the test that drops it."""
    house.accounts.begin_test("t.py::a")
    KEPT.append(bytearray(2**20))
    first = house.close()
    house.accounts.begin_test("t.py::b")
    KEPT.clear()
    second = house.close()
    if first.growth.heap_bytes is None or second.growth.heap_bytes is None:
        pytest.skip("the C heap is not seen here")
    assert first.growth.heap_bytes >= 2**20
    assert second.growth.heap_bytes <= -(2**20) + 50_000


def test_late_garbage_is_counted(house: House) -> None:
    """Cycles that the collection at the boundary frees do not stay, and are told."""
    house.accounts.begin_test("t.py::a")
    for _ in range(50):
        cycle: list[object] = [Thing()]
        cycle.append(cycle)
    del cycle
    record = house.close()
    assert things(record) == 0
    assert record.late.objects >= 100


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted twice on Linux only")
def test_a_thread_on_its_way_out_is_no_thread_that_stays(house: House) -> None:
    """Nor is what it holds: the test is charged with neither, and the next one not credited."""
    house.accounts.begin_test("t.py::a")
    ends = time.monotonic() + 0.005

    def finish(things: list[Thing]) -> None:
        while time.monotonic() < ends:
            time.sleep(0.001)
        things.append(Thing())  # in a cycle, which a collection has to find
        things[0].itself = things  # type: ignore[attr-defined]

    threading.Thread(target=finish, args=([],)).start()
    record = house.close()
    assert (record.growth.threads, things(record)) == (0, 0)
    house.accounts.begin_test("t.py::b")
    assert house.close().growth.threads == 0


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted twice on Linux only")
@pytest.mark.parametrize("garbage", [False, True])
def test_what_a_thread_gives_back_is_late_where_a_collection_ended_it(
    garbage: bool, house: House
) -> None:
    """Else it is no garbage, whatever else a collection finds."""
    if house.probes.heap() is None:
        pytest.skip("the C heap is not seen")
    house.accounts.begin_test("t.py::a")
    stop = threading.Event()

    def hold() -> None:
        held = bytearray(100_000)
        stop.wait()
        time.sleep(0.003)
        held.clear()

    threading.Thread(target=hold).start()
    client = Thing()
    client.itself = client  # type: ignore[attr-defined]
    if garbage:
        weakref.finalize(client, stop.set)
    else:
        stop.set()
    del client
    record = house.close()
    assert record.growth.threads == 0
    assert record.late.objects > 0
    assert ((record.late.heap_bytes or 0) >= 100_000) is garbage


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted twice on Linux only")
def test_threads_of_wider_fixtures_are_not_waited_for(house: House) -> None:
    """They are there to stay."""
    stop = threading.Event()
    house.accounts.begin_test("t.py::a")
    house.accounts.fixture_begins()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    house.accounts.fixture_ends(1, "pool", "module", "t.py")
    try:
        record = house.close()
    finally:
        stop.set()
        thread.join()
    assert record.growth.threads == 0
    assert house.accounts._grace._spent_s == 0


def test_wider_fixtures_pay_for_their_set_up(house: House) -> None:
    """The test's own growth is without it; the finaliser is credited to the fixture."""
    accounts = house.accounts
    accounts.begin_test("t.py::a")
    accounts.fixture_begins()
    KEPT.extend(bytearray(2**20) for _ in range(3))
    accounts.fixture_ends(1, "pool", "module", "t.py")
    record = house.close()
    accounts.begin_test("t.py::b")
    accounts.fixture_finalising(1)
    KEPT.clear()
    accounts.fixture_finalised(1)
    last = house.close()
    setup, finalise = house.run().fixtures["main"]
    assert (setup.phase, setup.nodeid) == ("setup", "t.py::a")
    assert (finalise.phase, finalise.nodeid) == ("finalise", "t.py::b")
    assert setup.instance == finalise.instance
    assert record.fixtures == ["pool"]
    if setup.growth.heap_bytes is None:
        pytest.skip("the C heap is not seen here")
    assert setup.growth.heap_bytes >= 3 * 2**20
    assert finalise.growth.heap_bytes is not None
    assert finalise.growth.heap_bytes <= -3 * 2**20 + 50_000
    for own in (record, last):
        assert abs(own.growth.heap_bytes or 0) < 500_000


def test_nested_set_ups_are_charged_once(house: House) -> None:
    """A fixture that asks for another does not pay for the other."""
    accounts = house.accounts
    accounts.begin_test("t.py::a")
    accounts.fixture_begins()
    accounts.fixture_begins()
    KEPT.append(bytearray(2**20))
    accounts.fixture_ends(1, "inner", "session", ".")
    KEPT.append(bytearray(2**18))
    accounts.fixture_ends(2, "outer", "module", "t.py")
    house.close()
    inner, outer = house.run().fixtures["main"]
    if inner.growth.heap_bytes is None or outer.growth.heap_bytes is None:
        pytest.skip("the C heap is not seen here")
    assert inner.fixture == "inner"
    assert inner.growth.heap_bytes == pytest.approx(2**20, rel=0.05)
    assert outer.growth.heap_bytes == pytest.approx(2**18, rel=0.2)


def test_objects_of_wider_fixtures_are_no_survivors_of_the_test(house: House) -> None:
    """They are counted apart."""
    accounts = house.accounts
    accounts.begin_test("t.py::a")
    accounts.fixture_begins()
    KEPT.extend(Thing() for _ in range(10))
    accounts.fixture_ends(1, "pool", "module", "t.py")
    KEPT.append(Thing())
    record = house.close()
    assert record.fixture_survivors >= 10
    assert things(record) == 1


def test_the_harness_charges_nobody_with_its_own_objects(house: House) -> None:
    """What the accounts keep of a fixture is not among a test's types."""
    accounts = house.accounts
    accounts.begin_test("t.py::a")
    accounts.fixture_begins()
    accounts.fixture_ends(1, "pool", "module", "t.py")
    record = house.close()
    assert not [name for name in record.types if name.startswith("pytest_leakcheck")]


@pytest.mark.parametrize("unread", [(), (1,), (0, 1, 2)])
def test_the_ledger_balances(
    house: House, unread: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests, fixtures and full collections add up to the process's growth, to the byte, also where
    slow signals are not read at the end of each test."""
    accounts, number = house.accounts, -1
    read = house.probes.read

    def at_times(*, exact: bool = False, **words: Any) -> Reading:
        reading = read(exact=exact, **words)
        if exact or number not in unread:
            return reading
        return msgspec.structs.replace(reading, heap_bytes=None, blocks=None)

    monkeypatch.setattr(house.probes, "read", at_times)
    for number in range(4):
        accounts.begin_test(f"t.py::{number}")
        if number == 1:
            accounts.fixture_begins()
            KEPT.append(bytearray(2**19))
            accounts.fixture_ends(1, "pool", "module", "t.py")
        KEPT.append(bytearray(2**18))
        house.close()
        accounts.pay_debt(module_ended=number == 2)
    run = house.run()
    ledger = run.ledgers["main"]
    charged = Growth(heap_bytes=0, blocks=0, fds=0, threads=0)
    for account in (ledger.tests, ledger.fixtures, ledger.collected):
        charged = add_growth(charged, account)
    assert ledger.tests_run == 4
    for name in ("heap_bytes", "blocks", "fds", "threads"):
        assert getattr(charged, name) == (getattr(ledger.process, name) or 0)
    # The one that is read is told together with those before it that are not.
    heaps = [span for span in run.spans if span.signal == "heap_bytes"]
    together = {(): range(0), (1,): range(1, 3), (0, 1, 2): range(4)}[unread]
    assert [n for span in heaps for n in span.nodeids] == [f"t.py::{n}" for n in together]
    for span in heaps:
        assert span.grown == pytest.approx(len(span.nodeids) * 2**18, rel=0.2)


def test_a_collection_is_not_set_off_against_tests_that_were_not_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What old cycles give back does not hide what the tests before it left."""
    accounts = house.accounts
    old = bytearray(2**20)
    cycle: list[object] = [old]
    cycle.append(cycle)
    accounts.begin_test("t.py::old")
    house.close()
    del old, cycle
    read = house.probes.read

    def seldom(*, exact: bool = False, **words: Any) -> Reading:
        reading = read(exact=exact, **words)
        unread = {} if exact else {"heap_bytes": None, "blocks": None}
        return msgspec.structs.replace(reading, **unread)

    monkeypatch.setattr(house.probes, "read", seldom)
    for number in range(2):
        accounts.begin_test(f"t.py::{number}")
        KEPT.append([bytearray(2**18)])
        house.close()
    monkeypatch.setattr(accounts_module, "_DEBT_LEAST", 0)
    monkeypatch.setattr(accounts_module, "_DEBT_SHARE", 0.0)
    accounts.pay_debt(module_ended=False)
    run = house.run()
    (span,) = (span for span in run.spans if span.signal == "heap_bytes")
    assert span.nodeids == ("t.py::0", "t.py::1")
    assert span.grown == pytest.approx(2**19, rel=0.2)
    assert (run.ledgers["main"].collected.heap_bytes or 0) < -(2**20) * 0.8


def test_a_test_begins_on_disk_before_it_runs(house: House) -> None:
    """With the process's memory when last seen."""
    house.accounts.begin_test("t.py::a")
    assert b'"t.py::a"' in house.journal.path.read_bytes()
    house.close()
    (start,) = house.run().starts["main"]
    assert (start.rss_bytes or 0) > 2**20


def test_the_next_test_begins_on_disk_with_the_account_before_it(house: House) -> None:
    """One write for both, and once; a test that was not told before begins by itself."""
    house.accounts.begin_test("t.py::a")
    house.close(next_nodeid="t.py::b")
    lines = house.journal.path.read_bytes().splitlines()
    assert b'"t.py::a"' in lines[-2]
    assert b'"t.py::b"' in lines[-1]
    house.accounts.begin_test("t.py::b")
    assert house.journal.path.read_bytes().splitlines() == lines
    house.close(next_nodeid="t.py::c")
    house.accounts.begin_test("t.py::another")
    house.close()
    begun = [start.nodeid for start in house.run().starts["main"]]
    assert begun == ["t.py::a", "t.py::b", "t.py::c", "t.py::another"]


@pytest.mark.parametrize("cycles", [0, 1])
def test_the_heap_is_read_twice_only_where_a_collection_freed_something(
    house: House, cycles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte in a cycle is late garbage, told apart from what stays."""
    if not house.probes.heap() or sys.version_info < (3, 11):
        pytest.skip("the C heap is not seen, or free lists are in it")
    house.accounts.begin_test("t.py::settles")
    house.close()
    read, count = house.probes._heap, 0

    def counted() -> int | None:
        nonlocal count
        count += 1
        return read()

    for name in ("_heap", "_heap_before"):
        monkeypatch.setattr(house.probes, name, counted)
    house.accounts.begin_test("t.py::a")
    KEPT.append(bytearray(2**20))
    for _ in range(cycles):
        cycle: list[object] = [bytearray(2**20)]
        cycle.append(cycle)
        del cycle
    record = house.close()
    assert count == 1 + cycles
    assert record.growth.heap_bytes == pytest.approx(2**20, rel=0.1)
    assert record.late.heap_bytes == pytest.approx(cycles * 2**20, rel=0.1)


def test_disturbances_are_noted_once_and_end_with_the_test(house: House) -> None:
    """A collector switched off, frozen or unfrozen by the test."""
    house.accounts.begin_test("t.py::a")
    gc.disable()
    gc.freeze()
    first = house.close()
    gc.enable()
    house.accounts.begin_test("t.py::b")
    gc.unfreeze()
    second = house.close()
    house.accounts.begin_test("t.py::c")
    third = house.close()
    assert first.notes == ["gc-disabled", "gc-frozen"]
    assert second.notes == ["gc-unfrozen"]
    assert third.notes == []
    assert first.growth.survivors is None
    assert second.growth.survivors is None
    assert third.growth.survivors is not None


def test_imports_of_a_test_are_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages that it was the first to import."""
    from types import ModuleType

    house.accounts.begin_test("t.py::a")
    monkeypatch.setitem(sys.modules, "shop.basket", ModuleType("shop.basket"))
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    record = house.close()
    assert (record.modules, record.module_count) == (["shop"], 2)


def test_a_debt_is_paid_when_it_is_large(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old cycles are freed at a module's end, and charged to the full collection."""
    monkeypatch.setattr(accounts, "_FULL_SHARE", 1e9)  # the house is a moment old
    house.accounts.begin_test("t.py::a")
    KEPT.append([bytearray(2**20), [[] for _ in range(6000)]])
    KEPT[0].append(KEPT[0])
    house.close()
    KEPT.clear()
    house.accounts.pay_debt(module_ended=False)
    house.accounts.begin_test("t.py::b")
    house.close()
    house.accounts.pay_debt(module_ended=True)
    ledger = house.run().ledgers["main"]
    assert ledger.full_collections == 1
    if ledger.collected.heap_bytes is not None:
        assert ledger.collected.heap_bytes <= -(2**20)


def test_nothing_left_is_no_debt(house: House) -> None:
    """A suite whose tests leave little pays for no collection of the whole heap, at no end."""
    whole = gc.get_freeze_count()
    seen: list[int] = []

    def watch(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            seen.append(gc.get_freeze_count())

    house.accounts.begin_test("t.py::a")
    gc.callbacks.append(watch)
    try:
        house.close()
        ledger = house.run().ledgers["main"]
    finally:
        gc.callbacks.remove(watch)
    assert ledger.full_collections == 0
    # Each collection was of what is young: the whole heap stood frozen meanwhile.
    assert seen
    assert min(seen) >= whole
