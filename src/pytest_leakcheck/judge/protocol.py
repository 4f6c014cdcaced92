"""Which question comes next: the cheapest one that may still change the verdict, or has to explain
it. Pure: the same evidence has the same next question.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pytest_leakcheck.judge.evidence import NOT_ASKED, Evidence, NotAsked, Question
from pytest_leakcheck.judge.ledger import (
    RESOURCES,
    Account,
    rises_always,
    steady_stretches,
    steady_trend,
    weigh,
)
from pytest_leakcheck.judge.nuisances import nuisances_of, own_causes
from pytest_leakcheck.judge.soak import next_window
from pytest_leakcheck.judge.strength import is_enough
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Policy, Settings

#: Identifier in the catalogue of what only compiled code holds.
HELD_FROM_C = "held-from-c"

#: Growth shows in a window that leaves so many times the noise.
_POWER = 3.0
#: So often repeats lie between two looks at all containers.
_LOOKS = 3


class State(NamedTuple):
    """Evidence, weighed."""

    evidence: Evidence
    settings: Settings
    accounts: Mapping[str, Account]

    @property
    def grows(self) -> list[str]:
        """Signals whose growth goes on, and is growth."""
        return [n for n, a in self.accounts.items() if a.trend == "grows" and a.rate.per_run > 0]

    @property
    def open(self) -> list[str]:
        """Signals of which more repeats would tell."""
        return [name for name, account in self.accounts.items() if account.trend == "open"]

    @property
    def live(self) -> list[str]:
        """Signals that may be a leak's."""
        return [*self.grows, *self.open]

    @property
    def is_enough(self) -> bool:
        """Whether what grows makes a leak."""
        return is_enough(self.grows, self.accounts, self.evidence, self.settings.policy)

    @property
    def is_claimed(self) -> bool:
        """Whether growth is explained by a claim whose end many repeats would see."""
        found = nuisances_of(self.evidence.causes, self.settings.policy, self.evidence.soaked)
        most = self.settings.longest_soak_repeats
        return any(not one.nuisance.certain and one.end < most for one in found)

    @property
    def window(self) -> int:
        """Repeats in the next soak window; 0 for none."""
        if "soak" in self.evidence.asked:
            return 0
        return next_window(self.evidence, self.grows, self.open, self.settings)


def state_of(evidence: Evidence, settings: Settings) -> State:
    """Evidence with its ledger."""
    accounts = weigh(evidence, settings.policy) if evidence.steady else {}
    return State(evidence, settings, accounts)


def next_question(evidence: Evidence, settings: Settings) -> Question | None:
    """What to ask next; ``None`` where nothing more would tell."""
    if any(record.outcome != "passed" for record in evidence.steady):
        return None
    state = state_of(evidence, settings)
    return next((question for question, is_due in _ORDER if is_due(state)), None)


def deciding_question(evidence: Evidence, settings: Settings) -> Question | None:
    """The next question, where its answer may change the verdict."""
    question = next_question(evidence, settings)
    if question in ("watch", "native"):
        return None
    if question == "trace" and state_of(evidence, settings).is_enough:
        return None
    return question


# --- when each question is due -------------------------------------------------------------------


def _holders_at_once(state: State) -> bool:
    """Who holds it, before there are all repeats: where objects alone come, the answer may be that
    each repeat replaces them; and a test that takes a while is spared repeats where what grows is
    known to go on."""
    evidence, settings = state.evidence, state.settings
    if len(_repeats_so_far(evidence, settings)) < settings.known_repeats:
        return False
    slow = _longest(evidence.steady) >= settings.known_s
    exact = any(name in ("survivors", *RESOURCES) for name in state.open)
    only_objects = state.live == ["survivors"] and rises_always(
        "survivors", evidence, settings.policy
    )
    return evidence.held is NOT_ASKED and bool(only_objects or (slow and exact))


def _repeats(state: State) -> bool:
    """More repeats: until some are calm, or there are enough to tell."""
    evidence, settings = state.evidence, state.settings
    if "repeats" in evidence.asked:
        return False
    steady = evidence.steady
    if not steady:
        return True
    if len(steady) >= settings.repeats:
        return False
    if evidence.kept == 0 and not state.live:
        return False
    return not _is_calm(_repeats_so_far(evidence, settings), settings.calm_repeats, state)


def _holders(state: State) -> bool:
    return bool(state.live) and _asks(state, "holders")


def _soak(state: State) -> bool:
    """Many repeats: where something is live, where an explanation is a claim that they may refute,
    or where a test that left much may do so on some repeats only."""
    evidence = state.evidence
    seldom = evidence.patient and not evidence.soak and is_quick(evidence.steady, state.settings)
    return (bool(state.live) or state.is_claimed or seldom) and state.window > 0


