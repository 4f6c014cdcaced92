"""What differs between the circumstances of two runs (pandas)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from pytest_leakcheck.compare.tables import State
from pytest_leakcheck.model.run_info import RunInfo
from pytest_leakcheck.model.words import size

#: What a state shows where it does not have the thing at all.
ABSENT = "not there"


def environment_differences(states: Sequence[State]) -> pd.DataFrame:
    """What the runs do not share: ``area``, ``name`` and a column per state, all text.

    Labels and dates differ between any two runs and are left out.
    """
    facts = [dict(_facts(state.judged.info)) for state in states]
    names = list(dict.fromkeys(name for fact in facts for name in fact))
    rows = []
    for area, name in names:
        values = [fact.get((area, name), ABSENT) for fact in facts]
        if len(set(values)) > 1:
            labelled = {s.label: value for s, value in zip(states, values, strict=True)}
            rows.append({"area": area, "name": name} | labelled)
    return pd.DataFrame(rows, columns=["area", "name", *(state.label for state in states)])


def _facts(info: RunInfo) -> Iterator[tuple[tuple[str, str], str]]:
    yield ("interpreter", "python"), f"{info.implementation} {info.python}"
    yield ("machine", "platform"), f"{info.platform} ({info.machine})"
    yield ("machine", "processors"), str(info.cpu_count)
    yield ("machine", "memory"), size(info.memory_bytes) if info.memory_bytes else "not known"
    yield ("run", "workers"), str(info.workers)
    yield ("run", "arguments"), " ".join(_without_label(info.argv))
    yield ("git", "revision"), info.git_revision or "not known"
    yield ("git", "uncommitted changes"), _yes_no(info.git_dirty)
    for name, version in sorted(info.packages.items()):
        yield ("package", name), version
    for name, value in _flat(info.settings):
        yield ("setting", name), value
    for name, value in sorted(info.environment.items()):
        yield ("environment variable", name), value
    for name, value in info.probes.items():
        yield ("probe", name), value


def _without_label(argv: Sequence[str]) -> Iterator[str]:
    """The arguments without the run's own label, which always differs."""
    skip = False
    for word in argv:
        if not skip and not word.startswith("--leakcheck-label"):
            yield word
        skip = word == "--leakcheck-label"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in sorted(settings.items()):
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif f"{prefix}{name}" != "label":
            yield f"{prefix}{name}", str(value)


def _yes_no(value: bool | None) -> str:
    return "not known" if value is None else "yes" if value else "no"
