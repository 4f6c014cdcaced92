"""The rule: readings → verdict, with its reason in words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readings import QUIET, repeat, steady

from pytest_leakcheck.conclude.evidence import causes_of
from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.judge.net_growth import repeat_slopes, still_undecided
from pytest_leakcheck.judge.repeats import (
    Repeats,
    grows_never,
    is_calm,
    only_replaces,
    usual_amount,
)
from pytest_leakcheck.judge.verdict import (
    Judgement,
    judge_repeats,
    only_blocks_grow,
    release_is_unclear,
)
from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import (
    AssignRecord,
    CaptureRecord,
    CauseRecord,
    FixtureRecord,
    RepeatRecord,
    ResourceRecord,
    SkipRecord,
    StartRecord,
    TestRecord,
)
from pytest_leakcheck.model.results import JudgedRun, TestVerdict, VerdictName
from pytest_leakcheck.model.run import Run, Span
from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.model.settings import Settings, Thresholds
from pytest_leakcheck.model.signals import Growth, Late, Reading, add_growth

QUICK = settings(max_examples=60, deadline=None)
LIMITS = Thresholds()


def traced(*left: int) -> list[RepeatRecord]:
    """Runs under tracemalloc, with the bytes that stayed."""
    return [repeat("traced", n, python_bytes=size) for n, size in enumerate(left)]


def cause(holder: str = "app.CACHE[*]", **changes: Any) -> Cause:
    """A cause of a leak."""
    plain: dict[str, Any] = {"fingerprint": "0123456789ab", "kind": "held", "head": "app.Item"}
    return Cause(**{**plain, "holder": holder, **changes})


def judged(*args: Any, **changes: Any) -> Judgement:
    """The judgement of some repeats."""
    return judge_repeats(Repeats(*args, **changes), LIMITS)


# --- the truth table -----------------------------------------------------------------------------

HEAP_STEADY = [5000, 5200, 4900, 5100, 5000, 5050]
HEAP_ERRATIC = [500, 90_000, 300, 4000, 60_000, 250]
BESIDE_REPLACED = Repeats(
    steady(survivors=[212] * 6, blocks=[36, 21, 21, -9, 21, 51]), net_runs=60, kept=12
)

TABLE: dict[str, tuple[Repeats, VerdictName, str]] = {
    # Exact signals: one is enough.
    "objects": (
        Repeats(steady(survivors=[2] * 6)),
        "leak",
        "grew on 6 of 6 repeats: +2 objects",
    ),
    "objects replaced on each run": (
        Repeats(steady(survivors=[2] * 6, blocks=[0] * 6)),
        "settles",
        "",
    ),
    "objects replaced, beside pytest's own blocks": (
        Repeats(steady(survivors=[2] * 6, blocks=[9, 8, 9, 9, 8, 9]), Growth(blocks=9)),
        "settles",
        "",
    ),
    "objects of which none is kept in the end": (
        Repeats(steady(survivors=[2] * 6, blocks=[None] * 6), kept=0),
        "settles",
        "",
    ),
    "a cache with a limit": (
        Repeats(steady(survivors=[2] * 6), causes=[cause("re._cache[*]", bounded=True)]),
        "settles",
        "it fills a cache that has a limit: re._cache[*]",
    ),
    "a cache with a limit, and a leak": (
        Repeats(steady(survivors=[2] * 6), causes=[cause("re._cache[*]", bounded=True), cause()]),
        "leak",
        "",
    ),
    "objects, where blocks are not seen": (
        Repeats(steady(survivors=[2] * 6, blocks=[None] * 6)),
        "leak",
        "+2 objects per run",
    ),
    "descriptors": (Repeats(steady(fds=[1] * 6)), "leak", "+1 file descriptors per run"),
    "descriptors that several runs together keep too": (
        Repeats(steady(fds=[1] * 6), net=Growth(fds=3), net_runs=3),
        "leak",
        "+1 file descriptors per run",
    ),
    "descriptors replaced on each run": (
        Repeats(steady(fds=[2] * 6), Growth(fds=1), net=Growth(fds=0), net_runs=3),
        "settles",
        "1 file descriptors are replaced on each run",
    ),
    "objects that came now and then cost no blocks": (
        Repeats(
            steady(survivors=[25, 0, 25, 0, 26, 25, 0, 25], blocks=[0] * 8),
            windows=[RepeatRecord(nodeid="t", phase="long", number=100, growth=Growth(blocks=8))],
        ),
        "settles",
        "",
    ),
    "objects that came now and then cost a block": (
        Repeats(
            steady(survivors=[25, 0, 25, 0, 26, 25, 0, 25], blocks=[0, 0, 0, 0, 26, 25, 0, 25]),
        ),
        "unconfirmed",
        "objects grew on 5 of 8 repeats, by 126 in all",
    ),
    "objects stay beside many that are replaced": (
        replace(BESIDE_REPLACED, net=Growth(blocks=1270)),
        "leak",
        "grew on 6 of 6 repeats: +12 objects per run",
    ),
    "what seems to stay beside many that are replaced costs no blocks": (
        replace(BESIDE_REPLACED, net=Growth(blocks=9)),
        "settles",
        "212 objects are replaced on each run",
    ),
    "descriptors replaced, beside a leak": (
        Repeats(steady(fds=[1] * 6, survivors=[2] * 6), net=Growth(fds=0), net_runs=3, kept=2),
        "leak",
        "grew on 6 of 6 repeats: +2 objects, +0 Python blocks per run",
    ),
    "threads": (Repeats(steady(threads=[1, 2, 1])), "leak", "+1.3 threads per run"),
    "children": (Repeats(steady(children=[1] * 6)), "leak", "+1 child processes per run"),
    # Counts with noise: two that agree.
    "blocks and heap": (
        Repeats(steady(blocks=[6] * 6, heap_bytes=HEAP_ERRATIC)),
        "leak",
        "+6 Python blocks, +25,842 bytes of C heap per run",
    ),
    "blocks alone": (
        Repeats(steady(blocks=[6] * 6)),
        "unconfirmed",
        "+6 Python blocks per run on each of 6 repeats, and no second signal agrees",
    ),
    "blocks and traced": (
        Repeats(steady(blocks=[6] * 6), traced=traced(4000, 4200)),
        "leak",
        "+6 Python blocks, +4,100 bytes of Python memory per run",
    ),
    "blocks that do not add up over several runs": (
        Repeats(steady(blocks=[6] * 6), net=Growth(blocks=9), net_runs=6),
        "settles",
        "",
    ),
    "blocks that add up over several runs, and traced": (
        Repeats(steady(blocks=[6] * 6), traced=traced(900, 920), net=Growth(blocks=36), net_runs=6),
        "leak",
        "+6 Python blocks",
    ),
    "C heap that adds up to less than half over several runs": (
        Repeats(
            steady(heap_bytes=[624] * 12),
            net=Growth(heap_bytes=1840),
            net_runs=6,
            null_net=Growth(heap_bytes=0),
        ),
        "settles",
        "",
    ),
    "C heap that does not add up over several runs": (
        Repeats(steady(heap_bytes=[4096] * 6), net=Growth(heap_bytes=0), net_runs=6),
        "settles",
        "",
    ),
    "a container that grows by a block": (
        Repeats(steady(blocks=[1] * 6), causes=[cause(kind="container")]),
        "leak",
        "+1 Python blocks",
    ),
    "blocks, traced once only": (
        Repeats(steady(blocks=[6] * 6), traced=traced(4000, 0)),
        "unconfirmed",
        "no second signal agrees",
    ),
    "blocks and a growing container": (
        Repeats(steady(blocks=[6] * 6), causes=[cause(kind="container")]),
        "leak",
        "+6 Python blocks",
    ),
    "very few blocks, and traced": (
        Repeats(steady(blocks=[2] * 6), traced=traced(4000, 4200)),
        "settles",
        "",
    ),
    "very few blocks, and a growing container": (
        Repeats(steady(blocks=[1] * 6), causes=[cause(kind="container")]),
        "leak",
        "+1 Python blocks",
    ),
    "blocks and little traced": (
        Repeats(steady(blocks=[6] * 6), traced=traced(400, 500)),
        "unconfirmed",
        "no second signal agrees",
    ),
    "blocks that fall from run to run": (
        Repeats(steady(blocks=[43, 21, 20, 13, 9, 4]), traced=traced(4000, 4200)),
        "settles",
        "",
    ),
    "traced alone": (Repeats(steady(blocks=[0] * 6), traced=traced(4000, 4000)), "settles", ""),
    # C heap alone: believed when steady, or when RSS follows.
    "heap, steady": (Repeats(steady(heap_bytes=HEAP_STEADY)), "leak", "+5,042 bytes of C heap"),
    "heap, steady, few runs": (
        Repeats(steady(heap_bytes=HEAP_STEADY[:5])),
        "unconfirmed",
        "no second signal agrees",
    ),
    "heap, to the byte on all repeats but one": (
        Repeats(
            steady(heap_bytes=[256, 256, 256, 256, 1664, 256]),
            net=Growth(heap_bytes=1568),
            net_runs=6,
        ),
        "leak",
        "bytes of C heap per run",
    ),
    "heap, to the byte on all repeats but two": (
        Repeats(steady(heap_bytes=[256, 1664, 256, 256, 1664, 256])),
        "unconfirmed",
        "no second signal agrees",
    ),
    "heap, to the byte on all repeats but one, and given back": (
        Repeats(
            steady(heap_bytes=[256, 256, 256, 256, 1664, 256]),
            net=Growth(heap_bytes=300),
            net_runs=6,
        ),
        "settles",
        "",
    ),
    "heap, erratic": (Repeats(steady(heap_bytes=HEAP_ERRATIC)), "unconfirmed", "no second signal"),
    "heap, erratic, RSS follows": (
        Repeats(steady(heap_bytes=HEAP_ERRATIC, rss_bytes=[512 * 1024, 0, 0, 0, 0, 0])),
        "leak",
        "bytes of C heap per run",
    ),
    "heap, erratic, RSS moves little": (
        Repeats(steady(heap_bytes=HEAP_ERRATIC, rss_bytes=[128 * 1024, 0, 0, 0, 0, 0])),
        "unconfirmed",
        "",
    ),
    "heap, erratic above the empty test": (
        Repeats(
            steady(heap_bytes=[10_500, 13_000, 10_300, 12_000, 14_000, 10_250]),
            Growth(heap_bytes=10_000),
        ),
        "unconfirmed",
        "no second signal",
    ),
    "heap within allocator noise": (
        Repeats(steady(heap_bytes=[200, 150, 200, 190, 200, 180])),
        "settles",
        "no growth in 6 repeats",
    ),
    # Not on every repeat.
    "objects now and then": (
        Repeats(steady(survivors=[1, 0, 0, 1, 0, 0])),
        "unconfirmed",
        "objects grew on 2 of 6 repeats, by 2 in all",
    ),
    "objects once": (Repeats(steady(survivors=[1, 0, 0, 0, 0, 0])), "settles", "no growth"),
    "objects come and go": (Repeats(steady(survivors=[1, -1, 1, -1])), "settles", "no growth"),
    "nothing": (Repeats(steady(survivors=[0, 0, 0])), "settles", "no growth in 3 repeats"),
    # pytest's own floor.
    "as the empty test": (
        Repeats(steady(blocks=[7] * 6, heap_bytes=[900] * 6), Growth(blocks=7, heap_bytes=900)),
        "settles",
        "",
    ),
    "beyond the empty test": (
        Repeats(steady(blocks=[13] * 6, heap_bytes=[1900] * 6), Growth(blocks=7, heap_bytes=900)),
        "leak",
        "+6 Python blocks, +1,000 bytes of C heap per run",
    ),
    "an empty test that shrank adds nothing": (
        Repeats(steady(survivors=[0] * 6), Growth(survivors=-4)),
        "settles",
        "",
    ),
    # RSS never alone.
    "RSS alone": (Repeats(steady(rss_bytes=[10**8] * 12)), "settles", "no growth in 12 repeats"),
    # Wider fixtures.
    "held by a fixture": (
        Repeats(steady(survivors=[4] * 6), release=steady("release", survivors=[0, 0])),
        "held",
        "released when its wider fixtures ended",
    ),
    "half of it released": (
        Repeats(steady(survivors=[4] * 6), release=steady("release", survivors=[2, 2])),
        "leak",
        "",
    ),
    "blocks of the first time beside what was released": (
        Repeats(
            steady(survivors=[4] * 6, blocks=[15] * 6),
            release=steady("release", survivors=[0] * 3, blocks=[6, 0, 0]),
        ),
        "held",
        "",
    ),
    "objects released, descriptors not": (
        Repeats(
            steady(survivors=[4] * 6, fds=[1] * 6),
            release=steady("release", survivors=[0, 0], fds=[1, 1]),
        ),
        "leak",
        "",
    ),
    # The runner's own retention.
    "kept by pytest": (
        Repeats(steady(survivors=[2] * 6), causes=[cause("_pytest.python.Class._x[*]")]),
        "settles",
        "the test runner keeps it: _pytest.python.Class._x[*]",
    ),
    "kept by pytest and by the user": (
        Repeats(steady(survivors=[2] * 6), causes=[cause("_pytest.x"), cause("app.CACHE[*]")]),
        "leak",
        "",
    ),
    # Repeats that do not pass.
    "fails when run again": (
        Repeats([repeat(survivors=5), repeat(number=1, survivors=5, outcome="failed")]),
        "not judged",
        "it does not pass when it runs again (failed)",
    ),
    "not repeated": (Repeats([]), "unconfirmed", "it was not repeated"),
    # Late garbage.
    "late garbage": (
        Repeats([repeat(number=n, late=Late(objects=90, heap_bytes=70_000)) for n in range(3)]),
        "late",
        "90 objects wait for the cyclic collector after each run; nothing stays",
    ),
    "little late garbage": (
        Repeats([repeat(number=n, late=Late(objects=90, heap_bytes=60_000)) for n in range(3)]),
        "settles",
        "",
    ),
    "late garbage beside a leak": (
        Repeats([repeat(survivors=1, late=Late(objects=90, heap_bytes=10**6)) for _ in range(3)]),
        "leak",
        "",
    ),
    # A signal that is not seen.
    "a signal missing once": (Repeats(steady(survivors=[1, None, 1])), "unconfirmed", ""),
    "nothing seen at all": (
        Repeats(steady("steady", **{name: [None] * 3 for name in QUIET})),
        "settles",
        "",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_recorded_readings_give_the_verdict(case: str) -> None:
    """The truth table of the rule, with the words that a person reads."""
    repeats, verdict, words = TABLE[case]
    found = judge_repeats(repeats, LIMITS)
    assert found.verdict == verdict, found.reason
    assert words in found.reason


# --- properties ----------------------------------------------------------------------------------

counts = st.integers(-3, 3)
sizes = st.integers(-5000, 5000)
growths = st.builds(
    Growth,
    rss_bytes=st.integers(-(2**21), 2**21),
    heap_bytes=sizes,
    blocks=counts,
    survivors=counts,
    fds=counts,
    threads=counts,
    children=counts,
)


def released_together(growth: Growth, runs: int = 6) -> RepeatRecord:
    """Several runs together, each with wider fixtures ended."""
    return RepeatRecord(nodeid="t", phase="release-net", number=runs, growth=growth)


@st.composite
def repeated(draw: st.DrawFn) -> Repeats:
    """Any recorded repeats: growing or not, erratic or steady."""
    leaning = draw(growths)
    runs = [add_growth(draw(growths), leaning) for _ in range(draw(st.integers(1, 8)))]
    released = draw(st.lists(growths, max_size=2))
    net = draw(st.none() | growths)
    return Repeats(
        steady=[RepeatRecord(nodeid="t", phase="steady", number=0, growth=g) for g in runs],
        null=draw(st.builds(Growth, heap_bytes=st.integers(0, 900), blocks=st.integers(0, 9))),
        traced=traced(*draw(st.lists(st.integers(0, 900), max_size=2))),
        release=[RepeatRecord(nodeid="t", phase="release", number=0, growth=g) for g in released],
        causes=draw(st.sampled_from([(), (cause(),), (cause(kind="container"),)])),
        release_net=None if net is None else released_together(net),
    )


def lifted(growth: Growth, amount: Growth) -> Growth:
    """A growth with a constant on top, also where it had no value."""
    zero = msgspec.structs.replace(growth, **{n: getattr(growth, n) or 0 for n in QUIET})
    return add_growth(zero, amount)


@QUICK
@given(
    repeats=repeated(),
    amount=st.builds(
        Growth,
        heap_bytes=st.integers(0, 10**6),
        blocks=st.integers(0, 10**4),
        survivors=st.integers(0, 100),
        fds=st.integers(0, 9),
        threads=st.integers(0, 9),
        children=st.integers(0, 9),
    ),
)
def test_what_the_empty_test_leaves_too_never_changes_the_verdict(
    repeats: Repeats, amount: Growth
) -> None:
    """Adding a constant to the empty test and to every reading is no growth of the test."""

    def on_top(records: Sequence[RepeatRecord]) -> list[RepeatRecord]:
        return [msgspec.structs.replace(r, growth=lifted(r.growth, amount)) for r in records]

    def lifted_together(net: RepeatRecord, each: Growth) -> RepeatRecord:
        total = net.growth
        for _ in range(net.number):
            total = lifted(total, each)
        return msgspec.structs.replace(net, growth=total)

    net = repeats.release_net
    more = Repeats(
        steady=on_top(repeats.steady),
        null=lifted(repeats.null, amount),
        traced=repeats.traced,
        release=on_top(repeats.release),
        causes=repeats.causes,
        null_net=amount,
        null_net_runs=1,
        release_net=None if net is None else lifted_together(net, amount),
    )
    assert judge_repeats(more, LIMITS).verdict == judge_repeats(repeats, LIMITS).verdict


@QUICK
@given(
    rss=st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=12),
    growth=st.builds(
        Growth,
        heap_bytes=st.integers(-(10**6), LIMITS.noise_heap_bytes),
        blocks=st.integers(-9, 0),
        survivors=st.integers(-9, 0),
        fds=st.integers(-9, 0),
        threads=st.integers(-9, 0),
        children=st.integers(-9, 0),
    ),
)
def test_rss_never_decides_alone(rss: list[int], growth: Growth) -> None:
    """Whatever RSS does, a test whose other signals do not grow is no leak."""
    runs = [
        RepeatRecord(
            nodeid="t",
            phase="steady",
            number=n,
            growth=msgspec.structs.replace(growth, rss_bytes=value),
        )
        for n, value in enumerate(rss)
    ]
    assert judged(runs).verdict == "settles"


@QUICK
@given(repeats=repeated(), rss=st.integers(-(2**40), 2**40))
def test_rss_matters_to_heap_that_grows_alone_only(repeats: Repeats, rss: int) -> None:
    """Where heap did not grow on every repeat, RSS changes no verdict."""
    floor = repeats.null.heap_bytes or 0
    if all((r.growth.heap_bytes or 0) - floor > LIMITS.noise_heap_bytes for r in repeats.steady):
        return
    moved = [
        msgspec.structs.replace(r, growth=msgspec.structs.replace(r.growth, rss_bytes=rss))
        for r in repeats.steady
    ]
    other = replace(repeats, steady=moved)
    assert judge_repeats(other, LIMITS).verdict == judge_repeats(repeats, LIMITS).verdict


@QUICK
@given(
    runs=st.lists(st.tuples(counts, counts), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_exact_repeats_does_not_matter(
    runs: list[tuple[int, int]], order: Any
) -> None:
    """The rule asks every repeat, not the last one."""
    mixed = list(runs)
    order.shuffle(mixed)
    first, second = (
        steady(
            survivors=[objects for objects, _ in series],
            fds=[fds for _, fds in series],
            blocks=[None] * len(series),
        )
        for series in (runs, mixed)
    )
    assert judged(first) == judged(second)


@QUICK
@given(repeated())
def test_a_leak_grew_on_every_repeat(repeats: Repeats) -> None:
    """No verdict of a leak where no signal grew each time."""
    if judge_repeats(repeats, LIMITS).verdict != "leak":
        return
    assert any(
        all(
            (getattr(r.growth, name) or 0) > (getattr(repeats.null, name) or 0)
            for r in repeats.steady
        )
        for name in ("survivors", "fds", "threads", "children", "blocks", "heap_bytes")
    )


# --- when to go on repeating ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "never", "undecided"),
    [
        ({"survivors": [0, 0, 0]}, True, False),
        ({"survivors": [1, 1, 1]}, False, False),
        ({"survivors": [1, 0, 1]}, False, True),
        ({"heap_bytes": [200, 0, 100]}, True, False),
        ({"heap_bytes": [201, 0, 100]}, False, True),
        ({"blocks": [0, 15, -15]}, False, False),
        ({"blocks": [1, 15, 0]}, False, True),
        ({"blocks": [64, 32, 16, 8, 4, 2]}, False, True),
        ({"rss_bytes": [10**9, 0, 0]}, True, False),
    ],
)
def test_repeats_go_on_while_a_signal_hesitates(
    series: dict[str, list[int]], never: bool, undecided: bool
) -> None:
    """Growth on some repeats, but not on all, asks for more; none at all asks for no more."""
    runs = steady("steady", **series)
    assert grows_never(runs, Growth(), LIMITS) == never
    assert still_undecided(Repeats(steady=runs), LIMITS) == undecided


@pytest.mark.parametrize(
    ("series", "calm"),
    [
        ({"survivors": [0, 0, 0]}, True),
        ({"survivors": [0, 0]}, False),
        ({"survivors": [0, 0, 1]}, False),
        ({"survivors": [1, 0, 0, 0]}, False),
        ({"fds": [1, 0, 0, 0, 0, 0]}, False),
        ({"fds": [1, 0, 0, 0, 0, 0, 0]}, True),
        ({"heap_bytes": [5_000, 0, 0, 0]}, False),
        ({"heap_bytes": [5_000, 0, 0, 0, 0, 0, 0]}, True),
        ({"heap_bytes": [5_000, -4_900, 0, 0]}, True),
        ({"heap_bytes": [0, 240, 0, 0]}, True),
        ({"heap_bytes": [0, 128, 340_000, -339_900]}, True),
        ({"heap_bytes": [0, 128, 340_000, -330_000]}, False),
        ({"heap_bytes": [0, 256, -9_000, 256]}, False),
        ({"blocks": [15, 0, -15]}, True),
        ({"blocks": [0, 15, 0]}, True),
        ({"blocks": [15, 15, 0]}, False),
        ({"blocks": [1, 1, -15]}, False),
        ({"blocks": [7, 7, 7]}, True),
        ({"blocks": [8, 8, 7]}, False),
        ({"mapped_bytes": [0, 4096, 4096]}, False),
        ({"mapped_bytes": [4096, 0, 0]}, True),
        ({"rss_bytes": [10**9] * 3}, True),
    ],
)
def test_the_last_repeats_are_calm(series: dict[str, list[int]], calm: bool) -> None:
    """Heap that one run takes another may give back, and blocks have noise; what came before has to
    stay away for twice as long."""
    null = Growth(blocks=7) if series.get("blocks", [0])[-1] == 7 else Growth()
    assert is_calm(steady("steady", **series), null, LIMITS, 3) == calm


@given(st.lists(st.integers(-9_000, 9_000), min_size=3, max_size=12), st.integers(201, 999))
def test_a_leak_is_not_calm_however_the_heap_goes_up_and_down(noise: list[int], leak: int) -> None:
    """What goes and comes beside it cancels out in the sum."""
    levels = [*noise, noise[0]]  # at the end as at the start
    deltas = [after - before + leak for before, after in itertools.pairwise(levels)]
    runs = steady("steady", heap_bytes=deltas)
    assert not is_calm(runs, Growth(), LIMITS, len(runs))


@pytest.mark.parametrize(
    ("series", "replaces"),
    [
        ({"survivors": [6, 6, 6], "blocks": [0, -2, 0], "heap_bytes": [0, 0, 199]}, True),
        ({"survivors": [6, 6, 6], "blocks": [0, 1, 0]}, False),
        ({"survivors": [6, 6, 6], "blocks": [0, 0, 0], "heap_bytes": [0, 0, 201]}, False),
        ({"survivors": [6, 6, 6], "blocks": [0, 0, 0], "fds": [0, 1, 0]}, False),
        ({"survivors": [6, 6, 6], "blocks": [0, 0, 0], "mapped_bytes": [4096] * 3}, False),
        ({"survivors": [6, 0, 6], "blocks": [0, 0, 0]}, False),
        ({"survivors": [6, 6, 6]}, False),
    ],
)
def test_objects_that_cost_no_blocks_replace_others(
    series: dict[str, list[int]], replaces: bool
) -> None:
    """Nothing else may grow on any repeat, and blocks have to be seen."""
    assert only_replaces(steady("steady", **series), Growth(), LIMITS) == replaces


@pytest.mark.parametrize(("together", "verdict"), [(60, "leak"), (65, "leak"), (5, "held")])
def test_many_runs_together_tell_whether_a_block_is_let_go(together: int, verdict: str) -> None:
    """What looking leaves is as much as what one run does."""
    grown = Repeats(
        steady(survivors=[0] * 12, blocks=[1] * 12),
        release=steady("release", blocks=[2, 1]),
        causes=(cause(kind="container"),),
        null_net=Growth(blocks=6),
        null_net_runs=60,
    )
    assert only_blocks_grow(grown, LIMITS)
    told = replace(grown, release_net=released_together(Growth(blocks=together), runs=60))
    assert judge_repeats(told, LIMITS).verdict == verdict


@pytest.mark.parametrize(
    ("blocks", "unclear"),
    [([0, 0], False), ([15, 15], False), ([6, 0], True), ([0, 15], True), ([], False)],
)
def test_repeats_that_end_fixtures_go_on_where_they_disagree(
    blocks: list[int], unclear: bool
) -> None:
    grown = steady(survivors=[4] * 6, blocks=[15] * 6)
    released = steady("release", survivors=[0] * len(blocks), blocks=blocks)
    assert release_is_unclear(Repeats(grown, release=released), LIMITS) == unclear


@pytest.mark.parametrize(
    ("fds", "usual"),
    [
        ([4, 4, 4, 4, 4, 4], 4),
        ([4, 4, 4, 4, 4, 5], 4),  # a thread that ended late
        ([5, 4], 5),
        ([3, 4, 4, 4, 4, 5], None),
        ([4, 5, 4, 5, 4, 5], None),
        ([], None),
    ],
)
def test_the_usual_amount_is_that_of_all_repeats_but_one(fds: list[int], usual: int | None) -> None:
    """Instances of a function are compared by it."""
    assert usual_amount(steady(fds=fds), "fds") == usual


def test_slopes_are_told_for_signals_seen_each_time() -> None:
    """A signal missing once has no slope; Python bytes come from the traced runs."""
    repeats = Repeats(
        steady(heap_bytes=[10, 30], fds=[1, None]), Growth(heap_bytes=5), traced(400, 600)
    )
    slopes = repeat_slopes(repeats)
    assert slopes["heap_bytes"].per_run == 15
    assert slopes["python_bytes"].per_run == 500
    assert "fds" not in slopes


# --- a whole run ---------------------------------------------------------------------------------


def info() -> RunInfo:
    """A run's description."""
    return RunInfo(
        schema=SCHEMA,
        label="before",
        created="2026-01-02T03:04:05Z",
        argv=[],
        rootdir="project",
        settings=msgspec.to_builtins(Settings()),
        python="3.11.7",
        implementation="CPython",
        platform="Linux",
        machine="x86_64",
        cpu_count=2,
        memory_bytes=None,
        packages={},
        environment={},
    )


