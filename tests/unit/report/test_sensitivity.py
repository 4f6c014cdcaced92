"""The smallest leak that a session could see, in words."""

from __future__ import annotations

import msgspec
import samples

from pytest_leakcheck.model.journal_lines import CalibrationRecord
from pytest_leakcheck.model.signals import Growth
from pytest_leakcheck.report.sensitivity import sensitivity_sentences, smallest_seen

SEEN = CalibrationRecord(null=Growth(), object_bytes=56, python_bytes=64, heap_bytes=1024)


def told(*records: CalibrationRecord) -> str:
    """What is said of a run with repeated tests and these calibrations, as one text."""
    run, judged = samples.chroma_run()
    run.calibrations.extend(records)
    return " ".join(sensitivity_sentences(run, judged))


def test_what_was_planted_and_seen_is_said() -> None:
    """Sizes of each kind, and how many tests they hold for."""
    text = told(SEEN)
    assert "56 B, 64 B of other Python memory or 1.0 KiB of C heap per run" in text
    assert "tests were repeated" in text


def test_what_was_planted_and_not_seen_is_said() -> None:
    """A kind that this session is blind for must not pass as clean."""
    blind = msgspec.structs.replace(SEEN, heap_bytes=None)
    text = told(SEEN, blind)
    assert "of C heap were not seen" in text
    assert "1.0 KiB of C heap per run" not in text


def test_tests_that_ran_once_have_a_coarser_limit() -> None:
    """Without repeats only the sweep's floor can be told."""
    text = told()
    assert "A test that ran once shows more than" in text
    assert "planted" not in text


def test_the_worst_of_several_processes_counts() -> None:
    """A confirming process may be replaced by another, which sees less."""
    worse = msgspec.structs.replace(SEEN, heap_bytes=4096)
    assert smallest_seen([SEEN, worse])[0]["heap_bytes"] == 4096
