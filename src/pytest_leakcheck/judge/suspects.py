"""Which tests of a sweep are worth a repeat, and which of them stand for the others."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_leakcheck.judge.statistics import median_floor
from pytest_leakcheck.records import FixtureRecord, Growth, Late, TestRecord, add_growth
from pytest_leakcheck.settings import Settings, Thresholds

if TYPE_CHECKING:
    from pytest_leakcheck.journal import Span

#: Notes that make a test's growth unreadable, with the reason that a person reads.
DISTURBED = {
    "forked": "it forks, and a child inherits what the parent measures",
    "gc-frozen": "it calls gc.freeze() itself, which hides what it leaves behind",
    "gc-unfrozen": "it calls gc.unfreeze() itself, after which old and new cannot be told apart",
    "same-id": "another file's test has the same node id: run pytest from a folder above both",
    "interrupted": "it was interrupted before its end",
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A test whose growth asks for repeats."""

    nodeid: str
    signature: str
    """Tests of one signature grew alike."""
    weight: float
    """How much it grew; orders witnesses."""
    why: str
    duration_s: float = 0.0
    patient: bool = False
    """It left something and imported nothing: a few calm repeats do not clear it, since it may leak
    on some runs only."""


@dataclass(frozen=True, slots=True)
class FixtureSuspect:
    """A wider fixture that did not give back what its set-up took."""

    fixture: str
    scope: str
    where: str
    nodeid: str
    """A test that sets it up."""
    balance: Growth

    @property
    def name(self) -> str:
        """What stands for the fixture where a test's node id would stand."""
        return f"{self.where}::{self.fixture} [{self.scope} fixture]"


#: An object that pytest keeps of a test has one more block beside it, by and large: the blocks of
#: tests of one suite rise by 11 for 5 such objects, by 923 for 473, by 1,432 for 715.
_BLOCKS_OF_PYTESTS = 2.0
#: Of more of them less is known: the instance of a test class keeps what the test puts there.
_MOST_OF_PYTESTS = 16


@dataclass(frozen=True, slots=True)
class Floor:
    """What the median test of a suite leaves: pytest's own share, mostly."""

    heap_bytes: float
    heap_limit: float
    blocks: float
    blocks_limit: float
    types: Mapping[str, int] = field(default_factory=dict)
    """Objects by type that more than half of the tests leave, most of them replaced by the next
    test: what a fixture of all tests keeps until it is set up again. Empty in a small suite."""
    pytest_survivors: float = 0.0
    """Objects that pytest keeps of the median test."""

    def blocks_of(self, test: TestRecord) -> float:
        """The Python blocks that are pytest's share of a test: more where it keeps more objects, as
        of a test whose fixtures use wider ones."""
        return self.blocks + _blocks_of_pytests(test, self.pytest_survivors)

    def beyond(self, test: TestRecord) -> dict[str, int]:
        """The objects of a test, by type, that are more than those that most tests leave."""
        return {
            name: count - self.types.get(name, 0)
            for name, count in test.types.items()
            if count > self.types.get(name, 0)
        }

    def covers(self, test: TestRecord) -> bool:
        """Whether a test left nothing but objects, and none that most tests do not leave."""
        return (
            bool(self.types)
            and not self.beyond(test)
            and (test.growth.survivors or 0) <= sum(self.types.values())
            and len(reasons(test, self)) == 1
        )


def _blocks_of_pytests(test: TestRecord, usual: float) -> float:
    """The blocks of what pytest keeps of a test beyond as many objects as usual."""
    more = max(0.0, test.pytest_survivors - usual)
    return _BLOCKS_OF_PYTESTS * min(more, _MOST_OF_PYTESTS)


def sweep_floor(
    tests: Sequence[TestRecord], limits: Thresholds, spans: Iterable[Span] = ()
) -> Floor:
    """The suite's floor for the signals that pytest itself moves."""
    passed = [t for t in tests if t.outcome == "passed"]
    growths = [t.growth for t in passed]
    heaps = [float(g.heap_bytes) for g in growths if g.heap_bytes is not None]
    usual, _ = median_floor([float(t.pytest_survivors) for t in passed])
    counts = [
        t.growth.blocks - _blocks_of_pytests(t, usual)
        for t in passed
        if t.growth.blocks is not None
    ]
    for span in spans:
        size = len(span.nodeids)
        values = heaps if span.signal == "heap_bytes" else counts
        values += [span.grown / size] * size
    heap, heap_mad = median_floor(heaps)
    blocks, blocks_mad = median_floor(counts)
    return Floor(
        heap_bytes=max(heap, 0.0),
        heap_limit=max(limits.suspect_heap_bytes, limits.suspect_spread * heap_mad),
        blocks=max(blocks, 0.0),
        blocks_limit=max(limits.suspect_blocks, limits.suspect_spread * blocks_mad),
        types=_common_types(passed),
        pytest_survivors=usual,
    )