def swept(nodeid: str, survivors: int = 0, **changes: Any) -> TestRecord:
    """One test's account."""
    plain: dict[str, Any] = {
        "index": 0,
        "outcome": "passed",
        "duration_s": 0.1,
        "reading": Reading(at_s=1.0),
        "growth": Growth(**{**QUIET, "survivors": survivors}),
    }
    return TestRecord(nodeid=nodeid, **{**plain, **changes})


def a_run(*tests: TestRecord, **changes: Any) -> Run:
    """A run of some tests in one process."""
    return Run(folder=Path("run"), info=info(), tests=list(tests), **changes)


def leaking(nodeid: str, survivors: int = 1) -> list[RepeatRecord]:
    """Six repeats that leave objects."""
    return [repeat("steady", n, nodeid, survivors=survivors) for n in range(6)]


def assigned(*nodeids: str, signature: str = "s", witness: str = "") -> dict[str, AssignRecord]:
    """Suspects of one signature, of which one is repeated."""
    return {
        nodeid: AssignRecord(nodeid=nodeid, signature=signature, witness=nodeid == witness)
        for nodeid in nodeids
    }


def verdicts(judged_run: JudgedRun) -> dict[str, TestVerdict]:
    """Verdicts by node id."""
    return {test.nodeid: test for test in judged_run.tests}


