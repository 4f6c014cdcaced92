"""What is concluded of a run: verdicts of tests, and causes over the whole run."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import msgspec

from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import ResourceRecord
from pytest_leakcheck.model.run_info import RunInfo
from pytest_leakcheck.model.signals import Growth, Late, Outcome, Slope

VerdictName: TypeAlias = Literal[
    "clean",  # nothing stays
    "leak",  # grows on and on, seen by an exact signal or others that agree
    "settles",  # a cache, lazy import or pool: growth stops
    "held",  # a wider fixture holds it, and lets go
    "late",  # cyclic garbage only: freed by the collector, raises the peak
    "unconfirmed",  # it grew once and was not repeated, or the repeats disagree
    "not judged",  # failed, skipped, forked …: the reason says which
]
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)


class TestVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of one test."""

    __test__ = False

    nodeid: str
    verdict: VerdictName
    reason: str
    """In words, with the numbers that decided."""
    outcome: Outcome | Literal["crashed"]
    slopes: dict[str, Slope]
    """Signal (a field of Growth) → growth per run."""
    basis: Literal["repeated", "by signature", "one run"]
    """What the growth rests on."""
    like: str = ""
    """With ``by signature``: the test that was repeated in its place."""
    resembles: str = ""
    """With ``one run``: a leaking test of another function that grew like it."""
    hidden: bool = False
    """Repeats alone told: at first sight it was no candidate."""
    fingerprints: list[str] = []
    """Causes of this test, the one that carries its native growth first."""
    late: Late = Late()
    repeats: list[Growth] = []
    """Growth of each steady repeat, in order."""
    windows: dict[str, list[float]] = {}
    """Signal → growth per repeat in each soak window, less the blank test's: what ``slopes`` are
    of, where there was a soak."""


class CauseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One cause over the whole run."""

    cause: Cause
    """Of its best witness."""
    witnesses: list[str]
    """Node ids of the tests that show it, the one that the slopes are of first."""
    slopes: dict[str, Slope]
    """Growth per run that moves with it, of the best witness."""
    total: dict[str, float]
    """Signal → growth over one run of all its witnesses."""
    opened: list[ResourceRecord] = []
    """What a witness opens and leaves open; where this cause carries its growth."""
    shared: int = 0
    """Objects that stay after each run of the best witness, and none of its causes keeps alone."""
    unexplained: dict[str, float] = {}
    """Signal → what stays after each run of the best witness and none of its causes accounts
    for."""


class JudgedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its verdicts: what tables, gates and pages are made from."""

    info: RunInfo
    tests: list[TestVerdict]
    """Sorted by node id."""
    causes: list[CauseSummary]
    """Worst first."""
