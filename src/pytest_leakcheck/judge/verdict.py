"""The rule: evidence → verdict, with its reason in words. Pure: the same evidence has the same
verdict.

A leak is growth that goes on, beyond what the blank test leaves and what nuisances explain, seen by
an exact signal (objects, descriptors, threads, children) or by others that agree. RSS never decides
anything alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pytest_leakcheck.judge.evidence import Evidence, NotAsked
from pytest_leakcheck.judge.ledger import (
    JUDGED,
    Account,
    rises_always,
    soak_stretches,
    steady_stretches,
    window_stretches,
)
from pytest_leakcheck.judge.nuisances import nuisances_of
from pytest_leakcheck.judge.protocol import State, deciding_question, state_of
from pytest_leakcheck.judge.series import Stretch, lasting_end, rate
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.results import VerdictName
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth, Late, Slope

#: The words for every signal that a reason may name.
WORDS = {
    "survivors": "objects",
    "fds": "file descriptors",
    "threads": "threads",
    "children": "child processes",
    "blocks": "Python blocks",
    "heap_bytes": "bytes of C heap",
    "python_bytes": "bytes of Python memory",
    "mapped_bytes": "bytes of address space",
}

#: What each question would tell, where it was not asked.
_UNASKED = {
    "repeats": "more repeats would tell",
    "holders": "it was not asked who holds it",
    "soak": "it was not seen whether that goes on over many repeats",
    "containers": "it was not asked which containers grow",
    "release": "it was not seen whether its wider fixtures let it go",
    "trace": "it was not traced where it is allocated",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on."""

    verdict: VerdictName
    reason: str
    slopes: dict[str, Slope]
    """Growth per repeat of each signal that was seen, less the blank test's."""
    windows: dict[str, list[float]] = field(default_factory=dict)
    """The same in each soak window, of which ``slopes`` are made where there are some."""


def judge(evidence: Evidence, settings: Settings) -> Judgement:
    """The verdict on a test."""
    judgement = _judge(evidence, settings)
    windows = {
        name: [window.rate for window in soak_stretches(name, evidence, settings.policy)]
        for name in judgement.slopes
        if name not in ("python_bytes", "rss_bytes")
    }
    return replace(judgement, windows={name: rates for name, rates in windows.items() if rates})


def _judge(evidence: Evidence, settings: Settings) -> Judgement:
    slopes = told_slopes(evidence, settings)
    bad = [record for record in evidence.steady if record.outcome != "passed"]
    if bad:
        why = f"it does not pass when it runs again ({bad[0].outcome})"
        return Judgement("not judged", why, slopes)
    if not evidence.steady:
        return Judgement("unconfirmed", "it was not repeated", slopes)
    state = state_of(evidence, settings)
    missing = deciding_question(evidence, settings)
    if missing is not None and (state.live or missing != "repeats"):
        grown = _growth_words(state, state.live) if state.live else _why_none(state)
        why = f"{grown}; {_UNASKED[missing]}"
        return Judgement("unconfirmed", why, slopes)
    if state.is_enough:
        return _leak_or_held(state, slopes)
    if state.live:
        return _undecided(state, slopes)
    return _nothing_stays(state, slopes)


def cut_off(judgement: Judgement) -> Judgement:
    """A judgement on repeats that ended before all was heard: it neither accuses nor acquits."""
    if judgement.verdict in ("not judged", "unconfirmed"):
        return judgement
    return Judgement(
        "unconfirmed",
        f"its repeats were cut off; until then: {judgement.reason}",
        judgement.slopes,
    )


def _leak_or_held(state: State, slopes: dict[str, Slope]) -> Judgement:
    words = _growth_words(state, state.grows)
    if _is_released(state):
        return Judgement("held", f"{words}; released when its wider fixtures ended", slopes)
    return Judgement("leak", words, slopes)


def _undecided(state: State, slopes: dict[str, Slope]) -> Judgement:
    """Growth that all questions left open."""
    words = _growth_words(state, state.live)
    if state.grows:
        return Judgement("unconfirmed", f"{words}, and no second signal agrees", slopes)
    ends = {_ending(state.accounts[name]) for name in state.open}
    if "" not in ends:
        return Judgement("settles", f"{words}; {ends.pop()}", slopes)
    return Judgement("unconfirmed", f"{words}; whether that goes on is not clear", slopes)


def _ending(account: Account) -> str:
    """In words, that growth comes to an end, where the windows of a soak show that; else empty."""
    rates = [window.rate for window in account.whole]
    if len(rates) >= 2 and rates[-1] < 0.5 * max(rates):
        gone = -sum(min(0.0, window.grown) for window in account.whole)
        came = sum(max(0.0, window.grown) for window in account.whole)
        return "what came went again" if gone >= 0.5 * came else "it grows less and less"
    if not rates and len(lasting_end(account.steady)) < len(account.steady):
        return "it grows less and less"
    return ""