def test_a_quiet_test_is_clean() -> None:
    """One run is enough where nothing stays."""
    (test,) = judge_run(a_run(swept("t.py::a"))).tests
    assert (test.verdict, test.basis) == ("clean", "one run")
    assert test.reason == "nothing beyond pytest's own share stays"


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("failed", "its traceback keeps its locals"),
        ("error", "its set-up or teardown failed"),
        ("skipped", "it was skipped"),
        ("xfailed", "it failed as expected"),
        ("xpassed", "it was expected to fail and passed"),
    ],
)
def test_a_test_that_did_not_pass_is_not_judged(outcome: Any, word: str) -> None:
    """Whatever it left, and the reason says which way it went."""
    (test,) = judge_run(a_run(swept("t.py::a", 99, outcome=outcome))).tests
    assert test.verdict == "not judged"
    assert word in test.reason
    assert test.outcome == outcome


@pytest.mark.parametrize(
    ("note", "word"),
    [("forked", "it forks"), ("gc-frozen", "gc.freeze()"), ("gc-unfrozen", "gc.unfreeze()")],
)
def test_a_disturbed_test_is_not_judged(note: str, word: str) -> None:
    """One sentence says what it did."""
    (test,) = judge_run(a_run(swept("t.py::a", 99, notes=[note]))).tests
    assert test.verdict == "not judged"
    assert word in test.reason