def _containers(state: State) -> bool:
    """Which containers grow, where nothing is known to hold what grows but what has a limit."""
    evidence = state.evidence
    own = own_causes(evidence.causes, state.settings.policy, evidence.soaked)
    looked = bool(evidence.soak) or state.window == 0
    return bool(state.live) and not own and looked and _asks(state, "containers")


def _release(state: State) -> bool:
    return bool(state.grows) and _asks(state, "release")


def _trace(state: State) -> bool:
    return bool(state.grows) and _asks(state, "trace")


def _watch(state: State) -> bool:
    """Who opened what stays open, or made what nobody is seen to hold."""
    opened = any(name in RESOURCES for name in state.grows)
    return (
        bool(state.grows)
        and (opened or is_unseen(state.evidence, state.settings.policy))
        and _asks(state, "watch")
    )


def _native(state: State) -> bool:
    due = has_native_growth(state) or is_unseen(state.evidence, state.settings.policy)
    return bool(state.grows) and due and _asks(state, "native")


#: The questions in their order, cheap ones first: each with when it is due.
_ORDER: tuple[tuple[Question, Callable[[State], bool]], ...] = (
    ("holders", _holders_at_once),
    ("repeats", _repeats),
    ("holders", _holders),
    ("containers", _containers),
    ("soak", _soak),
    ("release", _release),
    ("trace", _trace),
    ("watch", _watch),
    ("native", _native),
)


def _asks(state: State, question: Question) -> bool:
    return question not in state.evidence.asked


def is_unseen(evidence: Evidence, policy: Policy) -> bool:
    """Whether nobody in Python is known to hold what grows, nuisances aside."""
    return all(
        cause.known == HELD_FROM_C for cause in own_causes(evidence.causes, policy, evidence.soaked)
    )


def has_native_growth(state: State) -> bool:
    """Whether C heap or address space grow by clearly more than Python's own memory explains."""
    if "mapped_bytes" in state.grows:
        return True
    policy, traces = state.settings.policy, state.evidence.traces
    account = state.accounts.get("heap_bytes")
    if account is None or not account.series:
        return False
    grown = account.rate.per_run
    left = [] if isinstance(traces, NotAsked) else [r.growth.python_bytes or 0 for r in traces]
    python = statistics.median(left) if left else 0.0
    return grown - python > max(policy.native_least_bytes, policy.native_share * grown)


def container_repeats(state: State) -> int:
    """Repeats between two looks at all containers: so many that what grows on some repeats only has
    grown between each two."""
    evidence, settings = state.evidence, state.settings
    if not is_quick(evidence.steady, settings):
        return 1
    counted = ("survivors", "blocks")
    rates = [a.rate.per_run for name, a in state.accounts.items() if name in counted and a.soak]
    rate = max(rates, default=0.0)
    wanted = math.ceil(2 / rate) if 0 < rate < 1 else 2
    affordable = int(settings.soak_s / _LOOKS / max(_longest(evidence.steady), 1e-6))
    return max(2, min(wanted, affordable))


def release_window(state: State) -> int:
    """Repeats in each window in which wider fixtures end: so many that what grows would show beside
    what looking at the heap leaves; single ones of a test that takes a while."""
    evidence, settings = state.evidence, state.settings
    if not is_quick(evidence.steady, settings):
        return settings.release_repeats
    noise = [
        _POWER * settings.policy.window_noise(name) / state.accounts[name].rate.per_run
        for name in state.grows
    ]
    # The signal that shows first is enough.
    wanted = math.ceil(min(noise, default=0.0))
    return min(settings.most_release_repeats, max(settings.quick_release_repeats, wanted))


# --- how many repeats ----------------------------------------------------------------------------


def is_quick(steady: Sequence[RepeatRecord], settings: Settings) -> bool:
    """Whether no repeat took long."""
    return _longest(steady) < settings.quick_s


def _longest(steady: Sequence[RepeatRecord]) -> float:
    return max((record.duration_s for record in steady), default=0.0)


def _repeats_so_far(evidence: Evidence, settings: Settings) -> tuple[RepeatRecord, ...]:
    """The measured repeats; of a test that takes a while all but its first run: a warm-up that left
    nothing is as good as a repeat."""
    if not evidence.steady or is_quick(evidence.steady, settings):
        return evidence.steady
    return (*evidence.warmups[1:], *evidence.steady)


def _is_calm(runs: Sequence[RepeatRecord], least: int, state: State) -> bool:
    """Whether so many last runs left nothing that may go on."""
    if len(runs) < least:
        return False
    calm = Evidence(steady=tuple(runs[-least:]), blank=state.evidence.blank)
    quick = is_quick(calm.steady, state.settings)
    for name in state.accounts:
        series = steady_stretches(name, calm, state.settings.policy)
        if series is None:
            continue
        if steady_trend(name, series) != "flat":
            return False
        # A quick test goes on where anything came at all, of what is not noise.
        if quick and name != "mapped_bytes" and any(s.rises for s in series):
            return False
    return True
