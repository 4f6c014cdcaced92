"""Which tests may leak: those whose growth in the sweep is beyond the floor, alone or in a span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_leakcheck.model.journal_lines import TestRecord
from pytest_leakcheck.model.settings import Thresholds
from pytest_leakcheck.model.signals import Growth

if TYPE_CHECKING:
    from pytest_leakcheck.model.run import Span
from pytest_leakcheck.screen.candidate import Candidate
from pytest_leakcheck.screen.floor import Floor, sweep_floor
from pytest_leakcheck.screen.reasons import reasons, span_reasons
from pytest_leakcheck.screen.signature import digest, signature
from pytest_leakcheck.screen.weight import weight

#: Notes that make a test's growth unreadable, with the reason that a person reads.
DISTURBED = {
    "gc-frozen": "it calls gc.freeze() itself, which hides what it leaves behind",
    "gc-unfrozen": "it calls gc.unfreeze() itself, after which old and new cannot be told apart",
    "same-id": "another file's test has the same node id: run pytest from a folder above both",
    "interrupted": "it was interrupted before its end",
}


def find_candidates(
    tests: Sequence[TestRecord], limits: Thresholds, spans: Sequence[Span] = ()
) -> list[Candidate]:
    """The passed, undisturbed tests that grew beyond the suite's floor. In order of the run."""
    floor = sweep_floor(tests, limits, spans)
    together = span_reasons(spans, floor)
    found: list[Candidate] = []
    for test in tests:
        if test.outcome != "passed" or any(note in DISTURBED for note in test.notes):
            continue
        alone = reasons(test, floor)
        with_others = together.get(test.nodeid, [])
        why = [*alone, *with_others]
        if why:
            if not alone:
                # Of what grew together nobody knows who grew alike.
                mark = digest([test.nodeid])
            elif not with_others and floor.covers(test):
                mark = digest(["what most tests leave"])
            else:
                mark = signature(test, floor)
            found.append(
                Candidate(
                    nodeid=test.nodeid,
                    signature=mark,
                    weight=weight(test.growth),
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
    return any((count or 0) > 0 for count in counted) or heap > 16 * limits.candidate_heap_bytes