def test_a_suspect_that_was_not_repeated_stays_unconfirmed() -> None:
    """At depth sweep, or when the budget ran out."""
    (test,) = judge_run(a_run(swept("t.py::a", 3))).tests
    assert (test.verdict, test.reason) == (
        "unconfirmed",
        "3 objects survive it; it was not repeated",
    )


def test_late_garbage_of_one_run_has_a_verdict_of_its_own() -> None:
    """Nothing stays, but the peak is raised."""
    late = Late(objects=500, heap_bytes=10**6)
    (test,) = judge_run(a_run(swept("t.py::a", late=late))).tests
    assert test.verdict == "late"


def test_a_repeated_test_has_the_verdict_of_its_repeats() -> None:
    """With its slopes, causes and each repeat's growth."""
    found = CauseRecord(nodeid="t.py::a", cause=cause())
    run = a_run(
        swept("t.py::a", 3),
        repeats={"t.py::a": leaking("t.py::a")},
        causes={"t.py::a": [found]},
    )
    (test,) = judge_run(run).tests
    assert (test.verdict, test.basis) == ("leak", "repeated")
    assert test.fingerprints == ["0123456789ab"]
    assert len(test.repeats) == 6
    assert test.slopes["survivors"].per_run == 1


def test_repeats_do_not_excuse_a_failure_in_the_sweep() -> None:
    """The outcome in the suite comes first."""
    run = a_run(swept("t.py::a", 3, outcome="failed"), repeats={"t.py::a": leaking("t.py::a")})
    (test,) = judge_run(run).tests
    assert test.verdict == "not judged"


