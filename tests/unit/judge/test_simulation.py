"""The rule against simulated tests: how often does it accuse an innocent, or pass over a leak?

Each simulated test is a seeded process, asked by the product's own protocol.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest
from simulated import Left, Process, SimulatedTest

from pytest_leakcheck.model.causes import Cause

TESTS = 40
#: Of so many innocents, at most this share may be accused at the default settings …
MOST_ACCUSED = 0.0
#: … and of so many leaks at least this share has to be found.
LEAST_FOUND = 0.98


def verdicts(process: Process, causes: Sequence[Cause] = (), seconds: float = 0.001) -> list[str]:
    """The verdicts on many tests of one kind."""
    return [
        SimulatedTest(process, seed, causes, seconds).judged()[0].verdict for seed in range(TESTS)
    ]


def cause(holder: str, **changes: object) -> Cause:
    """A holder of one object of about a hundred bytes per repeat."""
    plain = {"fingerprint": "0123456789ab", "kind": "held", "head": "app.Item", "objects": 1}
    return Cause(**{**plain, "python_bytes": 160, "holder": holder, **changes})  # type: ignore[arg-type]


# --- innocents -----------------------------------------------------------------------------------


def quiet(_: random.Random) -> Iterator[Left]:
    """Nothing, ever."""
    while True:
        yield Left()


def jitter(rng: random.Random) -> Iterator[Left]:
    """Free lists and caches of the interpreter: what comes on one repeat goes on another."""
    level = 0
    while True:
        wanted = rng.randint(-4, 4)
        yield Left(blocks=wanted - level, heap_bytes=rng.choice((0, 0, 0, 480, -480)))
        level = wanted


def replaced(rng: random.Random) -> Iterator[Left]:
    """Objects that take the place of the last repeat's: born on each, and none is added."""
    while True:
        yield Left(replaced=rng.randint(1, 20), blocks=rng.randint(-1, 1))


def filling(rng: random.Random) -> Iterator[Left]:
    """A cache that takes as much on each repeat, until it is full."""
    step, full = rng.randint(1, 60), rng.randint(1, 300)
    for _ in range(full):
        yield Left(step, blocks=2 * step, heap_bytes=rng.choice((0, 1040)), placed=step)
    while True:
        yield Left(replaced=step)


def saw_tooth(rng: random.Random) -> Iterator[Left]:
    """A table that its owner empties whenever it is full, after more than all single repeats."""
    step, full = rng.randint(1, 10), rng.randint(30, 90)
    while True:
        for _ in range(full):
            yield Left(step, blocks=step, placed=step)
        yield Left(-step * full, blocks=-step * full)


def long_saw_tooth(rng: random.Random) -> Iterator[Left]:
    """The same, emptied after a window or two of the soak."""
    step, full = rng.randint(1, 5), rng.randint(90, 250)
    while True:
        for _ in range(full):
            yield Left(blocks=step, placed=step)
        yield Left(blocks=-step * full)


def resized(rng: random.Random) -> Iterator[Left]:
    """A table over a bounded set of keys, resized at twice the size each time."""
    at = rng.randint(1, 8)
    for repeat in itertools.count(1):
        yield Left(heap_bytes=64 * repeat if repeat == at else 0)
        if repeat == at and at < 100:
            at *= 2


def arenas(rng: random.Random) -> Iterator[Left]:
    """Address space that comes in arenas, for blocks that come and go."""
    every = rng.randint(3, 40)
    for repeat in itertools.count(1):
        comes = repeat % every == 0 and repeat < 10 * every
        yield Left(mapped_bytes=1 << 18 if comes else 0, blocks=rng.randint(-2, 2))


def one_step(rng: random.Random) -> Iterator[Left]:
    """Something that comes once, at any time: a lazy import, a pool, a thread's buffer."""
    when = rng.randint(1, 500)
    for repeat in itertools.count(1):
        now = repeat == when
        yield Left(*((500, 0, 1500, 90_000, 1 << 20, 2) if now else ()))


def drift_that_ends(rng: random.Random) -> Iterator[Left]:
    """Keys that come by chance out of a bounded set, ever fewer of them new."""
    keys = rng.randint(20, 120)
    seen: set[int] = set()
    while True:
        key = rng.randrange(keys)
        new = int(key not in seen)
        seen.add(key)
        yield Left(new, blocks=3 * new, heap_bytes=64 * new)


def two_at_once(rng: random.Random) -> Iterator[Left]:
    """A cache that fills beside a table that is emptied now and then."""
    for one, other in zip(filling(rng), saw_tooth(rng), strict=True):
        yield Left(
            one.survivors + other.survivors,
            one.replaced + other.replaced,
            one.blocks + other.blocks,
            one.heap_bytes,
        )


INNOCENTS: dict[str, Process] = {
    "quiet": quiet,
    "jitter": jitter,
    "replaced": replaced,
    "filling": filling,
    "saw-tooth": saw_tooth,
    "long saw-tooth": long_saw_tooth,
    "resized": resized,
    "arenas": arenas,
    "one step": one_step,
    "drift that ends": drift_that_ends,
    "two at once": two_at_once,
}


@pytest.mark.parametrize("process", INNOCENTS.values(), ids=INNOCENTS)
def test_innocents_are_hardly_ever_accused(process: Process) -> None:
    """The false-alarm rate at the default settings."""
    assert verdicts(process).count("leak") <= MOST_ACCUSED * TESTS


