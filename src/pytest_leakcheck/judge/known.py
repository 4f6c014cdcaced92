"""Of which causes it is known already whether they go on, and where they come from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_leakcheck.model.causes import Cause


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