def test_a_suspect_that_could_not_be_repeated_says_why() -> None:
    """The confirming process's own sentence is the reason."""
    skip = SkipRecord(nodeid="t.py::a", reason="the process that repeated it was killed by SIGKILL")
    run = a_run(swept("t.py::a", 3), skips={"t.py::a": skip})
    (test,) = judge_run(run).tests
    assert (test.verdict, test.reason) == ("not judged", skip.reason)


def test_repeats_that_were_cut_off_neither_accuse_nor_acquit() -> None:
    """What was still to come, an explanation or more runs, might have said otherwise."""
    quiet = [repeat("steady", n, "t.py::b") for n in range(6)]
    run = a_run(
        swept("t.py::a", 3),
        swept("t.py::b", 3),
        repeats={"t.py::a": leaking("t.py::a"), "t.py::b": quiet},
        unfinished={"t.py::a", "t.py::b"},
    )
    for test in judge_run(run).tests:
        assert (test.verdict, test.basis) == ("unconfirmed", "repeated")
        assert test.reason.startswith("its repeats were cut off; until then: ")


def test_a_wider_fixture_is_judged_in_its_own_name() -> None:
    """It stands among the tests under its name."""
    name = "t.py::db [module fixture]"
    run = a_run(swept("t.py::a"), repeats={name: leaking(name)})
    assert {t.nodeid: t.verdict for t in judge_run(run).tests} == {"t.py::a": "clean", name: "leak"}


def test_a_wider_fixture_that_could_not_be_repeated_says_why() -> None:
    """A skip is told for a fixture as it is for a test."""
    name = "t.py::db [module fixture]"
    skip = SkipRecord(nodeid=name, reason="the process that repeated it was killed by SIGKILL")
    warm = [repeat("warm-up", 0, name, outcome="failed")]
    run = a_run(swept("t.py::a"), repeats={name: warm}, skips={name: skip})
    fixture = verdicts(judge_run(run))[name]
    assert (fixture.verdict, fixture.reason) == ("not judged", skip.reason)


def test_the_empty_test_is_not_among_the_tests() -> None:
    """Its repeats are the floor of the others."""
    nulls = [repeat("null", n, "::null", blocks=7) for n in range(3)]
    quiet = [repeat("steady", n, "t.py::a", blocks=7) for n in range(6)]
    run = a_run(swept("t.py::a", 1), repeats={"::null": nulls, "t.py::a": quiet})
    (test,) = judge_run(run).tests
    assert (test.nodeid, test.verdict) == ("t.py::a", "clean")
    assert test.slopes["blocks"].per_run == 0


def test_members_of_a_signature_get_their_witness_verdict() -> None:
    """And say on which test it rests, with its slopes and causes."""
    run = a_run(
        swept("t.py::t[a]", 3),
        swept("t.py::t[b]", 3),
        swept("t.py::quiet"),
        repeats={"t.py::t[a]": leaking("t.py::t[a]")},
        causes={"t.py::t[a]": [CauseRecord(nodeid="t.py::t[a]", cause=cause())]},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", witness="t.py::t[a]"),
    )
    found = verdicts(judge_run(run))
    assert (found["t.py::t[b]"].verdict, found["t.py::t[b]"].basis) == ("leak", "by signature")
    assert found["t.py::t[b]"].like == "t.py::t[a]"
    assert found["t.py::t[b]"].fingerprints == ["0123456789ab"]
    assert found["t.py::t[b]"].reason.startswith(
        "grew like t.py::t[a], which grew on 6 of 6 repeats"
    )
    assert found["t.py::quiet"].verdict == "clean"


def test_witnesses_that_disagree_speak_for_themselves_only() -> None:
    """A group of mixed verdicts leaves its other members unconfirmed."""
    run = a_run(
        *(swept(f"t.py::{name}", 3) for name in "abc"),
        repeats={
            "t.py::a": leaking("t.py::a"),
            "t.py::b": [repeat("steady", n, "t.py::b") for n in range(3)],
        },
        assigned=assigned("t.py::a", "t.py::b", "t.py::c", witness="t.py::a"),
    )
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::a": "leak", "t.py::b": "settles", "t.py::c": "unconfirmed"}


