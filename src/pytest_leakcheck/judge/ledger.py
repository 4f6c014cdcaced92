"""The ledger of one candidate: per signal, growth less what is explained. Pure.

``residual = growth - blank test - nuisances``. The verdict looks at residuals only.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_leakcheck.judge.evidence import FEWEST_REPEATS, Evidence
from pytest_leakcheck.judge.nuisances import Explained, explained, least_of, own_causes
from pytest_leakcheck.judge.series import Stretch, Trend, chance, lasting_end, rate, trend
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Policy
from pytest_leakcheck.model.signals import Growth, Slope

#: Signals that count things and have no noise of their own.
EXACT = ("survivors", "fds", "threads", "children")
#: Of these, what is opened or started, and no object.
RESOURCES = EXACT[1:]
#: Signals that need a second one, or growth that is even.
INEXACT = ("blocks", "heap_bytes", "mapped_bytes")
JUDGED = (*EXACT, *INEXACT)

#: Python takes blocks of up to so many bytes from its own arenas, which are maps, and counts them;
#: larger ones come from the C heap.
LARGEST_BLOCK = 512

#: Where windows show much less than single repeats do, what grows comes and goes for a part: what
#: is left has to be as much more certain.
DOUBT = 0.01


#: Blocks that did not grow on so many last repeats have calmed down.
_CALM = 3


@dataclass(frozen=True, slots=True)
class Account:
    """One signal of one candidate."""

    trend: Trend
    steady: tuple[Stretch, ...]
    """Single repeats, less what is explained."""
    soak: tuple[Stretch, ...]
    """Soak windows, less what is explained."""
    series: tuple[Stretch, ...]
    """Those of both that the trend rests on."""
    whole: tuple[Stretch, ...]
    """Soak windows, with what is explained."""

    @property
    def rate(self) -> Slope:
        """Growth per repeat of what the trend rests on, windows where there are some; of no stretch
        at all: none."""
        if not self.series:
            return Slope(per_run=0.0)
        end = lasting_end(self.series)
        return rate([stretch for stretch in end if stretch.repeats > 1] or end)


def weigh(evidence: Evidence, policy: Policy) -> dict[str, Account]:
    """The accounts of all signals that were seen, on every repeat."""
    nuisances = explained(evidence, policy)
    found: dict[str, Account] = {}
    for name in JUDGED:
        account = _account(name, evidence, nuisances, policy)
        if account is not None:
            found[name] = account
    return found


def _account(
    name: str, evidence: Evidence, nuisances: Sequence[Explained], policy: Policy
) -> Account | None:
    steady = steady_stretches(name, evidence, policy)
    if steady is None:
        return None
    soak = soak_stretches(name, evidence, policy)
    own = own_causes(evidence.causes, policy, evidence.soaked)
    least = least_of(own, name)
    mine = [nuisance for nuisance in nuisances if nuisance.signal == name]
    steady = _residual(steady, mine, least, None)
    whole, soak = soak, _residual(soak, mine, least, 0)
    told = _telling(soak, steady, policy.window_noise(name))
    series = (*steady, *told) if _go_together(steady, told) else tuple(told or steady)
    over = "soak" in evidence.asked
    found = _soak_trend(series, steady, told, policy) if told else steady_trend(name, steady)
    if found == "grows" and _lessens(whole, policy.alpha):
        # What is left never grows more surely than the whole does.
        found = "open"
    if found == "open" and over:
        found = _last_word(name, steady, told)
    return Account(found, tuple(steady), tuple(soak), series, tuple(whole))


def _lessens(windows: Sequence[Stretch], alpha: float) -> bool:
    """Whether windows show less and less, and not the same again for long enough yet."""
    end = lasting_end(windows)
    return len(end) < len(windows) and chance(end) > alpha


def _last_word(name: str, steady: Sequence[Stretch], soak: Sequence[Stretch]) -> Trend:
    """What a signal comes to that is open still when all has been asked."""
    if soak:
        return "open" if soak[-1].rises else "flat"
    if not _all_rise(steady):
        return "flat" if name == "blocks" else "open"
    # That growth goes on was seen of other tests with the same causes.
    sure = len(steady) >= FEWEST_REPEATS and len(lasting_end(steady)) == len(steady)
    return "grows" if sure else "open"


def _soak_trend(
    series: Sequence[Stretch], steady: Sequence[Stretch], soak: Sequence[Stretch], policy: Policy
) -> Trend:
    if not _all_rise(steady):
        return trend(series, policy.alpha)
    if len(series) > len(soak):
        return trend(series, policy.alpha)
    # Windows say otherwise than all repeats: something comes and goes, or went meanwhile.
    found = trend(series, policy.alpha * DOUBT)
    return "open" if found == "flat" and len(soak) == 1 else found


def steady_trend(name: str, steady: Sequence[Stretch]) -> Trend:
    """What single repeats say: never that growth lasts, only that it is not there.

    What came once is no growth; what came again, and was not given back, may be.
    """
    if _all_rise(steady):
        return "open"
    if name == "mapped_bytes":
        return "flat"
    if name == "blocks":
        return "open" if _mostly_rises(steady) else "flat"
    ups = [stretch.grown for stretch in steady if stretch.rises]
    total = sum(stretch.grown for stretch in steady)
    return "open" if len(ups) >= 2 and sum(ups) < 2 * total else "flat"


def _mostly_rises(steady: Sequence[Stretch]) -> bool:
    """Whether blocks, which come and go with the interpreter's own caches, grow on a typical
    repeat, or again and again by more than goes."""
    if not steady:
        return False
    grown = [stretch.grown for stretch in steady]
    if not any(stretch.rises for stretch in steady[-_CALM:]):
        return False
    again = sum(stretch.rises for stretch in steady) >= 2 and statistics.fmean(grown) >= 0.5
    return again or statistics.median(grown) >= 1


def _all_rise(series: Sequence[Stretch]) -> bool:
    return bool(series) and all(stretch.rises for stretch in series)


def _telling(windows: Sequence[Stretch], steady: Sequence[Stretch], noise: float) -> list[Stretch]:
    """Windows long enough to show what single repeats seem to leave, beside what looking at the
    whole heap leaves: shorter ones in a row are taken together."""
    typical = statistics.median(stretch.rate for stretch in steady)
    found: list[Stretch] = []
    waiting: Stretch | None = None
    for window in windows:
        whole = window if waiting is None else _joined(waiting, window)
        tells = whole.rises or typical <= 0 or typical * whole.repeats > 2 * noise
        waiting = None if tells else whole
        if tells:
            found.append(whole)
    return found


def _joined(first: Stretch, second: Stretch) -> Stretch:
    return Stretch(
        first.grown + second.grown,
        first.repeats + second.repeats,
        max(first.noise, second.noise),
    )


def _go_together(steady: Sequence[Stretch], soak: Sequence[Stretch]) -> bool:
    """Whether single repeats show the growth that soak windows show."""
    if not soak or not _all_rise(steady):
        return False
    typical = statistics.median(stretch.rate for stretch in steady)
    return statistics.median(s.rate for s in soak) >= 0.5 * typical


def _residual(
    series: Sequence[Stretch], nuisances: Sequence[Explained], least: float, begin: int | None
) -> list[Stretch]:
    """Stretches less what is explained, but not less than what others than nuisances hold.

    Args:
        begin: repeats since holders were asked; ``None`` for the single repeats before.
    """
    found: list[Stretch] = []
    for stretch in series:
        taken = sum(_taken(nuisance, stretch, begin) for nuisance in nuisances)
        sure = min(stretch.grown, least * stretch.repeats)
        rest = max(stretch.grown - taken, sure) if taken else stretch.grown
        found.append(stretch._replace(grown=rest if math.isfinite(rest) else 0.0))
        if begin is not None:
            begin += stretch.repeats
    return found


def _taken(nuisance: Explained, stretch: Stretch, begin: int | None) -> float:
    if begin is None:
        # A cache that is full by now may have been full all the time: it exchanges objects, and
        # takes nothing more.
        full = nuisance.until <= 0 and nuisance.signal != "survivors"
        return 0.0 if full else nuisance.per_repeat * stretch.repeats
    if nuisance.only_steady:
        return 0.0
    filling = max(0.0, min(stretch.repeats, nuisance.until - begin))
    return nuisance.per_repeat * filling if filling else 0.0


# --- what was measured, less the blank test ------------------------------------------------------


def steady_stretches(name: str, evidence: Evidence, policy: Policy) -> list[Stretch] | None:
    """Single repeats in one signal, those that saw it; ``None`` where none did."""
    grown = [_value(record.growth, name) for record in evidence.counted]
    if all(value is None for value in grown):
        return None
    blank = max(0.0, _value(evidence.blank.growth, name) or 0.0)
    noise = policy.single_noise(name)
    values = [value - blank for value in grown if value is not None]
    if name == "survivors":
        most = _most_objects(evidence)
        values = [min(value, most) for value in values]
    return [Stretch(value, 1, noise) for value in values]


def _most_objects(evidence: Evidence) -> float:
    """How many objects of a repeat may be there still after the next one: as was seen; else as many
    as there are blocks more, since each object costs one, or bytes for larger ones."""
    if evidence.kept is not None:
        return float(evidence.kept) if evidence.kept else math.inf
    if "holders" not in evidence.asked:
        return math.inf
    blank = evidence.blank.growth
    blocks = [r.growth.blocks for r in evidence.steady if r.growth.blocks is not None]
    if len(blocks) < len(evidence.steady):
        return math.inf
    heap = [record.growth.heap_bytes or 0 for record in evidence.steady]
    room = _at_most(blocks) - max(0, blank.blocks or 0)
    bytes_ = _at_most(heap) - max(0, blank.heap_bytes or 0)
    return max(0.0, room) + max(0.0, bytes_) / LARGEST_BLOCK


def _at_most(amounts: Sequence[int]) -> float:
    """The larger one of mean and median: what comes on some repeats only has a median of none."""
    return max(statistics.fmean(amounts), statistics.median(amounts))


def rises_always(name: str, evidence: Evidence, policy: Policy) -> bool:
    """Whether a signal grew on every repeat, be it ever so little."""
    return _all_rise(steady_stretches(name, evidence, policy) or ())


def soak_stretches(name: str, evidence: Evidence, policy: Policy) -> list[Stretch]:
    """Soak windows in one signal, those that saw it."""
    return window_stretches(name, evidence.soak, evidence, policy)


def window_stretches(
    name: str, windows: Sequence[RepeatRecord], evidence: Evidence, policy: Policy
) -> list[Stretch]:
    """Windows of many repeats in one signal, less what the blank test leaves in as many."""
    passed = [record for record in windows if record.outcome == "passed"]
    grown = [(_value(record.growth, name), record.number) for record in passed]
    blank, spread = blank_rate(name, evidence)
    once, least = max(policy.window_noise(name), spread), policy.least(name)
    single = max(0.0, _value(evidence.blank.growth, name) or 0.0)
    return [
        Stretch(value - single, 1, policy.single_noise(name))
        if number == 1
        else Stretch(value - blank * number, number, max(once, least * number))
        for value, number in grown
        if value is not None
    ]


def blank_rate(name: str, evidence: Evidence) -> tuple[float, float]:
    """What the blank test leaves per repeat in a window, and by how much its windows differ.

    The median of several windows: a cost that comes once is no rate.
    """
    seen = [
        (value, record.number)
        for record in evidence.blank.windows
        if (value := _value(record.growth, name)) is not None and record.number
    ]
    if not seen:
        return 0.0, 0.0
    middle = max(0.0, statistics.median(value / number for value, number in seen))
    if len(seen) < 3:
        return middle, 0.0
    return middle, statistics.median(abs(value - middle * number) for value, number in seen)


def _value(growth: Growth, name: str) -> float | None:
    """A signal of a growth; of the address space what neither the C heap nor Python's blocks
    explain."""
    value: int | None = getattr(growth, name)
    if value is None or name != "mapped_bytes":
        return value
    heap, blocks = max(0, growth.heap_bytes or 0), max(0, growth.blocks or 0)
    return max(0.0, value - heap - blocks * LARGEST_BLOCK) if value > 0 else value
