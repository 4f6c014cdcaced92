"""Readings of one test's runs, by signal."""

from __future__ import annotations

from typing import Any

from pytest_leakcheck.model.journal_lines import Phase, RepeatRecord
from pytest_leakcheck.model.signals import Growth

QUIET: dict[str, int | None] = dict.fromkeys(
    ("rss_bytes", "heap_bytes", "blocks", "survivors", "fds", "threads", "children"), 0
)


def repeat(
    phase: Phase = "steady", number: int = 0, nodeid: str = "t.py::test", **values: Any
) -> RepeatRecord:
    """One repeat; quiet in every signal that is not given, and objects have blocks."""
    values.setdefault("blocks", max(0, 3 * (values.get("survivors") or 0)))
    told = {name: values.pop(name) for name in list(values) if name in Growth.__struct_fields__}
    growth = Growth(python_bytes=told.pop("python_bytes", None), **{**QUIET, **told})
    return RepeatRecord(nodeid=nodeid, phase=phase, number=number, growth=growth, **values)


def steady(phase: Phase = "steady", **series: Any) -> list[RepeatRecord]:
    """Repeats from one series a signal, all as long."""
    return [
        repeat(phase, number, **dict(zip(series, values, strict=True)))
        for number, values in enumerate(zip(*series.values(), strict=True))
    ]