def _nothing_stays(state: State, slopes: dict[str, Slope]) -> Judgement:
    evidence = state.evidence
    late = median_late(evidence.steady)
    if (late.heap_bytes or 0) >= state.settings.policy.late_bytes:
        why = f"{late.objects} objects wait for the cyclic collector after each run; nothing stays"
        return Judgement("late", why, slopes)
    return Judgement("settles", _why_none(state), slopes)


def _why_none(state: State) -> str:
    """Why what was measured is no growth."""
    evidence, policy = state.evidence, state.settings.policy
    found = nuisances_of(evidence.causes, policy, evidence.soaked)
    if found and len(found) == len(evidence.causes):
        return found[0].nuisance.words(found[0].cause)
    rising = [n for n in state.accounts if rises_always(n, evidence, policy)]
    if "survivors" in rising and evidence.kept == 0:
        typical = statistics.median(r.growth.survivors or 0 for r in evidence.steady)
        return f"{typical:,.0f} objects are replaced on each run"
    repeats = len(evidence.counted)
    more = evidence.soaked
    if evidence.soak:
        return f"what grew in {repeats} repeats did not go on over {more} further repeats"
    return f"no growth in {repeats} repeats"


def never_grew(evidence: Evidence, settings: Settings) -> bool:
    """Whether no signal grew on any repeat, beyond what the blank test leaves; blocks and address
    space, which have noise, not on all."""
    for name in JUDGED:
        series = steady_stretches(name, evidence, settings.policy) or []
        rising = sum(stretch.rises for stretch in series)
        noisy = name in ("blocks", "mapped_bytes")
        if rising and (not noisy or rising == len(series)):
            return False
    return True


def _is_released(state: State) -> bool:
    """Whether the growth is gone where wider fixtures end after each repeat."""
    evidence, policy = state.evidence, state.settings.policy
    if isinstance(evidence.release, NotAsked) or not evidence.release:
        return False
    told = False
    for name in state.grows:
        windows = window_stretches(name, evidence.release, evidence, policy)
        grown = state.accounts[name].rate.per_run
        # What one set-up leaves for the first time is not what each leaves.
        least = min(windows, key=lambda window: window.rate, default=None)
        if least is None or grown * least.repeats <= least.noise:
            continue  # too little to tell
        told = True
        if least.grown > (1 - policy.released_share) * grown * least.repeats + least.noise:
            return False
    return told


# --- figures and words ---------------------------------------------------------------------------


def told_slopes(evidence: Evidence, settings: Settings) -> dict[str, Slope]:
    """Growth per repeat of each signal that was seen, less the blank test's, as it was measured:
    what nuisances explain is in it."""
    slopes: dict[str, Slope] = {}
    for name in Growth.__struct_fields__:
        series = _told_series(name, evidence, settings)
        if series:
            slopes[name] = rate(lasting_end(series) if series[-1].rises else series)
    return slopes


def _told_series(name: str, evidence: Evidence, settings: Settings) -> Sequence[Stretch]:
    policy = settings.policy
    if name == "python_bytes":
        return _traced(evidence)
    if name != "rss_bytes" and evidence.soak:
        windows = soak_stretches(name, evidence, policy)
        if windows:
            return windows
    return steady_stretches(name, evidence, policy) or ()


def _traced(evidence: Evidence) -> list[Stretch]:
    if isinstance(evidence.traces, NotAsked):
        return []
    blank = max(0, evidence.blank.growth.python_bytes or 0)
    left = [record.growth.python_bytes for record in evidence.traces]
    seen = [Stretch(value - blank, 1, 0.0) for value in left if value is not None]
    if len(seen) > 1 and all(record.number > 1 for record in evidence.traces):
        # A container's own table grows now and then: the trace without that tells.
        return [min(seen)]
    return seen


def _growth_words(state: State, signals: Sequence[str]) -> str:
    """``grew on 6 of 6 repeats and over 460 more: +2 objects, +4 Python blocks per run``."""
    steady = state.evidence.counted
    grown = max((sum(s.rises for s in state.accounts[name].steady) for name in signals), default=0)
    more = state.evidence.soaked
    over = f" and over {more:,} more" if more else ""
    return f"grew on {grown} of {len(steady)} repeats{over}: {_amounts(state, signals)}"


def _amounts(state: State, signals: Sequence[str]) -> str:
    parts = []
    for name in signals:
        value = state.accounts[name].rate.per_run
        plain = float(value).is_integer() or abs(value) >= 100
        parts.append(f"{value:+,.0f} {WORDS[name]}" if plain else f"{value:+,.1f} {WORDS[name]}")
    return ", ".join(parts) + " per run"


def median_late(steady: Sequence[RepeatRecord]) -> Late:
    """The late garbage of a typical repeat."""
    if not steady:
        return Late()
    heap = [r.late.heap_bytes for r in steady if r.late.heap_bytes is not None]
    return Late(
        objects=round(statistics.median(r.late.objects for r in steady)),
        heap_bytes=round(statistics.median(heap)) if heap else None,
    )
