"""Answers against the truth: pure functions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from pytest_leakcheck.explain.catalogue import fits

from .cases import Case, Side, amount_of
from .instances import CASE_FILE
from .tools import Answer, Outcome

#: Growth is right within this share of the truth.
TOLERANCE = 0.10

Truth = Literal["leaks", "innocent", "neutral"]

_INNOCENT = ("clean", "settles", "late", "held")
_FIXTURE = re.compile(r"::(\w+) \[\w+ fixture\]$")


class Scored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One test's answer against its truth. ``None``: not asked."""

    nodeid: str
    truth: Truth
    accused: bool
    right: bool
    """Accused exactly where it leaks; ours: one of the accepted verdicts."""
    verdict: str = ""
    size: int | None = None
    growth: bool | None = None
    """Whether every signal with a known truth is within the tolerance."""
    growth_told: str = ""
    holder: bool | None = None
    named: list[str] = []
    fingerprints: list[str] = []


def score(case: Case, outcome: Outcome) -> list[Scored]:
    """Every test of an outcome; a leaking test without an answer was missed."""
    side = case.leaks if outcome.side == "leaks" else case.innocent
    assert side is not None
    scored = [_score_one(side, answer, outcome) for answer in outcome.answers]
    if side.any:
        scored = [_any_of(scored, side), *(s for s in scored if s.truth != outcome.side)]
    for name in side.tests:
        if outcome.side == "leaks" and not any(_is_called(s.nodeid, name) for s in scored):
            missed = f"{CASE_FILE}::{name}"
            scored.append(
                Scored(nodeid=missed, truth="leaks", accused=False, right=False, verdict="missing")
            )
    return scored


def _is_called(nodeid: str, name: str) -> bool:
    if name.startswith("@"):
        found = _FIXTURE.search(nodeid)
        return found is not None and found[1] == name[1:]
    return (
        nodeid.partition("::")[0].endswith(CASE_FILE)
        and nodeid.partition("[")[0].rpartition("::")[2] == name
    )


def _truth_of(side: Side, nodeid: str, side_name: str) -> Truth:
    if any(_is_called(nodeid, name) for name in side.neutral):
        return "neutral"
    if any(_is_called(nodeid, name) for name in side.tests):
        return "leaks" if side_name == "leaks" else "innocent"
    return "innocent"


def _score_one(side: Side, answer: Answer, outcome: Outcome) -> Scored:
    truth = _truth_of(side, answer.nodeid, outcome.side)
    size = _size_of(side, answer.nodeid)
    right = answer.accused == (truth == "leaks")
    if answer.verdict:
        right = answer.verdict in _accepted(side, truth)
    told: dict[str, bool] = {}
    if truth == "leaks" and answer.verdict == "leak":
        told = growth_told(side, answer, size)
    return Scored(
        nodeid=answer.nodeid,
        truth=truth,
        accused=answer.accused,
        right=right or truth == "neutral",
        verdict=answer.verdict,
        size=size,
        growth=all(told.values()) if told else None,
        growth_told=", ".join(
            f"{name} {answer.growth.get(name, 0):,.0f}" for name, well in told.items() if not well
        ),
        holder=_holder_asked(side, answer) if truth == "leaks" else None,
        named=answer.named,
        fingerprints=answer.fingerprints,
    )


def _any_of(scored: Sequence[Scored], side: Side) -> Scored:
    """The instances of an intermittent leak as one: the best answer stands for all."""
    mine = [s for s in scored if s.truth == "leaks"]
    best = max(mine, key=lambda s: (s.right, s.accused), default=None)
    if best is not None:
        return best
    return Scored(nodeid=side.tests[0], truth="leaks", accused=False, right=False)


def _accepted(side: Side, truth: Truth) -> Sequence[str]:
    if truth == "leaks":
        return side.verdicts or ("leak",)
    return (side.verdicts if side.verdicts and "leak" not in side.verdicts else ()) or _INNOCENT


