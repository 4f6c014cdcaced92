"""Causes that were looked into once: a second test that shows them needs no second look.

Holds over all confirming processes of a run. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pytest_leakcheck.journal import Run
    from pytest_leakcheck.records import Cause, TestVerdict


class LookedInto(msgspec.Struct, kw_only=True):
    """Groups of fingerprints: what one test showed together."""

    endured: list[list[str]] = []
    """Their growth went on over many more runs."""
    traced: list[list[str]] = []
    """It is known where they were allocated."""


def fingerprints(causes: Iterable[Cause]) -> list[str]:
    """Those of some causes, in an order that does not depend on theirs."""
    return sorted({cause.fingerprint for cause in causes})


def made_up_of(prints: Sequence[str], groups: Iterable[Sequence[str]]) -> bool:
    """Whether groups that hold nothing else hold all of these causes together; never of none."""
    mine = set(prints)
    return bool(mine) and mine == set().union(*(set(g) for g in groups if mine.issuperset(g)))


def goes_on(causes: Sequence[Cause], endured: Sequence[Sequence[str]]) -> bool:
    """Whether it is known of all these causes that their growth does not end: by nature, or since
    it went on over many runs of another test."""
    endless = [[cause.fingerprint] for cause in causes if cause.endless]
    return made_up_of(fingerprints(causes), [*endured, *endless])


def looked_into(run: Run, tests: Iterable[TestVerdict]) -> LookedInto:
    """What the repeated tests of a run that leak, or would but for a wider fixture, have told."""
    found = LookedInto()
    for test in tests:
        if test.verdict not in ("leak", "held") or test.basis != "repeated":
            continue
        prints = fingerprints(record.cause for record in run.causes.get(test.nodeid, []))
        phases = {record.phase for record in run.repeats.get(test.nodeid, [])}
        for groups, phase in ((found.endured, "long"), (found.traced, "traced")):
            if prints and phase in phases and prints not in groups:
                groups.append(prints)
    return found
