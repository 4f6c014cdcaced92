"""Readings of one test's runs, by signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_leakcheck.judge.evidence import NOT_ASKED, QUESTIONS, Blank, Evidence, Held
from pytest_leakcheck.model.causes import Cause
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


def window(number: int, phase: Phase = "window", **values: Any) -> RepeatRecord:
    """Many repeats together; quiet in every signal that is not given."""
    return repeat(phase, number, **values)


def evidence(
    repeats: Sequence[RepeatRecord] = (),
    *,
    blank: Growth | None = None,
    blank_windows: Sequence[RepeatRecord] = (),
    kept: int | None = None,
    causes: Sequence[Cause] = (),
    soak: Sequence[RepeatRecord] = (),
    release: Sequence[RepeatRecord] | None = None,
    traces: Sequence[RepeatRecord] | None = None,
    asked: Sequence[Any] = QUESTIONS,
) -> Evidence:
    """What is known of a candidate of which all has been asked, if nothing else is said."""
    held = tuple(cause for cause in causes if cause.kind != "container")
    return Evidence(
        steady=tuple(repeats),
        blank=Blank(growth=blank or Growth(), windows=tuple(blank_windows)),
        held=NOT_ASKED if kept is None and not held else Held(kept, held),
        containers=tuple(cause for cause in causes if cause.kind == "container"),
        soak=tuple(soak),
        release=NOT_ASKED if release is None else tuple(release),
        traces=NOT_ASKED if traces is None else tuple(traces),
        asked=frozenset(asked),
    )
