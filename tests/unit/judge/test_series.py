"""Does a series rise, and by how much?"""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.judge.series import (
    Stretch,
    chance,
    is_even,
    lasting_end,
    rate,
    trend,
)

ALPHA = 0.01


def series(*grown: float, repeats: int = 100, noise: float = 0.0) -> list[Stretch]:
    """Stretches of one length."""
    return [Stretch(amount, repeats, noise) for amount in grown]


@pytest.mark.parametrize("stretches", [1, 2, 3, 4, 5, 6])
def test_the_chance_that_all_levels_rise(stretches: int) -> None:
    """One order of all has them rise."""
    assert chance(series(*[1] * stretches)) == pytest.approx(1 / math.factorial(stretches + 1))


@pytest.mark.parametrize("levels", [3, 4, 5, 6])
def test_the_chance_is_the_share_of_all_orders(levels: int) -> None:
    """Counted one by one."""
    orders = list(itertools.permutations(range(levels)))

    def rising(order: tuple[int, ...]) -> int:
        return sum(b > a for a, b in itertools.combinations(order, 2))

    for order in random.Random(0).sample(orders, min(6, len(orders))):
        steps = [after - before for before, after in itertools.pairwise(order)]
        share = sum(rising(o) >= rising(order) for o in orders) / len(orders)
        assert chance(series(*steps)) == pytest.approx(share)


@pytest.mark.parametrize(
    ("grown", "found"),
    [
        ((), "flat"),
        ((0,), "flat"),
        ((5, 5, 5, 0), "flat"),
        ((5,), "open"),
        ((5, 5, 5), "open"),
        ((5, 5, 5, 5), "grows"),
        ((500, 5, 5, 5, 5, 5), "grows"),  # beside what filled before
        ((0, 0, 0, 5, 5, 5, 5), "grows"),  # after what an explanation took
        ((0, 0, 0, 0, 5), "open"),
        ((5, -5, 5, -5, 5), "open"),
        ((5, -20, 5), "open"),
        ((9, 6, 4, 2.5, 1, 0.4), "open"),  # less and less
    ],
)
def test_a_trend(grown: tuple[float, ...], found: str) -> None:
    assert trend(series(*grown), ALPHA) == found


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_levels_in_any_order_seldom_look_like_growth(rng: random.Random) -> None:
    """A table that is emptied at any time: what is there at each boundary is a random number."""
    found = 0
    for _ in range(50):
        levels = [rng.random() for _ in range(7)]
        steps = [after - before for before, after in itertools.pairwise(levels)]
        found += trend(series(*steps), ALPHA) == "grows"
    assert found <= 5


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=8),
    st.integers(1, 100),
)
def test_a_rate_lies_within_its_interval(grown: list[float], repeats: int) -> None:
    told = rate(series(*grown, repeats=repeats))
    assert told.low is not None
    assert told.high is not None
    assert told.low <= told.per_run <= told.high


def test_one_odd_stretch_does_not_move_a_rate() -> None:
    """A pool that fills in one of them."""
    assert rate(series(100, 100, 9000, 100, 100, 100)).per_run == 1.0


def test_a_rate_needs_something() -> None:
    with pytest.raises(ValueError, match="at least one stretch"):
        rate([])


def test_growth_on_every_third_repeat_has_a_rate() -> None:
    """Though its median is none."""
    assert rate(series(1, 0, 0, 1, 0, 0, 1, 0, 0, repeats=1)).per_run == pytest.approx(
        0.33, abs=0.1
    )


@pytest.mark.parametrize(
    ("grown", "even"),
    [
        ((5, 5, 5, 5), True),
        ((5, 5, 5, 5, 50), True),
        ((5, 5, 50, 50), False),
        ((0, 0, 0, 0), False),
        ((-5, -5, -5), False),
    ],
)
def test_even_growth(grown: tuple[float, ...], even: bool) -> None:
    assert is_even(series(*grown)) == even


@pytest.mark.parametrize(
    ("grown", "repeats", "left"),
    [
        ((9, 1, 1, 1), 100, 4),
        ((9, 9, 1, 1), 100, 2),
        ((9, 9, 9, 2), 100, 1),
        ((43, 21, 20, 13, 9, 4), 1, 1),
        ((5, 90, 3, 4, 60, 2), 1, 6),
    ],
)
def test_the_lasting_end(grown: tuple[float, ...], repeats: int, left: int) -> None:
    """What filled before is left out; single repeats are uneven, and looked at by halves."""
    assert len(lasting_end(series(*grown, repeats=repeats))) == left