def test_witnesses_with_different_causes_lend_none() -> None:
    """Alike in type, held by different holders: a member's own holder is not known."""
    run = a_run(
        *(swept(f"t.py::{name}", 3) for name in "abc"),
        repeats={f"t.py::{name}": leaking(f"t.py::{name}") for name in "ab"},
        causes={
            f"t.py::{name}": [
                CauseRecord(nodeid=f"t.py::{name}", cause=cause(fingerprint=name * 12))
            ]
            for name in "ab"
        },
        assigned=assigned("t.py::a", "t.py::b", "t.py::c", witness="t.py::a"),
    )
    assert verdicts(judge_run(run))["t.py::c"].fingerprints == []


@pytest.mark.parametrize(("seen", "verdict"), [("data", "leak"), ("header", "unconfirmed")])
def test_a_file_that_stays_open_is_vouched_for_by_a_witness_that_opens_it(
    seen: str, verdict: str
) -> None:
    """One that was seen to leave something else on each run accuses nobody."""
    opened = ResourceRecord(nodeid="t.py::t[a]", signal="fds", what=f"file {seen}.bin", count=1.0)
    run = a_run(
        *(swept(f"t.py::t[{name}]", 3, opened=["file data.bin"]) for name in "ab"),
        repeats={"t.py::t[a]": leaking("t.py::t[a]")},
        resources={"t.py::t[a]": [opened]},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", witness="t.py::t[a]"),
    )
    assert verdicts(judge_run(run))["t.py::t[b]"].verdict == verdict


def test_a_cache_with_room_is_no_cause_beside_others() -> None:
    """What only a running call's variable holds is one: that it has one value says nothing of who
    began the call."""
    held: dict[str, dict[str, Any]] = {
        "a": {"room": 7, "bounded": True},
        "b": {"bounded": True},
        "c": {},
    }
    causes = [
        CauseRecord(
            nodeid="t.py::t",
            cause=msgspec.structs.replace(cause(f"{name}[*]"), fingerprint=name, **told),
        )
        for name, told in held.items()
    ]
    run = a_run(
        swept("t.py::t", 3), repeats={"t.py::t": leaking("t.py::t")}, causes={"t.py::t": causes}
    )
    assert sorted(verdicts(judge_run(run))["t.py::t"].fingerprints) == ["b", "c"]


def test_a_witness_of_another_function_accuses_nobody() -> None:
    """What one keeps anew on each run the other may have kept once."""
    run = a_run(
        swept("t.py::leaks", 3),
        swept("t.py::caches", 3),
        repeats={"t.py::leaks": leaking("t.py::leaks")},
        assigned=assigned("t.py::leaks", "t.py::caches", witness="t.py::leaks"),
    )
    caches = verdicts(judge_run(run))["t.py::caches"]
    assert (caches.verdict, caches.basis) == ("unconfirmed", "one run")
    assert caches.resembles == "t.py::leaks"
    assert caches.reason.endswith("it was not repeated; t.py::leaks, which leaks, grew like it")


def test_a_witness_whose_wider_fixture_lets_go_is_not_said_to_leak() -> None:
    """Of one who grew like it in another function."""
    run = a_run(
        swept("t.py::holds", 3),
        swept("t.py::caches", 3),
        repeats={"t.py::holds": [*leaking("t.py::holds"), *steady("release", survivors=[0, 0])]},
        assigned=assigned("t.py::holds", "t.py::caches", witness="t.py::holds"),
    )
    found = verdicts(judge_run(run))
    assert found["t.py::holds"].verdict == "held"
    reason = found["t.py::caches"].reason
    assert reason.endswith("t.py::holds, which leaves what a wider fixture holds, grew like it")


def test_who_is_screened_and_never_grows_is_clean_and_a_suspect_settles() -> None:
    """Of the one something stayed once, of the other nothing ever."""
    names = ("t.py::screened", "t.py::suspect")
    run = a_run(
        swept(names[0]),
        swept(names[1], 3),
        repeats={name: [repeat("steady", n, name) for n in range(3)] for name in names},
        assigned=assigned(names[1], witness=names[1]),
    )
    found = verdicts(judge_run(run))
    assert [found[name].verdict for name in names] == ["clean", "settles"]
    assert {found[name].reason for name in names} == {"no growth in 3 repeats"}


def set_up(fixture: str, nodeid: str, fds: int, heap_bytes: int = 50_000) -> list[FixtureRecord]:
    """A module's fixture that keeps so much after its end."""
    common: dict[str, Any] = {"fixture": fixture, "scope": "module", "where": "t.py"}
    common |= {"instance": hash(fixture), "nodeid": nodeid}
    growth = Growth(fds=fds, heap_bytes=heap_bytes)
    return [
        FixtureRecord(phase="setup", growth=growth, **common),
        FixtureRecord(phase="finalise", growth=Growth(fds=0, heap_bytes=0), **common),
    ]


@pytest.mark.parametrize(
    ("test_leaks", "causes", "verdicts_of"),
    [
        (False, ("a", "a"), ("not judged", "leak")),  # the other one keeps descriptors
        (False, ("a", "b"), ("leak", "leak")),
        (True, ("a", "a"), ("not judged", "not judged")),
        (True, ("b", "c"), ("leak", "leak")),
    ],
)
def test_a_fixture_is_not_accused_of_what_another_leaves(
    test_leaks: bool, causes: tuple[str, str], verdicts_of: tuple[str, str]
) -> None:
    """Its repeats run the test, and the fixtures that it uses, too."""
    names = [f"t.py::{fixture} [module fixture]" for fixture in ("user", "store")]
    shown = dict(zip(names, causes, strict=True))
    if test_leaks:
        shown["t.py::a"] = "a"
    run = a_run(
        swept("t.py::a", 3),
        repeats={nodeid: leaking(nodeid) for nodeid in shown},
        causes={
            nodeid: [CauseRecord(nodeid=nodeid, cause=cause(fingerprint=print_ * 12))]
            for nodeid, print_ in shown.items()
        },
        fixtures={"main": [*set_up("user", "t.py::a", 0), *set_up("store", "t.py::a", 4)]},
    )
    found = verdicts(judge_run(run))
    assert tuple(found[name].verdict for name in names) == verdicts_of


def test_who_grew_together_and_was_not_repeated_is_not_cleared() -> None:
    """One of them grew, and nobody knows which."""
    span = Span(("t.py::a", "t.py::b"), "blocks", 500)
    run = a_run(*(swept(f"t.py::{name}") for name in "abc"), spans=[span])
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::a": "unconfirmed", "t.py::b": "unconfirmed", "t.py::c": "clean"}


def test_a_witness_that_fails_does_not_speak_for_its_group() -> None:
    """What is not judged agrees with everything."""
    broken = [repeat("steady", 0, "t.py::t[b]", outcome="failed")]
    run = a_run(
        *(swept(f"t.py::t[{name}]", 3) for name in "abc"),
        repeats={"t.py::t[a]": leaking("t.py::t[a]"), "t.py::t[b]": broken},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", "t.py::t[c]", witness="t.py::t[a]"),
    )
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::t[a]": "leak", "t.py::t[b]": "not judged", "t.py::t[c]": "leak"}


def test_a_failed_member_keeps_its_own_reason() -> None:
    """The witness speaks for the unconfirmed only."""
    run = a_run(
        swept("t.py::a", 3),
        swept("t.py::b", 3, outcome="failed"),
        repeats={"t.py::a": leaking("t.py::a")},
        assigned=assigned("t.py::a", "t.py::b", witness="t.py::a"),
    )
    assert verdicts(judge_run(run))["t.py::b"].verdict == "not judged"


