"""What changed between two runs: the rule that marks a test or a cause. Pure, over records.

A mark never rests on a number alone: *fixed* and *new* rest on two verdicts, *better* and *worse*
on two intervals that do not overlap. What was not judged on either side is *not comparable*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_leakcheck.model.journal_lines import Mark
from pytest_leakcheck.model.results import TestVerdict
from pytest_leakcheck.model.signals import BYTE_SIGNALS, Slope
from pytest_leakcheck.model.words import amount, count, plural, signal_name
from pytest_leakcheck.text.sentences import growth_words

#: Verdicts that say: nothing stays for good.
LETS_GO = frozenset({"clean", "settles", "held", "late"})

#: A change smaller than this share of the larger growth is no change.
RELATIVE = 0.10

#: Nor is one below this per run: the grain of each signal.
NOISE: Mapping[str, float] = {
    "heap_bytes": 256,
    "python_bytes": 256,
    "mapped_bytes": 4096,
    "rss_bytes": 64 * 1024,
    "blocks": 2,
    "survivors": 0.5,
    "fds": 0.25,
    "threads": 0.25,
    "children": 0.25,
}

_NOT_SEEN = "a single run does not show it"

#: The first signal here that changed decides; RSS only where no other signal of bytes is seen.
DECIDES: tuple[str, ...] = (
    "heap_bytes",
    "python_bytes",
    "survivors",
    "blocks",
    "fds",
    "threads",
    "children",
    "mapped_bytes",
    "rss_bytes",
)

#: Address space is taken in steps of up to so much, whatever grows inside it.
_TAKEN_AT_A_TIME = 1024 * 1024

#: What each mark becomes when the two runs change places.
SWAPPED: Mapping[Mark, Mark] = {
    "fixed": "new",
    "new": "fixed",
    "better": "worse",
    "worse": "better",
    "same": "same",
    "not comparable": "not comparable",
}


def mark(before: TestVerdict | None, after: TestVerdict | None) -> tuple[Mark, str]:
    """How a test changed from one run to the other, and why, in words.

    ``None`` stands for a run that does not have the test.
    """
    if before is None or after is None:
        where = "either" if before is after else "the earlier" if before is None else "the later"
        return "not comparable", f"not in {where} run"
    for side, verdict in (("earlier", before), ("later", after)):
        if not is_judged(verdict):
            return "not comparable", f"{verdict.verdict} in the {side} run: {verdict.reason}"
    return _both_judged(before, after)


def is_judged(test: TestVerdict) -> bool:
    """Whether a verdict says for certain that a test leaks or that it does not."""
    return test.verdict == "leak" or test.verdict in LETS_GO


def _both_judged(before: TestVerdict, after: TestVerdict) -> tuple[Mark, str]:
    if before.verdict == "leak" and after.verdict == "leak":
        return _both_leak(before, after)
    if "leak" in (before.verdict, after.verdict):
        return _one_leaks(before, after)
    if before.verdict == after.verdict:
        return "same", f"{after.verdict} in both runs"
    return "same", f"{before.verdict} in the earlier run, {after.verdict} in the later"


def _one_leaks(before: TestVerdict, after: TestVerdict) -> tuple[Mark, str]:
    fixed = before.verdict == "leak"
    leak, calm, which = (before, after, "later") if fixed else (after, before, "earlier")
    grows = f"by {growth_words(leak.slopes)} per run"
    if leak.hidden and calm.basis == "one run":
        reason = f"grows {grows}; {_NOT_SEEN}, and the {which} run did not repeat it"
        return "not comparable", reason
    if fixed:
        return "fixed", f"grew {grows}, now {after.verdict}"
    return "new", f"was {before.verdict}, grows {grows}"


def _both_leak(before: TestVerdict, after: TestVerdict) -> tuple[Mark, str]:
    once = [side.basis == "one run" for side in (before, after)]
    if once[0] != once[1]:
        which = "earlier" if once[0] else "later"
        return "not comparable", f"leaks in both runs, but the {which} run did not repeat it"
    marked, reason = mark_slopes(before.slopes, after.slopes)
    measured = [side.like or side.nodeid for side in (before, after)]
    if measured[0] != measured[1] and marked in ("better", "worse"):
        # Two tests of one signature leave each their own amount.
        return "not comparable", (
            f"leaks in both runs; how much was measured of {measured[0]}, then of {measured[1]}"
        )
    return marked, reason


def mark_slopes(before: Mapping[str, Slope], after: Mapping[str, Slope]) -> tuple[Mark, str]:
    """``better``, ``worse``, ``same`` or ``not comparable``, from growth per run by signal."""
    seen = [
        name
        for name in DECIDES
        if name in before
        and name in after
        and before[name].low is not None
        and after[name].low is not None
    ]
    if not seen:
        return "not comparable", "no signal was repeated in both runs"
    if not BYTE_SIGNALS.isdisjoint(set(seen) - {"rss_bytes"}) and "rss_bytes" in seen:
        seen.remove("rss_bytes")
    if "mapped_bytes" in seen and _grows_on_the_heap(before, after):
        seen.remove("mapped_bytes")
    changed = [name for name in seen if _changed(name, before[name], after[name])]
    if not changed:
        name = next((n for n in seen if after[n].per_run or before[n].per_run), seen[0])
        return "same", f"{_step(name, before, after)}: the intervals overlap or the change is small"
    first = changed[0]
    falls = after[first].per_run < before[first].per_run
    against = [
        _step(name, before, after)
        for name in changed[1:]
        if (after[name].per_run < before[name].per_run) != falls
    ]
    reason = _step(first, before, after) + (f"; but {', '.join(against)}" if against else "")
    return ("better" if falls else "worse"), reason


def _grows_on_the_heap(before: Mapping[str, Slope], after: Mapping[str, Slope]) -> bool:
    """Whether both runs grow by memory that a finer signal shows, and differ in address space by
    less than what malloc and Python take of it at a time."""
    finer = ("heap_bytes", "python_bytes")
    grows = all(
        any(name in side and side[name].per_run > 0 for name in finer) for side in (before, after)
    )
    change = after["mapped_bytes"].per_run - before["mapped_bytes"].per_run
    return grows and abs(change) < _TAKEN_AT_A_TIME


def _changed(signal: str, before: Slope, after: Slope) -> bool:
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return False
    if before.low <= after.high and after.low <= before.high:
        return False
    # What shrinks, as threads do that an earlier test left, is no growth that lessened.
    old, new = max(0.0, before.per_run), max(0.0, after.per_run)
    change = abs(new - old)
    return change > 0 and change >= max(RELATIVE * max(old, new), NOISE.get(signal, 0.0))


def _step(signal: str, before: Mapping[str, Slope], after: Mapping[str, Slope]) -> str:
    old, new = before[signal].per_run, after[signal].per_run
    return f"{signal_name(signal)} {amount(signal, old)} per run, then {amount(signal, new)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSide:
    """One run's part in the comparison of a cause."""

    slopes: Mapping[str, Slope] | None
    """Growth per run of its best witness; None where the run does not show the cause."""
    witnesses: frozenset[str]
    """Node ids of the tests that show it."""
    judged: frozenset[str]
    """Node ids of all tests that this run judged."""
    once: frozenset[str] = frozenset()
    """Of these, those that ran once."""
    hidden: frozenset[str] = frozenset()
    """Of the tests that show it, those of which a single run does not."""
    held: bool = False
    """Whether no test that shows it leaks: a wider fixture lets it go."""
    means: Mapping[str, float] = field(default_factory=dict)
    """Growth per run by signal, the mean over the tests that show it."""