@pytest.mark.parametrize("process", INNOCENTS.values(), ids=INNOCENTS)
def test_slow_innocents_are_hardly_ever_accused(process: Process) -> None:
    """Few repeats can be afforded of a test that takes a second. What fills or is emptied after
    more of them than that cannot be told from a leak, so nothing is claimed of it."""
    if process in (filling, saw_tooth, long_saw_tooth, two_at_once, drift_that_ends):
        pytest.skip("it cannot be told from a leak in so few repeats")
    assert verdicts(process, seconds=1.0).count("leak") <= MOST_ACCUSED * TESTS


def endless(_: random.Random) -> Iterator[Left]:
    """One object on each repeat."""
    while True:
        yield Left(1, blocks=2, heap_bytes=0, placed=1)


EXPLAINED = {
    "the test runner's": cause("_pytest.fixtures.FixtureDef.cached_result", runner=True),
    "a cache whose room is not known": cause("re._cache[*]", bounded=True),
    "a cache with more room than can be filled": cause("app.cached", bounded=True, room=10**6),
    "a container whose owner states a limit": cause("app.POOL[*]", limit=10_000),
}


@pytest.mark.parametrize("held", EXPLAINED.values(), ids=EXPLAINED)
def test_what_a_nuisance_explains_is_no_leak(held: Cause) -> None:
    """Growth that goes on, all of it by what the holder may keep."""
    assert verdicts(endless, [held]).count("leak") == 0


# --- leaks ---------------------------------------------------------------------------------------


def leaks(every: int = 1, **left: int) -> Process:
    """The same amount on each repeat, on top of a little jitter that goes and comes."""

    def process(rng: random.Random) -> Iterator[Left]:
        level = 0
        for repeat in itertools.count():
            wanted = rng.choice((0, 0, 0, 0, 1))
            now = left if repeat % every == 0 else {}
            blocks = now.get("blocks", 0)
            yield Left(**{**now, "blocks": blocks + wanted - level, "placed": blocks})
            level = wanted

    return process


LEAKS: dict[str, Process] = {
    "one object": leaks(survivors=1, blocks=1),
    "one object on every second repeat": leaks(2, survivors=1, blocks=1),
    "one untracked value": leaks(blocks=1),
    "a kilobyte of C heap": leaks(heap_bytes=1040),
    "the smallest piece of C heap": leaks(heap_bytes=32),
    "a descriptor": leaks(fds=1),
    "a map": leaks(mapped_bytes=1 << 20),
}


@pytest.mark.parametrize("process", LEAKS.values(), ids=LEAKS)
def test_small_leaks_are_found(process: Process) -> None:
    """The detection rate of the smallest leaks."""
    assert verdicts(process).count("leak") >= LEAST_FOUND * TESTS


SLOW_LEAKS = {name: LEAKS[name] for name in ("one object", "a kilobyte of C heap", "a descriptor")}


@pytest.mark.parametrize("process", SLOW_LEAKS.values(), ids=SLOW_LEAKS)
def test_leaks_of_slow_tests_are_found(process: Process) -> None:
    """A test that takes a second has a dozen repeats in all."""
    assert verdicts(process, seconds=1.0).count("leak") >= LEAST_FOUND * TESTS


def beside(nuisance: Process, leak: Process) -> Process:
    """Both at once."""

    def process(rng: random.Random) -> Iterator[Left]:
        for one, other in zip(nuisance(rng), leak(rng), strict=True):
            names = vars(one)
            yield Left(**{name: getattr(one, name) + getattr(other, name) for name in names})

    return process


BESIDE = {
    f"{leak} beside {nuisance}": (INNOCENTS[nuisance], LEAKS[leak])
    for nuisance in ("jitter", "replaced", "resized", "arenas", "one step")
    for leak in ("one object", "a descriptor", "a kilobyte of C heap")
} | {
    f"a descriptor beside {nuisance}": (INNOCENTS[nuisance], LEAKS["a descriptor"])
    for nuisance in ("filling", "saw-tooth", "long saw-tooth", "drift that ends", "two at once")
}


@pytest.mark.parametrize("pair", BESIDE.values(), ids=BESIDE)
def test_a_leak_shows_beside_each_nuisance(pair: tuple[Process, Process]) -> None:
    """A nuisance explains its own amounts of its own signals."""
    assert verdicts(beside(*pair)).count("leak") >= LEAST_FOUND * TESTS


@pytest.mark.parametrize("held", EXPLAINED.values(), ids=EXPLAINED)
def test_a_descriptor_leaks_beside_what_a_nuisance_explains(held: Cause) -> None:
    """A cache accounts for no descriptor."""
    found = verdicts(beside(endless, LEAKS["a descriptor"]), [held])
    assert found.count("leak") >= LEAST_FOUND * TESTS


@pytest.mark.parametrize("held", EXPLAINED.values(), ids=EXPLAINED)
def test_much_more_than_a_nuisance_explains_is_a_leak(held: Cause) -> None:
    """Ten objects a repeat, of which a cache takes one."""
    other = cause("app.LEAK[*]", objects=9)
    found = verdicts(beside(endless, leaks(survivors=9, blocks=20)), [held, other])
    assert found.count("leak") >= LEAST_FOUND * TESTS
