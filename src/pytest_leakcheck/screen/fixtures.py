"""Which wider fixtures may leak: those that kept a part of what their set-up took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_leakcheck.model.journal_lines import FixtureRecord
from pytest_leakcheck.model.settings import Thresholds
from pytest_leakcheck.model.signals import Growth, add_growth


@dataclass(frozen=True, slots=True)
class FixtureCandidate:
    """A wider fixture that did not give back what its set-up took."""

    fixture: str
    scope: str
    where: str
    nodeid: str
    """A test that sets it up."""
    balance: Growth

    @property
    def name(self) -> str:
        """What stands for the fixture where a test's node id would stand."""
        return f"{self.where}::{self.fixture} [{self.scope} fixture]"


def find_fixture_candidates(
    fixtures: Iterable[FixtureRecord], limits: Thresholds
) -> list[FixtureCandidate]:
    """Wider fixtures that were finalised and kept a part of what their set-up took.

    Session fixtures live as long as the run and are left out.
    """
    setups: dict[int, FixtureRecord] = {}
    found: dict[tuple[str, str], FixtureCandidate] = {}
    for record in fixtures:
        if record.scope == "session":
            continue
        if record.phase == "setup":
            setups[record.instance] = record
            continue
        begun = setups.pop(record.instance, None)
        if begun is None:
            continue
        balance = add_growth(begun.growth, record.growth)
        key = (record.where, record.fixture)
        if key not in found and _kept(balance, limits):
            found[key] = FixtureCandidate(
                fixture=record.fixture,
                scope=record.scope,
                where=record.where,
                nodeid=begun.nodeid,
                balance=balance,
            )
    return list(found.values())


def fixture_candidates(
    workers: Iterable[Iterable[FixtureRecord]], limits: Thresholds
) -> dict[str, FixtureCandidate]:
    """Those of all workers, by the name of the fixture."""
    return {s.name: s for records in workers for s in find_fixture_candidates(records, limits)}


def _kept(balance: Growth, limits: Thresholds) -> bool:
    if any((count or 0) > 0 for count in (balance.fds, balance.threads, balance.children)):
        return True
    return (balance.heap_bytes or 0) > 16 * limits.candidate_heap_bytes
