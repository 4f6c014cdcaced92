"""The rule: evidence → verdict, with its reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readings import QUIET, evidence, repeat, steady, window

from pytest_leakcheck.judge.evidence import QUESTIONS, Evidence, Held
from pytest_leakcheck.judge.ledger import JUDGED, weigh
from pytest_leakcheck.judge.verdict import Judgement, judge
from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.results import VerdictName
from pytest_leakcheck.model.settings import Policy, Settings
from pytest_leakcheck.model.signals import Growth, Late, add_growth

QUICK = settings(max_examples=60, deadline=None)
SETTINGS = Settings()
POLICY = SETTINGS.policy


def traced(*left: int, sites: Sequence[Site] = (), number: int = 6) -> list[RepeatRecord]:
    """Repeats under tracemalloc, with the bytes that stayed of each."""
    return [repeat("traced", number, python_bytes=size, sites=list(sites)) for size in left]


def cause(holder: str = "app.CACHE[*]", **changes: Any) -> Cause:
    """A holder of one object of a hundred bytes a repeat."""
    plain: dict[str, Any] = {"fingerprint": "0123456789ab", "kind": "held", "head": "app.Item"}
    amounts = {"objects": 1, "python_bytes": 100}
    return Cause(**{**plain, **amounts, "holder": holder, **changes})


def container(holder: str = "app.NAMES[*]", **changes: Any) -> Cause:
    """A container that gains a value which the collector does not track."""
    return cause(holder, kind="container", objects=0, **changes)


def windows(*rates: float, number: int = 100, signal: str = "survivors") -> list[RepeatRecord]:
    """Soak windows with so much growth per repeat; objects cost three blocks each."""
    found = []
    for rate in rates:
        grown = {signal: round(rate * number)}
        if signal == "survivors":
            grown["blocks"] = 3 * grown[signal]
        values: dict[str, Any] = {"blocks": 0, **grown}
        found.append(window(number, **values))
    return found


def judged(found: Evidence) -> Judgement:
    """The judgement at the default settings."""
    return judge(found, SETTINGS)


# --- the truth table -----------------------------------------------------------------------------

OBJECTS = steady(survivors=[2] * 6)
HEAP = [5000, 5200, 4900, 5100, 5000, 5050]
ERRATIC = [500, 90_000, 300, 4000, 60_000, 250]
PLACE = Site(file="app.py", line=7, bytes=64, blocks=1)

TABLE: dict[str, tuple[Evidence, VerdictName, str]] = {
    # Exact signals: one is enough, where it goes on.
    "objects that go on": (
        evidence(OBJECTS, kept=2, soak=windows(2, 2, 2, 2, 2)),
        "leak",
        "grew on 6 of 6 repeats and over 500 more: +2 objects, +6 Python blocks per run",
    ),
    "objects that are replaced": (
        evidence(steady(survivors=[2] * 6, blocks=[0] * 6), kept=0),
        "settles",
        "2 objects are replaced on each run",
    ),
    "objects that several repeats together do not keep": (
        evidence(OBJECTS, kept=2, soak=windows(0)),
        "settles",
        "what grew in 6 repeats did not go on over 100 further repeats",
    ),
    "two objects a repeat that stay beside ten that are replaced": (
        evidence(steady(survivors=[12] * 6, blocks=[6] * 6), kept=2, soak=windows(2, 2, 2, 2)),
        "leak",
        "+2 objects",
    ),
    "objects now and then that go on": (
        evidence(steady(survivors=[1, 0, 1, 0, 1, 0]), kept=1, soak=windows(*[0.5] * 5)),
        "leak",
        "grew on 3 of 6 repeats and over 500 more: +0.5 objects",
    ),
    "objects now and then that do not": (
        evidence(steady(survivors=[1, 0, 1, 0, 1, 0]), kept=1, soak=windows(0)),
        "settles",
        "did not go on",
    ),
    "objects once": (
        evidence(steady(survivors=[1, 0, 0, 0, 0, 0])),
        "settles",
        "no growth in 6 repeats",
    ),
    "objects that come and go": (
        evidence(steady(survivors=[1, -1, 1, -1], blocks=[3, -3, 3, -3])),
        "settles",
        "no growth",
    ),
    "nothing": (evidence(steady(survivors=[0] * 3)), "settles", "no growth in 3 repeats"),
    "descriptors": (
        evidence(steady(fds=[1] * 6), soak=windows(1, 1, 1, 1, signal="fds")),
        "leak",
        "+1 file descriptors per run",
    ),
    "descriptors of a slow test": (
        evidence(steady(fds=[1] * 6), soak=[window(3, fds=3)]),
        "leak",
        "grew on 6 of 6 repeats and over 3 more: +1 file descriptors",
    ),
    "descriptors that old cycles had open": (
        evidence(steady(fds=[1] * 6), soak=[window(3, fds=0)]),
        "settles",
        "did not go on",
    ),
    "threads": (
        evidence(steady(threads=[1, 2, 1, 1, 2, 1]), soak=[window(3, threads=4)]),
        "leak",
        "threads per run",
    ),
    "children": (
        evidence(steady(children=[1] * 6), soak=[window(3, children=3)]),
        "leak",
        "+1 child processes per run",
    ),
    # A nuisance explains an amount of a signal, never a test.
    "a cache whose room is not known": (
        evidence(
            OBJECTS,
            kept=2,
            causes=[cause("re._cache[*]", bounded=True, objects=2)],
            soak=windows(2, 2, 2, 2),
        ),
        "settles",
        "it fills a cache that has a limit: re._cache[*]",
    ),
    "such a cache, and descriptors": (
        evidence(
            steady(survivors=[2] * 6, fds=[1] * 6),
            kept=2,
            causes=[cause("re._cache[*]", bounded=True, objects=2)],
            soak=[window(100, survivors=200, blocks=600, fds=100)] * 4,
        ),
        "leak",
        "+1 file descriptors per run",
    ),
    "such a cache, and another holder": (
        evidence(
            OBJECTS,
            kept=2,
            causes=[cause("re._cache[*]", bounded=True), cause("app.KEPT[*]")],
            soak=windows(2, 2, 2, 2),
        ),
        "leak",
        "+1 objects",
    ),
    "such a cache, and more native memory than its entries have": (
        evidence(
            steady(survivors=[1] * 6, heap_bytes=[5000] * 6),
            kept=1,
            causes=[cause("re._cache[*]", bounded=True)],
            soak=[window(100, survivors=100, blocks=300, heap_bytes=500_000)] * 5,
        ),
        "leak",
        "bytes of C heap",
    ),
    "a cache of objects whose native size cannot be seen": (
        evidence(
            steady(survivors=[1] * 6, heap_bytes=[5000] * 6),
            kept=1,
            causes=[cause("app.cached", bounded=True, extension=True)],
            soak=[window(100, survivors=100, blocks=300, heap_bytes=500_000)] * 5,
        ),
        "settles",
        "it fills a cache that has a limit: app.cached",
    ),
    "a cache that is full now, and objects that go on": (
        evidence(
            OBJECTS,
            kept=2,
            causes=[cause("app.cached", bounded=True, room=150, objects=2)],
            soak=windows(2, 1.5, 1, 1, 1, 1),
        ),
        "leak",
        "objects",
    ),
    "an owner that states a limit": (
        evidence(OBJECTS, kept=2, causes=[cause(limit=1000, objects=2)], soak=windows(2, 2, 2, 2)),
        "settles",
        "it fills what states a limit of 1,000: app.CACHE[*]",
    ),
    "an owner that does not keep to the limit it states": (
        evidence(OBJECTS, kept=2, causes=[cause(limit=50, objects=2)], soak=windows(*[2] * 6)),
        "leak",
        "objects",
    ),
    "dead references, not so many yet": (
        evidence(OBJECTS, kept=2, causes=[cause(dead=True, objects=2)], soak=windows(2, 2, 2)),
        "settles",
        "only what is dead gathers",
    ),
    "dead references that nobody drops": (
        evidence(OBJECTS, kept=2, causes=[cause(dead=True, objects=2)], soak=windows(*[2] * 11)),
        "leak",
        "objects",
    ),
    "the test runner's": (
        evidence(
            OBJECTS,
            kept=2,
            causes=[cause("_pytest.x[*]", objects=2, runner=True)],
            soak=windows(2, 2, 2, 2),
        ),
        "settles",
        "the test runner keeps it: _pytest.x[*]",
    ),
    "the test runner's and the user's": (
        evidence(
            OBJECTS,
            kept=2,
            causes=[cause("_pytest.x[*]", runner=True), cause("app.KEPT[*]")],
            soak=windows(2, 2, 2, 2),
        ),
        "leak",
        "+1 objects",
    ),
    "an entry for what a cache holds": (
        evidence(
            OBJECTS,
            kept=2,
            causes=[cause("re._cache[*]", bounded=True), cause("app.BY_ID[*]", weak=True)],
            soak=windows(2, 2, 2, 2),
        ),
        "settles",
        "it fills a cache",
    ),
    "an entry for what nobody but a leak can hold": (
        evidence(OBJECTS, kept=2, causes=[cause(weak=True, objects=2)], soak=windows(2, 2, 2, 2)),
        "leak",
        "objects",
    ),
    "a limit beside a table of names that are all there in the end": (
        evidence(
            steady(survivors=[60] * 6, blocks=[110] * 6),
            kept=60,
            causes=[
                cause("app.compiled[*]", limit=900, objects=60, python_bytes=9000),
                container("app.names[*]"),
            ],
            soak=[
                window(100, survivors=60 * rate, blocks=110 * rate)
                for rate in (100, 96, 98, 95, 97, 96, 40)
            ],
        ),
        "settles",
        "it grows less and less",
    ),
    # Growth that ends.
    "a cache that is full after a while": (
        evidence(OBJECTS, kept=2, causes=[cause()], soak=windows(2, 2, 1.2, 0)),
        "settles",
        "did not go on",
    ),
    "one object beside a cache that is full after a while": (
        evidence(OBJECTS, kept=2, causes=[cause()], soak=windows(35, 1, 1, 1, 1, 1, 1, 1)),
        "leak",
        "+1 objects",
    ),
    "a table that is emptied now and then": (
        evidence(
            steady(blocks=[3] * 6),
            causes=[container()],
            soak=windows(3, -1.5, 0.4, -0.3, 0.2, signal="blocks"),
        ),
        "settles",
        "what came went again",
    ),
    "keys that come by chance, ever fewer of them new": (
        evidence(OBJECTS, kept=2, causes=[cause()], soak=windows(1.5, 0.9, 0.5, 0.3, 0.15)),
        "settles",
        "it grows less and less",
    ),
    # Counts with noise: two that agree, or one that is even.
    "blocks and heap": (
        evidence(
            steady(blocks=[6] * 6, heap_bytes=ERRATIC),
            soak=[window(100, blocks=600, heap_bytes=heap) for heap in (900_000, 40_000, 300_000)],
        ),
        "leak",
        "Python blocks",
    ),
    "blocks alone, in a few repeats": (
        evidence(steady(blocks=[6] * 6)),
        "unconfirmed",
        "+6 Python blocks per run, and no second signal agrees",
    ),
    "blocks alone, in many": (
        evidence(steady(blocks=[6] * 6), soak=windows(6, 6, 6, 6, signal="blocks")),
        "leak",
        "+6 Python blocks",
    ),
    "blocks of a slow test, traced": (
        evidence(steady(blocks=[6] * 6), soak=[window(6, blocks=36)], traces=traced(4000, 4200)),
        "leak",
        "+6 Python blocks",
    ),
    "a block of a slow test, at one place": (
        evidence(steady(blocks=[1] * 6), traces=traced(90, 90, sites=[PLACE])),
        "leak",
        "+1 Python blocks",
    ),
    "a block of a slow test, at no one place": (
        evidence(steady(blocks=[1] * 6), traces=traced(90, 90)),
        "unconfirmed",
        "no second signal agrees",
    ),
    "a block of a slow test, in a container": (
        evidence(steady(blocks=[1] * 6), causes=[container()]),
        "leak",
        "+1 Python blocks",
    ),
    "blocks that fall from repeat to repeat": (
        evidence(steady(blocks=[43, 21, 20, 13, 9, 4]), traces=traced(4000, 4200)),
        "settles",
        "it grows less and less",
    ),
    "traced alone": (
        evidence(steady(blocks=[0] * 6), traces=traced(4000, 4000)),
        "settles",
        "no growth",
    ),
    "heap of a slow test, even": (evidence(steady(heap_bytes=HEAP)), "leak", "bytes of C heap"),
    "heap of a slow test, to the byte on all repeats but one": (
        evidence(
            steady(heap_bytes=[256, 256, 256, 256, 1664, 256]),
            soak=[window(6, heap_bytes=1568), window(6, heap_bytes=1536)],
        ),
        "leak",
        "bytes of C heap per run",
    ),
    "heap of a slow test, erratic": (
        evidence(steady(heap_bytes=ERRATIC)),
        "unconfirmed",
        "no second signal",
    ),
    "heap, erratic, RSS follows": (
        evidence(steady(heap_bytes=ERRATIC, rss_bytes=[512 * 1024, 0, 0, 0, 0, 0])),
        "leak",
        "bytes of C heap per run",
    ),
    "heap, erratic, RSS moves little": (
        evidence(steady(heap_bytes=ERRATIC, rss_bytes=[128 * 1024, 0, 0, 0, 0, 0])),
        "unconfirmed",
        "",
    ),
    "little heap, and it goes on": (
        evidence(
            steady(heap_bytes=[192] * 6), soak=windows(192, 192, 192, 192, signal="heap_bytes")
        ),
        "leak",
        "+192 bytes of C heap per run",
    ),
    "little heap, and it does not": (
        evidence(steady(heap_bytes=[192] * 6), soak=windows(2, signal="heap_bytes")),
        "settles",
        "did not go on",
    ),
    "many windows outweigh one odd repeat": (
        evidence(
            steady(heap_bytes=[4096] * 5 + [0]), soak=windows(*[4096] * 5, signal="heap_bytes")
        ),
        "leak",
        "grew on 5 of 6 repeats and over 500 more",
    ),
    "maps that are never given back": (
        evidence(
            steady(mapped_bytes=[1_000_000] * 6),
            soak=windows(*[1_000_000] * 4, signal="mapped_bytes"),
        ),
        "leak",
        "bytes of address space",
    ),
    "maps for the C heap": (
        evidence(
            steady(mapped_bytes=[1_000_000] * 5, heap_bytes=[1_000_000, 10, 10, 10, 10]),
            soak=[window(100, mapped_bytes=100_000, heap_bytes=100)],
        ),
        "settles",
        "",
    ),
    "arenas now and then": (
        evidence(steady(mapped_bytes=[1 << 20, 0, 0, 0, 0, 1 << 20])),
        "settles",
        "",
    ),
    # pytest's own.
    "as the blank test": (
        evidence(
            steady(blocks=[7] * 6, heap_bytes=[900] * 6), blank=Growth(blocks=7, heap_bytes=900)
        ),
        "settles",
        "no growth",
    ),
    "as the blank test's windows": (
        evidence(
            steady(blocks=[9] * 6),
            blank_windows=[window(60, blocks=120)] * 3,
            soak=windows(2, 2, 2, 2, signal="blocks"),
        ),
        "settles",
        "did not go on",
    ),
    "a cost that came once in a blank window is no rate": (
        evidence(
            steady(heap_bytes=[256] * 6),
            blank_windows=[window(60, heap_bytes=n) for n in (40_000, 0, 0)],
            soak=windows(*[256] * 5, signal="heap_bytes"),
        ),
        "leak",
        "+256 bytes of C heap",
    ),
    "a blank test that shrank adds nothing": (
        evidence(steady(survivors=[0] * 6), blank=Growth(survivors=-4)),
        "settles",
        "no growth",
    ),
    "RSS alone": (
        evidence(steady(rss_bytes=[10**8] * 12), soak=windows(10**8, signal="rss_bytes")),
        "settles",
        "",
    ),
    # Wider fixtures.
    "held by a fixture": (
        evidence(
            OBJECTS, kept=2, soak=windows(2, 2, 2, 2), release=[window(6, "release-window")] * 2
        ),
        "held",
        "released when its wider fixtures ended",
    ),
    "half of it released": (
        evidence(
            OBJECTS,
            kept=2,
            soak=windows(2, 2, 2, 2),
            release=[window(6, "release-window", survivors=6)] * 2,
        ),
        "leak",
        "",
    ),
    "released, beside what a set-up leaves once": (
        evidence(
            OBJECTS,
            kept=2,
            soak=windows(2, 2, 2, 2),
            release=[window(6, survivors=30, blocks=90), window(6)],
        ),
        "held",
        "",
    ),
    "objects released, descriptors not": (
        evidence(
            steady(survivors=[4] * 6, fds=[1] * 6),
            kept=4,
            soak=[window(50, survivors=200, blocks=600, fds=50)] * 4,
            release=[window(6, fds=6)] * 2,
        ),
        "leak",
        "",
    ),
    # Repeats that do not pass.
    "fails when run again": (
        evidence([repeat(survivors=5), repeat(number=1, survivors=5, outcome="failed")]),
        "not judged",
        "it does not pass when it runs again (failed)",
    ),
    "not repeated": (evidence(), "unconfirmed", "it was not repeated"),
    "a window in which it fails says nothing": (
        evidence(
            steady(fds=[1] * 6), soak=[window(50, fds=50), window(20, fds=0, outcome="failed")]
        ),
        "leak",
        "",
    ),
    # Late garbage.
    "late garbage": (
        evidence([repeat(number=n, late=Late(objects=90, heap_bytes=70_000)) for n in range(3)]),
        "late",
        "90 objects wait for the cyclic collector after each run; nothing stays",
    ),
    "little late garbage": (
        evidence([repeat(number=n, late=Late(objects=90, heap_bytes=60_000)) for n in range(3)]),
        "settles",
        "",
    ),
    "nothing seen at all": (
        evidence(steady("steady", **{name: [None] * 3 for name in QUIET})),
        "settles",
        "",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_recorded_readings_give_the_verdict(case: str) -> None:
    """The truth table of the rule, with the words that a person reads."""
    found, verdict, words = TABLE[case]
    told = judged(found)
    assert told.verdict == verdict, told.reason
    assert words in told.reason


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("holders", "who holds it"),
        ("soak", "over many repeats"),
        ("release", "whether its wider fixtures let it go"),
    ],
)
def test_a_question_that_was_not_asked_is_named(question: Any, words: str) -> None:
    """The reason says which answer is missing."""
    asked = [one for one in QUESTIONS if one != question]
    soak = windows(2) if question == "soak" else windows(2, 2, 2, 2, 2)
    kept = None if question == "holders" else 2
    told = judged(evidence(OBJECTS, kept=kept, causes=[], soak=soak, asked=asked))
    assert told.verdict == "unconfirmed"
    assert words in told.reason


def test_many_repeats_together_say_how_much_stays() -> None:
    """Of two objects a repeat, one takes the place of another."""
    assert judged(evidence(OBJECTS, kept=1)).slopes["survivors"].per_run == 1.0
    told = judged(evidence(OBJECTS, kept=2, soak=windows(1, 1, 1)))
    assert told.slopes["survivors"].per_run == 1.0


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
causes = st.sampled_from(
    [
        (),
        (cause(),),
        (container(),),
        (cause("re._cache[*]", bounded=True),),
        (cause("app.cached", bounded=True, room=40), cause()),
        (cause(dead=True),),
    ]
)


def times(growth: Growth, number: int) -> Growth:
    """So many times a growth."""
    values = msgspec.structs.asdict(growth)
    return Growth(**{name: value and value * number for name, value in values.items()})


@st.composite
def asked(draw: st.DrawFn) -> Evidence:
    """Any evidence: growing or not, erratic or even, with some questions asked and some not."""
    leaning = draw(growths)

    def some(number: int) -> Growth:
        return times(add_growth(draw(growths), leaning), number)

    runs = [repeat("steady", n) for n in range(draw(st.integers(1, 7)))]
    held = draw(causes)
    return Evidence(
        steady=tuple(msgspec.structs.replace(run, growth=some(1)) for run in runs),
        blank=evidence(
            blank=draw(st.builds(Growth, heap_bytes=st.integers(0, 900), blocks=st.integers(0, 9)))
        ).blank,
        held=Held(draw(st.integers(0, 3)), tuple(c for c in held if c.kind == "held")),
        containers=tuple(c for c in held if c.kind == "container"),
        soak=tuple(
            msgspec.structs.replace(window(60), growth=some(60))
            for _ in range(draw(st.integers(0, 6)))
        ),
        traces=tuple(traced(*draw(st.lists(st.integers(0, 900), max_size=2)))),
        asked=frozenset(draw(st.sets(st.sampled_from(QUESTIONS)))),
    )


def done(found: Evidence) -> Evidence:
    """The same, with all questions done."""
    return replace(found, asked=frozenset(QUESTIONS))


@QUICK
@given(found=asked(), order=st.randoms(use_true_random=False))
def test_the_order_of_answers_does_not_matter(found: Evidence, order: Any) -> None:
    """Evidence has no history: built field by field in any order it is judged alike."""
    names = ["steady", "blank", "held", "containers", "soak", "traces", "asked"]
    order.shuffle(names)
    built = Evidence()
    for name in names:
        built = replace(built, **{name: getattr(found, name)})
    assert judged(built) == judged(found)


@QUICK
@given(asked())
def test_a_question_that_was_not_asked_never_decides(found: Evidence) -> None:
    """What the rule would say of some answers, it says only where no other is wanted any more."""
    from pytest_leakcheck.judge.protocol import deciding_question

    told = judged(found).verdict
    missing = deciding_question(found, SETTINGS)
    if missing is not None and missing != "repeats":
        assert told in ("unconfirmed", "not judged")
    if told == "leak":
        assert missing is None


@QUICK
@given(asked(), st.sampled_from(["fds", "threads", "children"]), st.integers(1, 5))
def test_one_more_growing_signal_never_takes_a_leak_away(
    found: Evidence, name: str, amount: int
) -> None:
    """A nuisance beside it explains no descriptor."""

    def with_more(records: Sequence[RepeatRecord], number: int) -> tuple[RepeatRecord, ...]:
        return tuple(
            msgspec.structs.replace(
                r, growth=msgspec.structs.replace(r.growth, **{name: amount * number})
            )
            for r in records
        )

    more = replace(done(found), steady=with_more(found.steady, 1), soak=with_more(found.soak, 60))
    if judged(done(found)).verdict == "leak":
        assert judged(more).verdict == "leak"
    if len(found.steady) + len(found.soak) >= 4:
        assert judged(more).verdict == "leak"


@QUICK
@given(
    rate=st.integers(1, 50),
    first=st.integers(1, 4),
    more=st.integers(1, 8),
    signal=st.sampled_from(["survivors", "fds", "heap_bytes"]),
)
def test_more_of_the_same_growth_never_weakens_a_verdict(
    rate: int, first: int, more: int, signal: str
) -> None:
    """A leak over some windows is one over more of them."""
    rate = rate * 64 if signal == "heap_bytes" else rate
    values: dict[str, Any] = {signal: [rate] * 6}
    single = steady(**values)
    some, many = (
        judged(evidence(single, kept=rate, soak=windows(*[rate] * number, signal=signal)))
        for number in (first, first + more)
    )
    assert some.verdict == many.verdict == "leak"


@QUICK
@given(asked())
def test_the_sign_told_is_the_sign_judged(found: Evidence) -> None:
    """No leak whose growth is not positive."""
    told = judged(done(found))
    if told.verdict not in ("leak", "held"):
        return
    grows = [n for n, a in weigh(done(found), POLICY).items() if a.trend == "grows"]
    assert any(told.slopes[name].per_run > 0 for name in grows)
    assert "-" not in told.reason.partition(": ")[2].partition(" per run")[0]


@QUICK
@given(
    found=asked(),
    amount=st.builds(
        Growth,
        heap_bytes=st.integers(0, 10**6),
        blocks=st.integers(0, 10**4),
        survivors=st.integers(0, 100),
        fds=st.integers(0, 9),
    ),
)
def test_what_the_blank_test_leaves_too_never_changes_the_verdict(
    found: Evidence, amount: Growth
) -> None:
    """A constant on top of the blank test and of every reading is no growth of the test."""
    found = replace(done(found), held=Held(100))

    def on_top(records: Sequence[RepeatRecord], number: int) -> tuple[RepeatRecord, ...]:
        return tuple(
            msgspec.structs.replace(r, growth=add_growth(r.growth, times(amount, number)))
            for r in records
        )

    base = msgspec.structs.replace(Growth(**QUIET), **_known(found.blank.growth))
    more = replace(
        found,
        steady=on_top(found.steady, 1),
        soak=on_top(found.soak, 60),
        blank=replace(
            found.blank,
            growth=add_growth(base, amount),
            windows=on_top([window(60)] * 3, 60),
        ),
    )
    assert judged(more).verdict == judged(found).verdict


def _known(growth: Growth) -> dict[str, int]:
    values = msgspec.structs.asdict(growth)
    return {name: value for name, value in values.items() if value is not None}


@QUICK
@given(
    rss=st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=12),
    growth=st.builds(
        Growth,
        heap_bytes=st.integers(-(10**6), int(POLICY.least_heap_bytes)),
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
        msgspec.structs.replace(
            repeat("steady", n), growth=msgspec.structs.replace(growth, rss_bytes=value)
        )
        for n, value in enumerate(rss)
    ]
    assert judged(evidence(runs)).verdict == "settles"


@QUICK
@given(asked())
def test_every_signal_that_was_seen_has_an_account(found: Evidence) -> None:
    """What is not seen is not judged, and everything else is."""
    accounts = weigh(done(found), POLICY)
    assert set(accounts) == set(JUDGED) - {"mapped_bytes"}


def test_the_numbers_of_the_rule_are_few() -> None:
    """One place, and a reason beside each."""
    assert len(Policy.__struct_fields__) <= 20


@pytest.mark.parametrize("shrank", [0, 50])
def test_one_window_against_all_repeats_asks_for_another(shrank: int) -> None:
    """Something else may have gone meanwhile: two windows that agree decide."""
    so_far = ["repeats", "holders", "containers", "release", "trace", "watch", "native"]
    found = evidence(OBJECTS, kept=2, soak=windows(-shrank), asked=so_far)
    assert weigh(found, POLICY)["survivors"].trend == "open"
    again = replace(found, soak=tuple(windows(-shrank, 0)))
    assert weigh(again, POLICY)["survivors"].trend == "flat"
