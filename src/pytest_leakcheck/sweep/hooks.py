"""The sweep: pytest's hooks around every test of this process, each a call into the accounts."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_leakcheck.model.causes import Traced
from pytest_leakcheck.model.journal_lines import EventRecord
from pytest_leakcheck.model.signals import Outcome
from pytest_leakcheck.store.journal import HARNESS_FAILED, Journal
from pytest_leakcheck.sweep.accounts import Accounts
from pytest_leakcheck.sweep.boundary import Boundary
from pytest_leakcheck.sweep.forks import in_forked_child, watch_forks
from pytest_leakcheck.sweep.ownership import MEMRAY_MARKS, has_pytest_memray
from pytest_leakcheck.sweep.signals import Probes

if TYPE_CHECKING:
    from pytest_leakcheck.model.settings import Settings
    from pytest_leakcheck.native.allocations import FullTrace

_clock = time.perf_counter


class Sweep:
    """Measures every test that this process runs.

    A failure of the harness itself ends the measuring, never the suite: it is kept in
    :attr:`failure` and written to the journal.
    """

    def __init__(self, folder: Path, worker: str, settings: Settings, root: Path) -> None:
        self.failure: str | None = None
        self.journal = Journal(folder, worker)
        self.probes = Probes()
        self.boundary = Boundary()
        self._accounts = Accounts(self.journal, self.probes, self.boundary)
        self._outcome: Outcome = "passed"
        self._open = False
        self._ambiguous: set[str] = set()
        self._full: FullTrace | None = None
        if settings.depth == "full":
            from pytest_leakcheck.native.allocations import FullTrace

            self._full = FullTrace(folder / "captures", settings.traceback_frames, str(root))

    # --- the run -------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Spare automatic collections the heap that there is before the tests are imported."""
        self._guarded(self.boundary.hide)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn which node ids stand for several tests."""
        self._guarded(self._find_ambiguous, session)

    def _find_ambiguous(self, session: pytest.Session) -> None:
        """Files outside the root folder are not named in their tests' ids. O(tests)."""
        first: dict[str, Path] = {}
        for item in session.items:
            if first.setdefault(item.nodeid, item.path) != item.path:
                self._ambiguous.add(item.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Open the accounts before the first test, close them after the last."""
        watch_forks()
        self._guarded(self._accounts.open)
        self._open = self.failure is None
        try:
            return (yield)
        finally:
            if self._measuring():
                self._guarded(self._accounts.close)
            self._open = False
            self.journal.close()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Give the heap back to the collector, as late as can be: once it has it, the next
        automatic collection goes over all of it."""
        self.boundary.stop()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """One test's account: set-up, call and teardown, of wider fixtures too."""
        if not self._measuring():
            return (yield)
        self._outcome = "passed"
        self._begin(item)
        start = _clock()
        try:
            return (yield)
        except BaseException:
            # Ctrl-C, or an error of a plugin's: tests themselves end in reports.
            self._accounts.note("interrupted")
            raise
        finally:
            if self._measuring():
                self._end(item, nextitem, _clock() - start)

    # These two are called and guarded without an object made for the call, which would be among
    # the survivors that they look at.

    def _begin(self, item: pytest.Item) -> None:
        try:
            self._accounts.begin_test(item.nodeid)
            if self._full is not None:
                from pytest_leakcheck.native.allocations import capture_name

                self._full.start(capture_name(item.nodeid), others_tracker(item))
        except Exception as error:  # noqa: BLE001 - whatever it is, the suite goes on
            self._give_up(error)

    def _end(self, item: pytest.Item, nextitem: pytest.Item | None, duration_s: float) -> None:
        try:
            self._close(item, nextitem, duration_s)
        except Exception as error:  # noqa: BLE001
            self._give_up(error)

    def _close(self, item: pytest.Item, nextitem: pytest.Item | None, duration_s: float) -> None:
        if self._outcome in ("failed", "xfailed", "error"):
            _drop_last_exception()
        if item.nodeid in self._ambiguous:
            self._accounts.note("same-id")
        traced = self._traced() if self._full is not None else None
        begins = ""
        if nextitem is not None and not (item.session.shouldstop or item.session.shouldfail):
            begins = nextitem.nodeid
        self._accounts.close_test(item, self._outcome, duration_s, traced, begins)
        # After the last test the accounts are closed, and the debt with them.
        if nextitem is not None:
            self._accounts.pay_debt(module_ended=nextitem.path != item.path)

    def _traced(self) -> Traced:
        assert self._full is not None
        seen, capture, refused = self._full.stop()
        left, peak, sites = seen or (None, None, [])
        return Traced(
            python_bytes=left,
            python_peak_bytes=peak,
            sites=sites,
            capture=None if capture is None else f"captures/{capture.name}",
            refused=refused,
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self,
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember how the test ended."""
        report = yield
        if hasattr(report, "wasxfail"):
            self._outcome = "xfailed" if report.skipped else "xpassed"
        elif report.failed:
            self._outcome = "failed" if report.when == "call" else "error"
        elif report.skipped:
            self._outcome = "skipped"
        return report

    # --- wider fixtures ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        """Charge the set-up of a wider fixture to the fixture."""
        if fixturedef.scope == "function" or not self._measuring():
            return (yield)
        self._guarded(self._accounts.fixture_begins)
        try:
            return (yield)
        finally:
            if self._measuring():
                self._guarded(self._fixture_ends, fixturedef)

    def _fixture_ends(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        key = id(fixturedef)
        where = fixturedef.baseid or "."
        self._accounts.fixture_ends(key, fixturedef.argname, fixturedef.scope, where)
        # Registered last, so it runs first: before the fixture's own finalisers.
        fixturedef.addfinalizer(partial(self._finalising, key))

    def _finalising(self, key: int) -> None:
        if self._measuring():
            self._guarded(self._accounts.fixture_finalising, key)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Credit a wider fixture with what its finalisers gave back."""
        if fixturedef.scope != "function" and self._measuring():
            self._guarded(self._accounts.fixture_finalised, id(fixturedef))

    # --- failing safe --------------------------------------------------------------------------

    def _measuring(self) -> bool:
        return self._open and self.failure is None and not in_forked_child()

    def _guarded(self, call: Any, *args: Any) -> None:
        """Call into the harness; an error there ends the measuring, not the suite."""
        try:
            call(*args)
        except Exception as error:  # noqa: BLE001
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.failure = (
            f"Measuring stopped: {type(error).__name__}: {error}. The tests ran on; please "
            "report this."
        )
        self.journal.append(EventRecord(slug=HARNESS_FAILED, sentence=self.failure))
        with suppress(Exception):
            self.boundary.stop()
        with suppress(Exception):
            if self._full is not None:
                self._full.stop()


def others_tracker(item: pytest.Item) -> str | None:
    """Who else will open a memray tracker for this item, in one sentence; ``None`` for nobody.

    One tracker may exist in a process, and the second one to be opened fails: ours steps aside.
    """
    config = item.config
    if has_pytest_memray(config):
        if config.getoption("memray", default=False) or config.getini("memray"):
            return "pytest-memray has this test's memray tracker (--memray)"
        for mark in MEMRAY_MARKS:
            if item.get_closest_marker(mark):
                return f"pytest-memray has this test's memray tracker ({mark})"
    module = getattr(item, "module", None)
    if module is not None and "memray" in vars(module):
        return "the test's own module uses memray, so its tracker is left to it"
    return None


def _drop_last_exception() -> None:
    """Let go of the failed test's frames, which pytest would keep until the next test runs."""
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        sys.__dict__.pop(name, None)