#: Of fewer tests each is soon repeated, and what most of them leave may be chance.
_LEAST_FOR_COMMON = 20


def _common_types(tests: Sequence[TestRecord]) -> dict[str, int]:
    """For each type the number of objects that more than half of the tests leave, or more."""
    if len(tests) < _LEAST_FOR_COMMON:
        return {}
    counts: dict[str, list[int]] = defaultdict(list)
    for test in tests:
        for name, count in test.types.items():
            counts[name].append(count)
    less = len(tests) // 2  # so many may leave less of it
    return {
        name: sorted(found, reverse=True)[less]
        for name, found in counts.items()
        if len(found) > less
    }


def reasons(test: TestRecord, floor: Floor) -> list[str]:
    """Why a test of the sweep is a suspect, in words; empty when it is not."""
    growth = test.growth
    found: list[str] = []
    if growth.survivors:
        objects = "object survives" if growth.survivors == 1 else "objects survive"
        found.append(f"{growth.survivors} {objects} it")
    if growth.heap_bytes is not None and growth.heap_bytes - floor.heap_bytes > floor.heap_limit:
        found.append(f"the C heap grew by {growth.heap_bytes} bytes")
    blocks = (growth.blocks or 0) - floor.blocks_of(test)
    if growth.blocks is not None and blocks > floor.blocks_limit:
        found.append(f"{growth.blocks} Python blocks stay")
    for count, what in (
        (growth.fds, "file descriptors"),
        (growth.threads, "threads"),
        (growth.children, "child processes"),
    ):
        if count is not None and count > 0:
            found.append(f"{count} {what} stay")
    return found


def span_reasons(spans: Iterable[Span], floor: Floor) -> dict[str, list[str]]:
    """Node id → why a test is a suspect whose signals were not read after itself: together with
    its neighbours it grew beyond the floor."""
    found: dict[str, list[str]] = defaultdict(list)
    for span in spans:
        size = len(span.nodeids)
        of_heap = span.signal == "heap_bytes"
        least, limit = (
            (floor.heap_bytes, floor.heap_limit) if of_heap else (floor.blocks, floor.blocks_limit)
        )
        beyond = span.grown - size * least
        if beyond <= size * limit:  # the noise of each adds up
            continue
        grown = f"the C heap grew by {beyond:.0f} bytes" if of_heap else f"{beyond:.0f} blocks stay"
        for nodeid in span.nodeids:
            found[nodeid].append(f"over {size} tests, of which it is one, {grown}")
    return found


def find_suspects(
    tests: Sequence[TestRecord], limits: Thresholds, spans: Sequence[Span] = ()
) -> list[Suspect]:
    """The passed, undisturbed tests that grew beyond the suite's floor. In order of the run."""
    floor = sweep_floor(tests, limits, spans)
    together = span_reasons(spans, floor)
    found: list[Suspect] = []
    for test in tests:
        if test.outcome != "passed" or any(note in DISTURBED for note in test.notes):
            continue
        alone = reasons(test, floor)
        with_others = together.get(test.nodeid, [])
        why = [*alone, *with_others]
        if why:
            if not alone:
                # Of what grew together nobody knows who grew alike.
                mark = _hash([test.nodeid])
            elif not with_others and floor.covers(test):
                mark = _hash(["what most tests leave"])
            else:
                mark = signature(test, floor)
            found.append(
                Suspect(
                    nodeid=test.nodeid,
                    signature=mark,
                    weight=_weight(test.growth),
                    why="; ".join(why),
                    duration_s=test.duration_s,
                    patient=not test.module_count and _is_plain(test.growth, floor, limits),
                )
            )
    return found


def _is_plain(growth: Growth, floor: Floor, limits: Thresholds) -> bool:
    """Whether more than a first use of the interpreter's caches has to explain the growth."""
    counted = (growth.fds, growth.threads, growth.children)
    heap = (growth.heap_bytes or 0) - floor.heap_bytes
    return any((count or 0) > 0 for count in counted) or heap > 16 * limits.suspect_heap_bytes


