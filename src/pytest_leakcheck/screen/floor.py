"""What a suite's tests leave without leaking: the floor that a candidate exceeds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.settings import Thresholds

if TYPE_CHECKING:
    from pytest_leakcheck.model.run import Span
from pytest_leakcheck.screen.reasons import reasons

#: An object that pytest keeps of a test has one more block beside it, by and large: the blocks of
#: tests of one suite rise by 11 for 5 such objects, by 923 for 473, by 1,432 for 715.
_BLOCKS_OF_PYTESTS = 2.0
#: Of more of them less is known: the instance of a test class keeps what the test puts there.
_MOST_OF_PYTESTS = 16
#: What pytest keeps of a test, its reports before all, takes no more than so much of the C heap and
#: so many blocks for each of its objects, and so much whatever they are: a bare suite's tests leave
#: 18 objects, 5 to 8 KiB and 37 to 43 blocks. What the median test leaves beyond that is the
#: tests' own, and no floor.
_HEAP_OF_PYTESTS, _HEAP_AT_LEAST = 512, 4096
_BLOCKS_AT_MOST, _BLOCKS_AT_LEAST = 4.0, 16.0
#: Tests of a restless suite may differ by so many times that before it is more than noise.
_SPREAD = 4


@dataclass(frozen=True, slots=True)
class Floor:
    """What the median test of a suite leaves, as far as that can be pytest's own share."""

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
    most_heap = _HEAP_OF_PYTESTS * usual + _HEAP_AT_LEAST
    most_blocks = _BLOCKS_AT_MOST * usual + _BLOCKS_AT_LEAST
    return Floor(
        heap_bytes=min(max(heap, 0.0), most_heap),
        heap_limit=max(
            limits.candidate_heap_bytes,
            min(limits.candidate_spread * heap_mad, _SPREAD * most_heap),
        ),
        blocks=min(max(blocks, 0.0), most_blocks),
        blocks_limit=max(
            limits.candidate_blocks,
            min(limits.candidate_spread * blocks_mad, _SPREAD * most_blocks),
        ),
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


def median_floor(values: Sequence[float]) -> tuple[float, float]:
    """The median of ``values`` and their median absolute deviation from it; 0, 0 for none."""
    if not values:
        return 0.0, 0.0
    middle = statistics.median(values)
    return middle, statistics.median(abs(value - middle) for value in values)
