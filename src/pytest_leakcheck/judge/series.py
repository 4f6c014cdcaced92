"""The growth of one signal over stretches of repeats: does it rise, and by how much a repeat? Pure.

A *stretch* is one repeat, or a soak window of many. What is asked of a series is one question of
statistics: of ``k + 1`` levels that come in any order, all rise with the chance ``1 / (k + 1)!``.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

from pytest_leakcheck.model.signals import Slope

Trend = Literal["grows", "flat", "open"]

#: A rate lasts where the last stretch shows at least this share of the median of those before. Less
#: is growth that may be about to end: more stretches tell.
LASTING_SHARE = 0.5
#: Growth is even where each of most stretches is as near to their median as this …
EVEN_SPREAD = 0.25
#: … most being this share: one odd stretch in five, a thread that ended late, is no other growth.
EVEN_SHARE = 0.8


class Stretch(NamedTuple):
    """What stayed of some repeats in a row."""

    grown: float
    """Of all of them together; negative where more went than came."""
    repeats: int
    noise: float
    """Growth of the whole stretch up to this is none."""

    @property
    def rises(self) -> bool:
        """Whether something stayed beyond noise."""
        return self.grown > self.noise

    @property
    def rate(self) -> float:
        """Growth per repeat."""
        return self.grown / self.repeats


def trend(series: Sequence[Stretch], alpha: float) -> Trend:
    """Whether a series goes on rising.

    ``grows``: the levels of its lasting end rise in so many pairs as any order of them would with
    no more than the chance ``alpha`` (Mann and Kendall's test, exact; ties count against growth).
    ``flat``: the last stretch shows no growth. ``open``: more stretches would tell.
    """
    if not series or not series[-1].rises:
        return "flat"
    return "grows" if chance(lasting_end(series)) <= alpha else "open"


def lasting_end(series: Sequence[Stretch]) -> Sequence[Stretch]:
    """The longest end of a series over which its rate lasts: what filled before is left out, and
    so is what came before the growth began."""
    begin = next((at for at, stretch in enumerate(series) if stretch.rises), 0)
    for first in range(begin, len(series)):
        if _lasts(series[first:]):
            return series[first:]
    return series[-1:]


def _lasts(series: Sequence[Stretch]) -> bool:
    """Whether the last of some stretches show as much as those before: of single repeats, which
    are uneven, the later half; of windows the last one."""
    if len(series) < 2:
        return True
    late = len(series) // 2 if series[-1].repeats == 1 else 1
    rates = [stretch.rate for stretch in series]
    return statistics.median(rates[-late:]) >= LASTING_SHARE * statistics.median(rates[:-late])


def chance(series: Sequence[Stretch]) -> float:
    """With what probability as many pairs of levels rise, were the levels in any order."""
    levels = _levels(series)
    rising = sum(
        later - earlier > max(s.noise for s in series[i:j])
        for (i, earlier), (j, later) in itertools.combinations(enumerate(levels), 2)
    )
    return _tail(len(levels), rising)


@cache
def _tail(levels: int, rising: int) -> float:
    """Share of all orders of so many levels in which at least so many pairs rise."""
    counts = [1]  # of orders, by the number of pairs that fall
    for size in range(2, levels + 1):
        wider = [0] * (len(counts) + size - 1)
        for falling, orders in enumerate(counts):
            for more in range(size):
                wider[falling + more] += orders
        counts = wider
    falling = len(counts) - 1 - rising
    return sum(counts[: falling + 1]) / sum(counts)


def rate(series: Sequence[Stretch]) -> Slope:
    """Growth per repeat with the interval of all stretches but the odd one in five.

    Of even growth the median of the stretches' rates, which one pool that fills does not move. Of
    any other, that which comes on some repeats only or has a saw-tooth beside it, it is Theil and
    Sen's slope, the median of all slopes between two levels.

    Raises:
        ValueError: ``series`` is empty.
    """
    if not series:
        raise ValueError("a rate needs at least one stretch")
    rates = sorted(stretch.rate for stretch in series)
    middle = statistics.median(rates) if is_even(series) else _theil_sen(series)
    odd = int(len(rates) * (1 - EVEN_SHARE) / 2)
    low, high = rates[odd], rates[-1 - odd]
    repeats = sum(stretch.repeats for stretch in series)
    return Slope(per_run=middle, low=min(low, middle), high=max(high, middle), runs=repeats)


def _theil_sen(series: Sequence[Stretch]) -> float:
    levels = _levels(series)
    places = list(itertools.accumulate((stretch.repeats for stretch in series), initial=0))
    return statistics.median(
        (levels[j] - levels[i]) / (places[j] - places[i])
        for i, j in itertools.combinations(range(len(levels)), 2)
    )


def is_even(series: Sequence[Stretch]) -> bool:
    """Whether nearly all stretches show the same growth per repeat."""
    rates = [stretch.rate for stretch in series]
    middle = statistics.median(rates)
    if middle <= 0:
        return False
    near = sum(abs(one - middle) <= EVEN_SPREAD * middle for one in rates)
    return near >= EVEN_SHARE * len(rates)


def less(series: Sequence[Stretch], per_repeat: float) -> list[Stretch]:
    """A series without so much of each repeat."""
    return [s._replace(grown=s.grown - per_repeat * s.repeats) for s in series]


def _levels(series: Sequence[Stretch]) -> list[float]:
    return list(itertools.accumulate((stretch.grown for stretch in series), initial=0.0))