def signature(test: TestRecord, floor: Floor) -> str:
    """A hash that tests share which grew alike, beyond what most tests leave.

    Types of the user's or a library's classes are telling, and so are the names of files that stay
    open: tests that leave the same ones are grouped over the whole suite. Growth without them is
    grouped within one test function only, by its size.
    """
    growth = test.growth
    telling = [*sorted(telling_types(floor.beyond(test)))[:6], *telling_files(test.opened)]
    parts = [
        *telling,
        f"fds {_grew(growth.fds)}",
        f"threads {_grew(growth.threads)}",
        f"children {_grew(growth.children)}",
    ]
    if not telling:
        heap = (growth.heap_bytes or 0) - floor.heap_bytes
        parts.append(f"heap {_magnitude(heap) if heap > floor.heap_limit else 0}")
        parts.append(function_of(test.nodeid))
    return _hash(parts)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()[:12]


def screening_time(tests: Iterable[TestRecord], settings: Settings) -> float:
    """Seconds in which tests that show nothing may begin to be repeated."""
    if settings.screen_s is not None:
        return settings.screen_s
    spent = sum(test.duration_s for test in tests)
    return max(settings.screen_least_s, settings.screen_share * spent)


def choose_screened(
    tests: Sequence[TestRecord],
    suspects: Iterable[Suspect],
    settings: Settings,
    cleared: Container[str] = (),
    near: Container[str] = (),
) -> list[TestRecord]:
    """Unsuspicious tests that are repeated all the same, within the time for it.

    One run is full of first uses, behind which a small leak hides; a few repeats see it. One test
    of each function comes before the other instances, those that left most come first. Before all
    of them come the ``cleared``: suspects whom others, which grew alike, have spoken free.

    Args:
        near: files in which tests leak: others there are likely to do so, and come first.

    Returns:
        In the order in which they are wanted, as many as fit.
    """
    limits = settings.thresholds
    floor = sweep_floor(tests, limits)
    known = {s.nodeid for s in suspects if s.nodeid not in cleared}
    fit = [
        test
        for test in tests
        if test.outcome == "passed"
        and test.nodeid not in known
        and not any(note in DISTURBED for note in test.notes)
    ]
    allowed = screening_time(tests, settings)
    runs = settings.warmups + settings.calm_repeats
    chosen: list[TestRecord] = []
    ranked = _by_function_first(fit, floor, near)
    for test in sorted(ranked, key=lambda test: test.nodeid not in cleared):
        cost = runs * test.duration_s + settings.screen_cost_s
        if cost <= allowed:
            allowed -= cost
            chosen.append(test)
    return chosen


def _by_function_first(
    tests: Iterable[TestRecord], floor: Floor, near: Container[str]
) -> list[TestRecord]:
    """One test of each function, those in files ``near`` first, then the second of each, and so on;
    the heaviest first."""
    ranked = sorted(tests, key=lambda t: (-_excess(t, floor), t.nodeid))
    turns: dict[str, int] = defaultdict(int)
    placed: list[tuple[int, int, TestRecord]] = []
    for at, test in enumerate(ranked):
        function = function_of(test.nodeid)
        turn = turns[function]
        placed.append((turn if turn or file_of(function) not in near else -1, at, test))
        turns[function] += 1
    placed.sort(key=lambda entry: entry[:2])
    return [test for _, _, test in placed]


def _excess(test: TestRecord, floor: Floor) -> float:
    """What a test left beyond the suite's floor, in bytes, about."""
    heap = (test.growth.heap_bytes or 0) - floor.heap_bytes
    blocks = (test.growth.blocks or 0) - floor.blocks_of(test)
    return max(heap, 64.0 * blocks)


#: A file whose name, up to its suffix, has two letters in a row that chance did not choose.
_NAMED_FILE = re.compile(r"(?:deleted )?file \.?(?!tmp\*)[^.]*[^\W\d_]{2}")

#: Modules whose types stand for the interpreter's own bookkeeping rather than for a cause.
_PLUMBING = frozenset(
    (
        *("abc", "_abc", "_collections_abc", "collections", "enum", "functools", "inspect"),
        *("_frozen_importlib", "_frozen_importlib_external", "_io", "itertools", "operator"),
        *("pathlib", "re", "types", "typing", "weakref", "_weakrefset"),
    )
)


def telling_types(types: Iterable[str]) -> set[str]:
    """The names among these that stand for a class of the user's or a library's."""
    return {name for name in types if _is_telling(name)}


def telling_files(opened: Iterable[str]) -> list[str]:
    """The names among these of files whose names are not left to chance, sorted."""
    return sorted({what for what in opened if _NAMED_FILE.match(what)})


def _is_telling(type_name: str) -> bool:
    return "." in type_name and type_name.partition(".")[0] not in _PLUMBING


def function_of(nodeid: str) -> str:
    """The test function of a node id: without its parameters."""
    return nodeid.partition("[")[0]


