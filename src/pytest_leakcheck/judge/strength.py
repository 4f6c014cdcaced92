"""Whether signals that grow are enough for a leak: an exact one, or inexact ones that agree. Pure.

Objects, descriptors, threads and children are counted, and have no noise. Blocks, C heap and
address space have: two of them have to agree, or one is even over all that was measured, or
something else supports it.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping

from pytest_leakcheck.judge.evidence import Evidence, NotAsked
from pytest_leakcheck.judge.ledger import EXACT, Account
from pytest_leakcheck.judge.nuisances import own_causes
from pytest_leakcheck.judge.series import is_even, lasting_end
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Policy

#: Even growth counts over so many soak windows …
_EVEN_WINDOWS = 4
#: … or over so many stretches, single repeats among them.
_EVEN_STRETCHES = 6
#: In a trace of so many repeats a place that left a block on each of them is believed.
TRACED_REPEATS = 5


def is_enough(
    grows: Collection[str], accounts: Mapping[str, Account], evidence: Evidence, policy: Policy
) -> bool:
    """Whether these signals together make a leak."""
    if any(name in EXACT for name in grows):
        return True
    if len(grows) >= 2:
        return True
    return any(
        is_steady(name, accounts[name]) or _is_supported(name, evidence, policy) for name in grows
    )


def is_steady(name: str, account: Account) -> bool:
    """Whether growth is the same all the time, over enough stretches to say so; of blocks, which
    the interpreter's own caches take, only where many repeats together were measured."""
    end = lasting_end(account.series)
    windows = [stretch for stretch in end if stretch.repeats > 1]
    if len(windows) >= _EVEN_WINDOWS:
        return is_even(windows)
    enough = len(end) >= _EVEN_STRETCHES and (bool(windows) or name != "blocks")
    return enough and is_even(end)


def _is_supported(name: str, evidence: Evidence, policy: Policy) -> bool:
    """Whether something of another kind tells the same."""
    if name == "blocks":
        return _is_container(evidence, policy) or _is_traced(evidence, policy)
    return name == "heap_bytes" and _rss_follows(evidence, policy)


def _is_container(evidence: Evidence, policy: Policy) -> bool:
    """Whether a container was seen to grow that is no nuisance."""
    return any(
        cause.kind == "container" for cause in own_causes(evidence.causes, policy, evidence.soaked)
    )


def _is_traced(evidence: Evidence, policy: Policy) -> bool:
    """Whether traced Python memory stayed of each trace, or one place left a block on every repeat
    in each of two traces."""
    if isinstance(evidence.traces, NotAsked) or not evidence.traces:
        return False
    blank = max(0, evidence.blank.growth.python_bytes or 0)
    left = [record.growth.python_bytes or 0 for record in evidence.traces]
    if min(left) - blank > policy.noise_python_bytes:
        return True
    return len(left) >= 2 and _one_place(evidence.traces)


def _one_place(traces: Collection[RepeatRecord]) -> bool:
    if any(record.number < TRACED_REPEATS for record in traces):
        return False
    places = [{(s.file, s.line) for s in record.sites if s.blocks >= 1} for record in traces]
    return bool(set.intersection(*places))


def _rss_follows(evidence: Evidence, policy: Policy) -> bool:
    """Whether the resident set grew with the C heap: it moves in pages and arenas."""
    heap = sum(record.growth.heap_bytes or 0 for record in evidence.steady)
    blank = max(0, statistics.fmean([evidence.blank.growth.rss_bytes or 0]))
    rss = sum((record.growth.rss_bytes or 0) - blank for record in evidence.steady)
    return rss >= max(policy.rss_least_bytes, policy.rss_support * heap)