def _mark_means(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Mark, str] | None:
    """By memory, over all tests that show a cause: one test's own size says little of the cause's.

    ``None`` where no signal of bytes grows in both.
    """
    for name in ("heap_bytes", "python_bytes"):
        old, new = before.get(name, 0.0), after.get(name, 0.0)
        if old <= 0 or new <= 0:
            continue
        words = (
            f"{signal_name(name)} {amount(name, old)} per test and run, then {amount(name, new)}"
        )
        if abs(new - old) < max(RELATIVE * max(old, new), NOISE.get(name, 0.0)):
            return "same", f"{words}: the change is small"
        return ("better" if new < old else "worse"), words
    return None


def _mark_held(before: CauseSide, after: CauseSide) -> tuple[Mark, str]:
    """A cause that at least one run does not count among its leaks."""
    if before.slopes is not None and not before.held:
        return "fixed", "a wider fixture lets it go in the later run"
    if after.slopes is not None and not after.held:
        return "new", "a wider fixture let it go in the earlier run"
    return "same", "a wider fixture lets it go wherever it is shown"


def _mark_shown_once(before: CauseSide, after: CauseSide) -> tuple[Mark, str]:
    """A cause that one of the runs does not show."""
    fixed = after.slopes is None
    shown, other, which = (before, after, "later") if fixed else (after, before, "earlier")
    both = shown.witnesses & before.judged & after.judged
    seen = len(both - (shown.hidden & other.once))
    tests = len(shown.witnesses)
    none = f"none of its {plural(tests, 'test')}"
    if not both:
        return "not comparable", f"the {which} run judged {none}"
    if not seen:
        return "not comparable", f"{_NOT_SEEN}, and the {which} run repeated {none}"
    left_out = f" ({tests - seen} of {tests} not judged)" if tests > seen else ""
    sentence = f"none of {plural(seen, 'test')} shows it in the {which} run{left_out}"
    return ("fixed" if fixed else "new"), sentence


def mark_cause(before: CauseSide, after: CauseSide) -> tuple[Mark, str]:
    """How a cause changed. Only tests that both runs judged count."""
    if before.slopes is None and after.slopes is None:
        return "not comparable", "neither run shows it"
    if before.held or after.held:
        return _mark_held(before, after)
    if before.slopes is None or after.slopes is None:
        return _mark_shown_once(before, after)
    both = before.judged & after.judged
    old, new = before.witnesses & both, after.witnesses & both
    if not old and not new:
        return "not comparable", "no test that shows it was judged in both runs"
    marked, reason = _mark_means(before.means, after.means) or mark_slopes(
        before.slopes, after.slopes
    )
    moved = abs(len(new) - len(old))
    if marked in ("better", "worse") or not moved or moved < RELATIVE * max(len(new), len(old)):
        return marked, reason
    sentence = f"{plural(len(old), 'test')} showed it, then {count(len(new))}"
    return ("better" if len(new) < len(old) else "worse"), sentence