def garbage_kin(nodeid: str, late: Late) -> tuple[str, int]:
    """What tests share of which one tells for all what they leave to the cyclic collector:
    instances of one function that leave it as many objects."""
    return function_of(nodeid), late.objects


def file_of(nodeid: str) -> str:
    """The file that collects a test, relative to the root folder."""
    return nodeid.partition("::")[0]


def choose_witnesses(
    suspects: Iterable[Suspect], most: int, heard: Container[str] = ()
) -> dict[str, list[Suspect]]:
    """Up to ``most`` suspects of each signature, less those of it who were ``heard``: the heaviest
    first, then from other files."""
    chosen: dict[str, list[Suspect]] = {}
    for key, group in _by_signature(suspects).items():
        new = [s for s in group if s.nodeid not in heard]
        chosen[key] = _spread_over_files(new, max(0, most - (len(group) - len(new))))
    return chosen


def quickest_of_each(suspects: Iterable[Suspect], heard: Container[str]) -> list[Suspect]:
    """One suspect of each signature of which nobody was ``heard``."""
    return [
        min(group, key=lambda s: (s.duration_s, s.nodeid))
        for group in _by_signature(suspects).values()
        if not any(s.nodeid in heard for s in group)
    ]


def _by_signature(suspects: Iterable[Suspect]) -> dict[str, list[Suspect]]:
    groups: dict[str, list[Suspect]] = defaultdict(list)
    for suspect in suspects:
        groups[suspect.signature].append(suspect)
    return groups


def split_by_function(suspects: Iterable[Suspect], unheard: Container[str]) -> list[Suspect]:
    """The suspects whose signatures have members for whom no witness speaks, grouped anew: by test
    function, too. Those of one function only are left out, since nothing would change."""
    groups = _by_signature(suspects)
    return [
        replace(suspect, signature=_finer(suspect))
        for group in groups.values()
        if any(s.nodeid in unheard for s in group)
        and len({function_of(s.nodeid) for s in group}) > 1
        for suspect in group
    ]


def _finer(suspect: Suspect) -> str:
    return _hash([suspect.signature, function_of(suspect.nodeid)])


def _spread_over_files(group: list[Suspect], most: int) -> list[Suspect]:
    ranked = sorted(group, key=lambda s: (-s.weight, s.nodeid))
    chosen: list[Suspect] = []
    functions: set[str] = set()
    files: set[str] = set()
    for taken in (files, functions):
        for suspect in ranked:
            function = function_of(suspect.nodeid)
            key = file_of(function) if taken is files else function
            if len(chosen) < most and key not in taken and suspect not in chosen:
                chosen.append(suspect)
                files.add(file_of(function))
                functions.add(function)
    chosen += [s for s in ranked if s not in chosen][: most - len(chosen)]
    return chosen


def find_fixture_suspects(
    fixtures: Iterable[FixtureRecord], limits: Thresholds
) -> list[FixtureSuspect]:
    """Wider fixtures that were finalised and kept a part of what their set-up took.

    Session fixtures live as long as the run and are left out.
    """
    setups: dict[int, FixtureRecord] = {}
    found: dict[tuple[str, str], FixtureSuspect] = {}
    for record in fixtures:
        if record.scope == "session":
            continue
        if record.phase == "setup":
            setups[record.instance] = record
            continue
        begun = setups.pop(record.instance, None)
        if begun is None:
            continue
        balance = add_growth(begun.growth, record.growth)
        key = (record.where, record.fixture)
        if key not in found and _kept(balance, limits):
            found[key] = FixtureSuspect(
                fixture=record.fixture,
                scope=record.scope,
                where=record.where,
                nodeid=begun.nodeid,
                balance=balance,
            )
    return list(found.values())


def fixture_suspects(
    workers: Iterable[Iterable[FixtureRecord]], limits: Thresholds
) -> dict[str, FixtureSuspect]:
    """Those of all workers, by the name of the fixture."""
    return {s.name: s for records in workers for s in find_fixture_suspects(records, limits)}


def _kept(balance: Growth, limits: Thresholds) -> bool:
    if any((count or 0) > 0 for count in (balance.fds, balance.threads, balance.children)):
        return True
    return (balance.heap_bytes or 0) > 16 * limits.suspect_heap_bytes


def _weight(growth: Growth) -> float:
    return (
        (growth.heap_bytes or 0)
        + 64.0 * (growth.blocks or 0)
        + 100.0 * (growth.survivors or 0)
        + 10_000.0 * ((growth.fds or 0) + (growth.threads or 0) + (growth.children or 0))
    )


def _grew(count: int | None) -> bool:
    return (count or 0) > 0


def _magnitude(value: float) -> int:
    return int(abs(value)).bit_length() // 2