def _size_of(side: Side, nodeid: str) -> int | None:
    parameters = nodeid.partition("[")[2].rstrip("]").split("-")
    found = [int(p) for p in parameters if p.isdigit() and int(p) in side.sizes]
    return found[0] if found else None


def growth_told(side: Side, answer: Answer, size: int | None) -> dict[str, bool]:
    """For each signal whose truth is known: whether the answer is within the tolerance."""
    told: dict[str, bool] = {}
    for name, amount in side.per_run.items():
        wanted = amount_of(amount, size)
        seen = answer.growth.get(name)
        told[name] = seen is not None and abs(seen - wanted) <= TOLERANCE * abs(wanted)
    for name, amount in side.at_least.items():
        seen = answer.growth.get(name)
        told[name] = seen is not None and seen >= (1 - TOLERANCE) * amount_of(amount, size)
    return told


def _holder_asked(side: Side, answer: Answer) -> bool | None:
    """Of ours only, and not of an intermittent leak that stays open: no holder is looked for."""
    if not answer.verdict or (answer.verdict == "unconfirmed" and "unconfirmed" in side.verdicts):
        return None
    return holder_right(side, answer)


def holder_right(side: Side, answer: Answer) -> bool | None:
    """Whether one of the names that the answer gives fits; ``None`` where no truth is written."""
    if not side.holder:
        return None
    return any(fits(pattern, name) for pattern in side.holder for name in answer.named)


# --- sums ----------------------------------------------------------------------------------------


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """How often a tool was right, by tests."""

    found: int = 0
    missed: int = 0
    false: int = 0
    cleared: int = 0

    @property
    def precision(self) -> float | None:
        """Of what was accused, the share that leaks; None where nothing was accused."""
        accused = self.found + self.false
        return self.found / accused if accused else None

    @property
    def recall(self) -> float | None:
        """Of what leaks, the share that was accused; None where nothing leaks."""
        leaking = self.found + self.missed
        return self.found / leaking if leaking else None


def confusion(scored: Iterable[Scored]) -> Confusion:
    """Count answers; neutral tests are left out.

    An intermittent leak that is called ``unconfirmed`` where that is accepted counts as found: it
    was not passed over.
    """
    counts: dict[str, int] = defaultdict(int)
    for s in scored:
        if s.truth == "leaks":
            counts["found" if s.accused or s.right else "missed"] += 1
        elif s.truth == "innocent":
            counts["false" if s.accused else "cleared"] += 1
    return Confusion(**counts)


def best_threshold(scored: Sequence[tuple[float, bool]]) -> tuple[float, Confusion]:
    """The threshold on a rival's figure that would have been best here, knowing the truth.

    Args:
        scored: figure and whether the test leaks.

    Returns:
        The threshold with the highest F1, and what it gives.
    """
    best: tuple[float, float, Confusion] | None = None
    leaking = sum(leaks for _, leaks in scored)
    innocent = len(scored) - leaking
    ranked = sorted(scored, key=lambda pair: -pair[0])
    found = false = 0
    for at, (figure, leaks) in enumerate(ranked):
        found += leaks
        false += not leaks
        if at + 1 < len(ranked) and ranked[at + 1][0] == figure:
            continue
        f1 = 2 * found / (2 * found + false + leaking - found) if leaking else 0.0
        if best is None or f1 > best[0]:
            counted = Confusion(
                found=found, missed=leaking - found, false=false, cleared=innocent - false
            )
            best = (f1, figure, counted)
    if best is None:
        return 0.0, Confusion()
    return best[1], best[2]


def same_cause(scored: Iterable[Scored]) -> bool | None:
    """Whether all accused instances show one first fingerprint; None for fewer than two."""
    first = [s.fingerprints[0] for s in scored if s.truth == "leaks" and s.fingerprints]
    return len(set(first)) == 1 if len(first) > 1 else None