def test_a_crashed_test_is_named() -> None:
    """A process that died while running it leaves a verdict that says so."""
    begun = StartRecord(nodeid="t.py::b", at_s=1.0)
    run = a_run(swept("t.py::a"), cut_off={"gw0": begun, "gw1": None})
    crashed = verdicts(judge_run(run))["t.py::b"]
    assert (crashed.verdict, crashed.outcome) == ("not judged", "crashed")
    assert crashed.reason == "its process died while running it"


def test_causes_are_summed_over_their_witnesses_worst_first() -> None:
    """Each fingerprint once, with its tests, its growth per run and over the whole run."""
    small = cause("app.SMALL[*]", fingerprint="aaaaaaaaaaaa", objects=1, python_bytes=100)
    large = cause("app.LARGE[*]", fingerprint="bbbbbbbbbbbb", objects=2, python_bytes=9000)
    run = a_run(
        *(swept(f"t.py::t[{name}]", 3) for name in "abc"),
        repeats={f"t.py::t[{name}]": leaking(f"t.py::t[{name}]") for name in "ab"},
        causes={
            "t.py::t[a]": [CauseRecord(nodeid="t.py::t[a]", cause=small)],
            "t.py::t[b]": [CauseRecord(nodeid="t.py::t[b]", cause=large)],
        },
        assigned=assigned("t.py::t[b]", "t.py::t[c]", witness="t.py::t[b]"),
    )
    first, second = judge_run(run).causes
    assert first.cause == large
    assert first.witnesses == ["t.py::t[b]", "t.py::t[c]"]
    assert first.total["python_bytes"] == 18_000
    assert first.slopes["survivors"].per_run == 2
    assert second.witnesses == ["t.py::t[a]"]


def test_what_a_trace_saw_for_one_run_hides_no_native_cause() -> None:
    """Python objects would cost blocks, or be in the C heap."""
    site = Site(
        file="store.abi3.so", line=0, bytes=338, blocks=7, native=True, library="store.abi3.so"
    )
    capture = CaptureRecord(nodeid="t.py::a", capture="a.bin", runs=2, sites=[site])

    def heads(blocks: list[int]) -> list[str]:
        repeats = [*steady(heap_bytes=[384] * 6, blocks=blocks), *traced(1056, 1056)]
        repeats = [msgspec.structs.replace(record, nodeid="t.py::a") for record in repeats]
        run = a_run(swept("t.py::a"), repeats={"t.py::a": repeats}, captures={"t.py::a": [capture]})
        return [found.head for found in causes_of(run, "t.py::a")]

    assert heads([-15, 0, 15, -15, 0, 15]) == ["code in store.abi3.so"]
    assert heads([4] * 6) == []


def test_what_no_cause_keeps_alone_is_counted_beside_each() -> None:
    """Two holders of one thing: to mend one of them releases nothing."""
    kept = [cause("app.A[*]", fingerprint="a" * 12, objects=1)]
    kept.append(cause("app.B[*]", fingerprint="b" * 12, objects=2))
    steady_runs = [repeat("steady", n, "t.py::a", survivors=55, blocks=60) for n in range(6)]

    def shared(causes: Sequence[Cause]) -> list[int]:
        run = a_run(
            swept("t.py::a", 55),
            repeats={"t.py::a": steady_runs},
            causes={"t.py::a": [CauseRecord(nodeid="t.py::a", cause=c) for c in causes]},
        )
        return [summary.shared for summary in judge_run(run).causes]

    assert shared(kept) == [52, 52]
    assert shared(kept[:1]) == [0]


def test_each_witness_counts_with_its_own_share_of_a_cause() -> None:
    """Which of them is shown depends on the objects that it leaves, not on the heap's noise."""
    shares = {"t.py::a": 8, "t.py::b": 4, "t.py::c": 6}
    run = a_run(
        *(swept(nodeid, 3) for nodeid in shares),
        repeats={nodeid: leaking(nodeid) for nodeid in shares},
        causes={
            nodeid: [
                CauseRecord(nodeid=nodeid, cause=cause(objects=objects, python_bytes=100 * objects))
            ]
            for nodeid, objects in shares.items()
        },
    )
    (summary,) = judge_run(run).causes
    assert summary.witnesses == ["t.py::c", "t.py::a", "t.py::b"]
    assert summary.total["python_bytes"] == 1800
    assert summary.slopes["survivors"].per_run == 6


def test_a_cause_of_a_test_that_settles_is_not_told() -> None:
    """Causes are those of leaks and of what wider fixtures hold."""
    run = a_run(
        swept("t.py::a", 3),
        repeats={"t.py::a": [repeat("steady", n, "t.py::a") for n in range(3)]},
        causes={"t.py::a": [CauseRecord(nodeid="t.py::a", cause=cause())]},
    )
    assert judge_run(run).causes == []


def test_verdicts_are_sorted_and_the_same_each_time() -> None:
    """The same records give the same judgement, in node id order."""
    run = a_run(*(swept(f"t.py::{name}", n) for n, name in enumerate("cab")))
    first = judge_run(run)
    assert first == judge_run(run)
    assert [t.nodeid for t in first.tests] == ["t.py::a", "t.py::b", "t.py::c"]


def test_maps_that_are_never_given_back_are_a_leak() -> None:
    """The address space grows by what neither the C heap nor Python's arenas explain."""
    maps = steady(mapped_bytes=[1_000_000] * 6)
    found = judged(maps)
    assert found.verdict == "leak"
    assert "bytes of address space" in found.reason


def test_address_space_for_the_c_heap_is_no_sign_of_its_own() -> None:
    """malloc takes maps for large blocks; what it has in use is counted as C heap."""
    both = steady(mapped_bytes=[1_000_000] * 5, heap_bytes=[1_000_000, 10, 10, 10, 10])
    assert judged(both).verdict == "settles"


def test_address_space_that_grows_now_and_then_is_no_sign() -> None:
    """An arena for many runs' objects, a stack that is kept for the next thread."""
    arenas = steady(mapped_bytes=[1 << 20, 0, 0, 0, 0, 1 << 20])
    assert judged(arenas).verdict == "settles"


def test_many_runs_together_say_how_much_stays() -> None:
    """Of two objects a run, one takes the place of the last run's."""
    single = steady(survivors=[2] * 6)
    windows = [repeat("long", 100, survivors=101, blocks=303) for _ in range(4)]
    assert judged(single, windows=windows).slopes["survivors"].per_run == 1.01
    assert judged(single, kept=1).slopes["survivors"].per_run == 1.0
    assert judged(single).slopes["survivors"].per_run == 2.0


#: A closed chromadb client on 12 quick repeats, of which few runs together could be measured.
_CLOSED_CLIENT: dict[str, Any] = {
    "null": Growth(**QUIET | {"blocks": 8}),
    "net_runs": 6,
    "null_net": Growth(blocks=4, heap_bytes=0),
    "null_net_runs": 60,
    "kept": 0,
}


def test_what_looking_itself_leaves_is_not_spread_over_more_runs_than_there_were() -> None:
    """Five blocks over 6 runs, where the empty test has four however many there are: no leak."""
    held = cause("app.TABLE", kind="container", per_run=0.8)
    found = Repeats(
        steady(blocks=[9] * 24), causes=[held], net=Growth(blocks=5, heap_bytes=0), **_CLOSED_CLIENT
    )
    assert judge_repeats(found, LIMITS).verdict == "settles"


