"""What the repeats of one test say signal by signal, run by run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_leakcheck.judge.statistics import falls
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Settings, Thresholds
from pytest_leakcheck.model.signals import Growth, Late

#: Signals that count things and have no noise of their own, with their words.
EXACT = {
    "survivors": "objects",
    "fds": "file descriptors",
    "threads": "threads",
    "children": "child processes",
}

#: Of these, what is opened or started, and no object.
RESOURCES = tuple(name for name in EXACT if name != "survivors")

#: Python takes blocks of up to so many bytes from its own arenas, which are maps, and counts them;
#: larger ones come from the C heap.
LARGEST_BLOCK = 512

#: The words for every signal that a reason may name.
WORDS = {
    **EXACT,
    "blocks": "Python blocks",
    "heap_bytes": "bytes of C heap",
    "python_bytes": "bytes of Python memory",
    "mapped_bytes": "bytes of address space",
}


@dataclass(frozen=True, slots=True)
class Repeats:
    """What the confirming process recorded of one test."""

    steady: Sequence[RepeatRecord]
    null: Growth = field(default_factory=Growth)
    """Growth of an empty test in the same process: pytest's own floor."""
    traced: Sequence[RepeatRecord] = ()
    release: Sequence[RepeatRecord] = ()
    """Repeats in which all fixtures but the session's ended each time."""
    causes: Sequence[Cause] = ()
    net: Growth | None = None
    """Growth over ``net_runs`` repeats between two collections of the whole heap."""
    net_runs: int = 0
    null_net: Growth = field(default_factory=Growth)
    """The same of the empty test …"""
    null_net_runs: int = 0
    """… over so many runs."""
    windows: Sequence[RepeatRecord] = ()
    """Many more runs, a record for each window of them; its number is how many."""
    kept: int | None = None
    """Objects that one run left and the next run neither replaced nor dropped."""
    dropped_of: str = ""
    """The test over whose further runs what gathers here was dropped again, where it was."""
    release_net: RepeatRecord | None = None
    """Several runs, as those of ``release``, between two collections of the whole heap."""


def is_quick(steady: Sequence[RepeatRecord], settings: Settings) -> bool:
    """Whether no repeat took long."""
    return max(record.duration_s for record in steady) < settings.quick_s


def usual_amount(steady: Sequence[RepeatRecord], name: str) -> int | None:
    """What a signal grew by on all repeats but one at most; ``None`` where they differ more.

    A thread that ends late takes what it holds over to the next run.
    """
    amounts = [getattr(record.growth, name) for record in steady]
    usual: int | None = statistics.mode(amounts) if amounts else None
    return usual if amounts.count(usual) >= len(amounts) - 1 else None


def grows_always(steady: Sequence[RepeatRecord], null: Growth, name: str, noise: float) -> bool:
    """Whether a signal grew beyond noise on every repeat."""
    floor = floor_of(null, name)
    deltas = [getattr(r.growth, name) for r in steady]
    if not deltas or any(d is None or d - floor <= noise for d in deltas):
        return False
    return name in EXACT or not falls([d - floor for d in deltas])


def grows_never(
    steady: Sequence[RepeatRecord], null: Growth, limits: Thresholds, but: str = ""
) -> bool:
    """Whether no signal ``but`` this one grew on any repeat, and the address space not on all."""
    return share_grown(steady, null, "mapped_bytes", 0.0) < 1 and all(
        share_grown(steady, null, name, noise) == 0
        for name, noise in noises(limits).items()
        if name != but
    )


def is_calm(runs: Sequence[RepeatRecord], null: Growth, limits: Thresholds, last: int) -> bool:
    """Whether the last so many of some runs left nothing that stays, by any signal.

    What one run takes of C heap another may give back. Blocks and address space have noise: they
    count where they grew on most. Where something came before, objects or C heap, it has to have
    stayed away, or been given back, for twice as many.
    """
    newest, longer = runs[-last:], runs[-2 * last :]
    if len(newest) < last:
        return False
    exact = any(share_grown(longer, null, name, 0.0) > 0 for name in EXACT)
    typical = {
        name: statistics.median(beyond(newest, null, name) or (0.0,))
        for name in ("blocks", "mapped_bytes", "heap_bytes")
    }
    if exact or typical["blocks"] > 0 or typical["mapped_bytes"] > 0:
        return False
    sums = [
        statistics.fmean(beyond(part, null, "heap_bytes") or (0.0,)) for part in (newest, longer)
    ]
    return max(typical["heap_bytes"], *sums) <= limits.noise_heap_bytes


def beyond(runs: Sequence[RepeatRecord], null: Growth, name: str) -> list[float]:
    """What a signal grew by on each run that saw it, less the empty test's."""
    floor, seen = floor_of(null, name), (getattr(record.growth, name) for record in runs)
    return [amount - floor for amount in seen if amount is not None]


def only_replaces(steady: Sequence[RepeatRecord], null: Growth, limits: Thresholds) -> bool:
    """Whether objects came on every repeat and nothing else ever grew: as every object costs a
    block, as many blocks went."""
    return (
        grows_always(steady, null, "survivors", 0.0)
        and all(record.growth.blocks is not None for record in steady)
        and grows_never(steady, null, limits, but="survivors")
    )


def noise_of(name: str, limits: Thresholds) -> float:
    """Growth per run of a signal that a single repeat cannot tell from none."""
    return noises(limits)[name]


def noises(limits: Thresholds) -> dict[str, float]:
    return {**dict.fromkeys(EXACT, 0.0), "blocks": 0.0, "heap_bytes": limits.noise_heap_bytes}


def share_grown(steady: Sequence[RepeatRecord], null: Growth, name: str, noise: float) -> float:
    deltas = beyond(steady, null, name)
    return sum(delta > noise for delta in deltas) / len(deltas) if deltas else 0.0


def floor_of(null: Growth, name: str) -> float:
    return max(0.0, getattr(null, name) or 0)


def median_late(steady: Sequence[RepeatRecord]) -> Late:
    """The late garbage of a typical repeat."""
    if not steady:
        return Late()
    heap = [r.late.heap_bytes for r in steady if r.late.heap_bytes is not None]
    return Late(
        objects=round(statistics.median(r.late.objects for r in steady)),
        heap_bytes=round(statistics.median(heap)) if heap else None,
    )


def without_imports(steady: Sequence[RepeatRecord]) -> Sequence[RepeatRecord]:
    """The repeats in which no module was imported for the first time; all, where each did."""
    plain = [record for record in steady if not record.module_count]
    return plain or steady
