"""The rule against simulated tests: how often does it accuse an innocent, or pass over a leak?

Each simulated test is a seeded process that leaves so much on each run; it is repeated, run on and
judged as the confirming process does, at the default settings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pytest_leakcheck.judge.repeats import Repeats
from pytest_leakcheck.judge.soak import window_runs
from pytest_leakcheck.judge.stopping import is_decided
from pytest_leakcheck.judge.verdict import judge_repeats, worth_explaining
from pytest_leakcheck.model.causes import Site
from pytest_leakcheck.model.journal_lines import Phase, RepeatRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth

SETTINGS = Settings()
LIMITS = SETTINGS.thresholds
TESTS = 400
#: Of so many innocents, at most this share may be accused at the default settings …
MOST_ACCUSED = 0.005
#: … and of so many leaks at least this share has to be found.
LEAST_FOUND = 0.99


@dataclass
class Left:
    """What one run leaves."""

    survivors: int = 0
    blocks: int = 0
    heap_bytes: int = 0
    placed: int = 0
    """Of the blocks, those allocated in one place."""


Process = Callable[[random.Random], Iterator[Left]]


def repeat_and_judge(process: Process, seed: int) -> str:
    """The verdict on a simulated test."""
    runs = process(random.Random(seed))
    for _ in range(SETTINGS.warmups):
        next(runs)
    steady: list[RepeatRecord] = []
    while len(steady) < SETTINGS.weak_repeats:
        steady.append(record("steady", 1, runs))
        if is_decided(steady, Growth(), SETTINGS):
            break
    found = Repeats(steady=steady)
    if not worth_explaining(found, LIMITS):
        return judge_repeats(found, LIMITS).verdict
    net = record("net", SETTINGS.net_quick_repeats, runs)
    windows = [
        record("long", window_runs(steady, SETTINGS), runs) for _ in range(SETTINGS.long_windows)
    ]
    traced = [trace(runs) for _ in range(SETTINGS.traced_repeats)]
    found = Repeats(steady, net=net.growth, net_runs=net.number, windows=windows, traced=traced)
    return judge_repeats(found, LIMITS).verdict


def record(phase: Phase, number: int, runs: Iterator[Left]) -> RepeatRecord:
    """What so many runs leave together."""
    left = [next(runs) for _ in range(number)]
    growth = Growth(
        rss_bytes=0,
        heap_bytes=sum(one.heap_bytes for one in left),
        blocks=sum(one.blocks for one in left),
        survivors=sum(one.survivors for one in left),
        fds=0,
        threads=0,
        children=0,
    )
    return RepeatRecord(
        nodeid="t.py::test", phase=phase, number=number, growth=growth, duration_s=0.001
    )


def trace(runs: Iterator[Left]) -> RepeatRecord:
    """Runs under tracemalloc: a place shows that left a block on each of them."""
    number = SETTINGS.traced_quick_runs
    left = [next(runs).placed for _ in range(number)]
    sites = [Site(file="app.py", line=1, bytes=64, blocks=1)] if min(left) > 0 else []
    growth = Growth(python_bytes=sum(site.bytes for site in sites))
    return RepeatRecord(
        nodeid="t.py::test", phase="traced", number=number, growth=growth, sites=sites
    )


# --- innocents -----------------------------------------------------------------------------------


def quiet(_: random.Random) -> Iterator[Left]:
    """Nothing, ever."""
    while True:
        yield Left()


def jitter(rng: random.Random) -> Iterator[Left]:
    """Free lists and caches of the interpreter: what comes on one run goes on another."""
    level = 0
    while True:
        wanted = rng.randint(-4, 4)
        yield Left(blocks=wanted - level, heap_bytes=rng.choice((0, 0, 0, 480, -480)))
        level = wanted


def replaced(rng: random.Random) -> Iterator[Left]:
    """Objects that take the place of the last run's: born on each run, and none is added."""
    while True:
        yield Left(survivors=rng.randint(1, 20), blocks=rng.randint(-1, 1))


def filling(rng: random.Random) -> Iterator[Left]:
    """A cache that takes as much on each run, until it is full."""
    step, full = rng.randint(1, 60), rng.randint(1, 300)
    for _ in range(full):
        yield Left(survivors=step, blocks=2 * step, heap_bytes=rng.choice((0, 1040)), placed=step)
    yield from quiet(rng)


def emptied(rng: random.Random) -> Iterator[Left]:
    """A cache that is emptied whenever it is full."""
    step, full = rng.randint(1, 10), rng.randint(30, 90)
    while True:
        for _ in range(full):
            yield Left(blocks=step, placed=step)
        yield Left(blocks=-step * full)


def resized(rng: random.Random) -> Iterator[Left]:
    """A table over a bounded set of keys, resized at twice the size each time."""
    at = rng.randint(1, 8)
    run = 0
    while True:
        run += 1
        yield Left(heap_bytes=64 * run if run == at else 0)
        if run == at and at < 100:
            at *= 2


INNOCENTS: dict[str, Process] = {
    "quiet": quiet,
    "jitter": jitter,
    "replaced": replaced,
    "filling": filling,
    "emptied": emptied,
    "resized": resized,
}


@pytest.mark.parametrize("process", INNOCENTS.values(), ids=INNOCENTS)
def test_innocents_are_hardly_ever_accused(process: Process) -> None:
    """The false-alarm rate at the default settings."""
    accused = sum(repeat_and_judge(process, seed) == "leak" for seed in range(TESTS))
    assert accused <= MOST_ACCUSED * TESTS


# --- leaks ---------------------------------------------------------------------------------------


def leaks(**left: int) -> Process:
    """The same amount on each run, on top of a little jitter that goes and comes."""

    def process(rng: random.Random) -> Iterator[Left]:
        level = 0
        while True:
            wanted = rng.choice((0, 0, 0, 0, 1))
            yield Left(
                survivors=left.get("survivors", 0),
                blocks=left.get("blocks", 0) + wanted - level,
                heap_bytes=left.get("heap_bytes", 0),
                placed=left.get("blocks", 0),
            )
            level = wanted

    return process


LEAKS: dict[str, Process] = {
    "one object": leaks(survivors=1, blocks=1),
    "one untracked value": leaks(blocks=1),
    "a kilobyte of C heap": leaks(heap_bytes=1040),
}


@pytest.mark.parametrize("process", LEAKS.values(), ids=LEAKS)
def test_small_leaks_are_found(process: Process) -> None:
    """The detection rate of the smallest leaks."""
    found = sum(repeat_and_judge(process, seed) == "leak" for seed in range(TESTS))
    assert found >= LEAST_FOUND * TESTS