def test_a_block_on_each_of_few_runs_is_still_a_leak() -> None:
    """One that stays on each of the 6 runs is told in spite of those."""
    held = cause("app.TABLE", kind="container", per_run=1.0)
    found = Repeats(
        steady(blocks=[9] * 24),
        causes=[held],
        net=Growth(blocks=10, heap_bytes=0),
        **_CLOSED_CLIENT,
    )
    assert judge_repeats(found, LIMITS).verdict == "leak"


def test_heap_about_the_noise_is_not_growth_that_comes_and_goes() -> None:
    """Beyond the noise on every second repeat, and all runs together say less than the noise."""
    heap = [16, 240, 16, 240, 32, 208, 64, 208, 16, 240, 16, 240]
    found = Repeats(
        steady(heap_bytes=heap, blocks=[9] * 12),
        net=Growth(blocks=5, heap_bytes=704),
        **_CLOSED_CLIENT,
    )
    assert judge_repeats(found, LIMITS).verdict == "settles"


#: What the empty test leaves beside these: 8 blocks on a repeat, 4 over 60 runs.
_BESIDE: dict[str, Any] = {
    "null": Growth(**QUIET | {"blocks": 8}),
    "null_net": Growth(blocks=4, heap_bytes=0),
    "null_net_runs": 60,
}
#: Members of a Flag are made when a combination is first asked for, until all are there.
_FLAGS = [0, 1, 0, 1, 1, 1, 0, *[1] * 7, 0, *[1] * 9]
#: A pool starts a thread when none is idle: twelve at most, one in eight runs.
_POOL = [int(run in (5, 13, 21)) for run in range(24)]


def test_a_longer_stretch_says_that_growth_on_some_repeats_has_ended() -> None:
    """The readings of two innocents: the stretch before it was still full of first uses."""
    flags = Repeats(
        steady(survivors=_FLAGS, blocks=[9 + 3 * new for new in _FLAGS]),
        net=Growth(blocks=110, heap_bytes=1088),
        net_runs=60,
        windows=[repeat("long", 100, blocks=6, survivors=1, heap_bytes=0) for _ in range(10)],
        kept=1,
        **_BESIDE,
    )
    pool = Repeats(
        steady(
            survivors=[23 * new for new in _POOL],
            blocks=[8 + 44 * new for new in _POOL],
            threads=_POOL,
            heap_bytes=[4272 * new for new in _POOL],
        ),
        net=Growth(blocks=229, heap_bytes=31056, threads=7),
        net_runs=60,
        windows=[
            repeat("long", 27, blocks=4 + 40 * new, heap_bytes=4272 * new, threads=new)
            for new in (1, 0, 0, 0)
        ],
        **_BESIDE,
    )
    for found in (flags, pool):
        told = judge_repeats(found, LIMITS)
        assert told.verdict == "settles"
        assert "does not add up over" in told.reason
        assert judge_repeats(replace(found, windows=[]), LIMITS).verdict == "unconfirmed"


def test_objects_that_a_thread_has_not_let_go_yet_do_not_add_up() -> None:
    """The readings of an innocent: when a run is looked at, a worker thread most often still holds
    what it worked on; over a hundred runs that is the last one's."""
    held = [28 if run % 12 else 0 for run in range(24)]
    found = Repeats(
        steady(survivors=held, blocks=[8] * 24),
        net=Growth(blocks=15, survivors=29, heap_bytes=0),
        net_runs=60,
        windows=[repeat("long", 100, blocks=16, survivors=29, heap_bytes=-4053)] * 4,
        **{**_BESIDE, "null_net": Growth(blocks=0, heap_bytes=0)},
    )
    told = judge_repeats(found, LIMITS)
    assert (told.verdict, told.reason) == (
        "settles",
        "what grew on some of 24 repeats does not add up over 400 further runs",
    )


def test_a_cache_that_gains_on_most_runs_is_as_innocent_as_on_all() -> None:
    """A port's number came back once, so one repeat of twelve added no entry."""
    gains = [*[1] * 5, 0, *[1] * 6]
    cache = msgspec.structs.replace(cause("cache of urlsplit[*]"), bounded=True)
    found = Repeats(
        steady(survivors=gains, blocks=[9 + 10 * new for new in gains]),
        causes=[cache],
        kept=1,
        net=Growth(blocks=47, heap_bytes=0),
        net_runs=6,
        **_BESIDE,
    )
    told = judge_repeats(found, LIMITS)
    assert (told.verdict, told.reason) == (
        "settles",
        "it fills a cache that has a limit: cache of urlsplit[*]",
    )
    assert judge_repeats(replace(found, causes=[cause("app.X")]), LIMITS).verdict == "unconfirmed"
    descriptors = replace(found, steady=steady(survivors=gains, fds=gains))
    assert judge_repeats(descriptors, LIMITS).reason.startswith("file descriptors grew on 11 of 12")


@pytest.mark.parametrize("every", [2, 5, 10])
def test_a_leak_on_some_runs_goes_on_in_a_longer_stretch(every: int) -> None:
    """It stays unconfirmed, however long one looks."""
    leaks = [int(run % every == 0) for run in range(24)]
    found = Repeats(
        steady(survivors=leaks, blocks=[8 + 3 * leak for leak in leaks]),
        net=Growth(blocks=4 + 3 * (60 // every), heap_bytes=0),
        net_runs=60,
        windows=[
            repeat("long", 100, blocks=4 + 3 * (100 // every), survivors=100 // every)
            for _ in range(4)
        ],
        **_BESIDE,
    )
    assert judge_repeats(found, LIMITS).verdict == "unconfirmed"


POOL = {"pool.Record": 1, "sqlite3.Connection": 1}


@pytest.mark.parametrize(
    ("on_each", "verdict"),
    [(POOL, "leak"), ({"dict": 5, "pool.Record": 1}, "leak"), ({"dict": 5}, "unconfirmed")],
)
def test_a_witness_accuses_for_what_both_have_left(
    on_each: dict[str, int], verdict: VerdictName
) -> None:
    """Both left a connection in the suite; the witness then leaks something else on each run."""
    repeated = [
        msgspec.structs.replace(record, types=on_each | {f"other.{record.number}": 1})
        for record in leaking("t.py::t[a]")
    ]
    run = a_run(
        swept("t.py::t[a]", 3, types=POOL),
        swept("t.py::t[b]", 3, types=POOL),
        repeats={"t.py::t[a]": repeated},
        assigned=assigned("t.py::t[a]", "t.py::t[b]", witness="t.py::t[a]"),
    )
    assert verdicts(judge_run(run))["t.py::t[b]"].verdict == verdict


def test_nobody_is_accused_while_a_witness_has_still_to_be_heard() -> None:
    """The time for repeats was over before the second one."""
    chosen = {
        f"t.py::{name}": AssignRecord(nodeid=f"t.py::{name}", signature="s", witness=name != "c")
        for name in "abc"
    }
    run = a_run(
        *(swept(f"t.py::{name}", 3) for name in "abc"),
        repeats={"t.py::a": leaking("t.py::a")},
        assigned=chosen,
    )
    found = {nodeid: test.verdict for nodeid, test in verdicts(judge_run(run)).items()}
    assert found == {"t.py::a": "leak", "t.py::b": "unconfirmed", "t.py::c": "unconfirmed"}
