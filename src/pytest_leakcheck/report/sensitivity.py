"""How small a leak this session could see: what its calibration says, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_leakcheck.conclude.evidence import settings_of
from pytest_leakcheck.model.journal_lines import CalibrationRecord
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.model.words import listed, plural, size
from pytest_leakcheck.screen.floor import sweep_floor

if TYPE_CHECKING:
    from pytest_leakcheck.model.run import Run

_KINDS = (
    ("object_bytes", "a tracked object of {}"),
    ("python_bytes", "{} of other Python memory"),
    ("heap_bytes", "{} of C heap"),
)


def sensitivity_sentences(run: Run, judged: JudgedRun) -> list[str]:
    """The smallest leaks that are seen where tests were repeated, and where they ran once.

    Empty where nothing was repeated and no test was measured.
    """
    measured = [test for test in judged.tests if test.verdict != "not judged"]
    repeated = sum(test.basis == "repeated" for test in measured)
    sentences: list[str] = []
    if run.calibrations and repeated:
        seen, unseen = smallest_seen(run.calibrations)
        told = [words.format(size(seen[name])) for name, words in _KINDS if name in seen]
        sentences.append(
            f"{repeated:,} of {plural(len(measured), 'test')} {'was' if repeated == 1 else 'were'} "
            "repeated; there a leak is seen "
            f"from {listed(told, 'or') or 'no size'} per run on (planted in this session and seen)."
        )
        sentences += [
            f"Planted leaks of {words.format('any size that was tried')} were not seen: "
            "a leak of that kind may be missed."
            for name, words in _KINDS
            if name in unseen
        ]
    if repeated < len(measured):
        floor = sweep_floor(run.tests, settings_of(run).thresholds, run.spans)
        sentences.append(
            f"A test that ran once shows more than {size(floor.heap_limit)} of C heap or "
            f"{floor.blocks_limit:.0f} Python blocks beyond the median test's, and every object, "
            "descriptor, thread and child that it leaves."
        )
    return sentences


def smallest_seen(calibrations: list[CalibrationRecord]) -> tuple[dict[str, int], set[str]]:
    """Signal → the smallest size seen in all confirming processes; and those not seen in one."""
    seen: dict[str, int] = {}
    unseen: set[str] = set()
    for record in calibrations:
        for name, _ in _KINDS:
            value: int | None = getattr(record, name)
            if value is None:
                unseen.add(name)
            else:
                seen[name] = max(value, seen.get(name, 0))
    return {name: value for name, value in seen.items() if name not in unseen}, unseen
