"""Sentences and figures as people read them, for terminal, Markdown and HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_leakcheck.model.results import JudgedRun, VerdictName
from pytest_leakcheck.model.signals import BYTE_SIGNALS, Growth, Slope
from pytest_leakcheck.model.words import (
    FIXTURE,
    SIGNAL_WORDS,
    SPOKEN,
    amount,
    is_fixture,
    plural,
    quote,
    visible,
)

VERDICT_MEANING: dict[VerdictName, str] = {
    "leak": "grows on and on",
    "unconfirmed": "an answer is missing, or signals disagree",
    "late": "cyclic garbage only: freed by the collector, raises the peak",
    "held": "a wider fixture holds it, and lets go",
    "settles": "a cache, lazy import or pool: growth ends or is explained",
    "not judged": "not measured, for the reason given",
    "clean": "nothing stays",
}


def phrase(signal: str, value: float, *, signed: bool = False) -> str:
    """A value with its name: ``5.3 MiB C heap``, ``12 file descriptors``, ``1 thread``."""
    one, many = SIGNAL_WORDS[signal]
    word = one if abs(round(value, 1)) == 1 else many
    return f"{amount(signal, value, signed=signed)} {word}"


def grows(slope: Slope) -> bool:
    """Whether a slope is growth and not noise: its interval, if there is one, is above zero."""
    return slope.per_run > 0 if slope.low is None else slope.low > 0


def growth_phrases(
    slopes: Mapping[str, Slope], *, limit: int = 4, signed: bool = False
) -> list[str]:
    """The signals that grow, most telling first: ``["5.3 MiB C heap", "12 file descriptors"]``.

    Bytes are told once, by the signal that grew most: Python memory lies in the C heap or in
    Python's own arenas, and all of them in the address space. RSS and address space, which come in
    pages and arenas, are told only where nothing finer shows half as much.
    """
    growing = [name for name in SPOKEN if name in slopes and grows(slopes[name])]
    # A thread reserves megabytes of address space for its stack, of which it uses next to none.
    passed = {"mapped_bytes"} if "threads" in growing else set()
    told = _told_bytes(
        {n: slopes[n].per_run for n in growing if n in BYTE_SIGNALS and n not in passed}
    )
    growing = [*told, *(name for name in growing if name not in BYTE_SIGNALS)]
    return [phrase(name, slopes[name].per_run, signed=signed) for name in growing[:limit]]


def _told_bytes(grown: Mapping[str, float]) -> list[str]:
    """The one signal of bytes that is told."""
    fine = {name: value for name, value in grown.items() if name not in _VAGUE}
    most = max(fine, key=lambda name: fine[name], default=None)
    for vague in _VAGUE:
        if vague in grown and (most is None or fine[most] < grown[vague] / 2):
            return [vague]
    return [] if most is None else [most]


#: Signals of bytes that come in pages and arenas, the better one first.
_VAGUE = ("mapped_bytes", "rss_bytes")


def growth_words(slopes: Mapping[str, Slope], *, limit: int = 4) -> str:
    """``5.3 MiB C heap, 12 file descriptors, 6.5 threads``; ``nothing`` where nothing grows."""
    return ", ".join(growth_phrases(slopes, limit=limit)) or "nothing"


def interval(signal: str, slope: Slope) -> str:
    """``9.0 KiB to 9.2 KiB``; says so where one run only was measured."""
    if slope.low is None or slope.high is None:
        return "one run, no interval"
    low, high = amount(signal, slope.low), amount(signal, slope.high)
    return f"exactly {low}" if low == high else f"{low} to {high}"


def main_signal(slopes: Mapping[str, Slope], repeats: Sequence[Growth] = ()) -> str | None:
    """The signal that tells most of a growth, of those that grew in repeats where any did; None
    where nothing grows."""
    growing = [name for name in SPOKEN if name in slopes and grows(slopes[name])]
    seen = [name for name in growing if any(v > 0 for v in repeat_values(repeats, name))]
    return next(iter(seen or growing), None)


def repeat_values(repeats: Sequence[Growth], signal: str) -> list[int]:
    """Growth of each repeat in one signal; repeats that did not see it are left out."""
    values = (getattr(repeat, signal) for repeat in repeats)
    return [value for value in values if value is not None]


def main_growth(
    slopes: Mapping[str, Slope],
    repeats: Sequence[Growth],
    windows: Mapping[str, Sequence[float]] | None = None,
) -> tuple[str, Sequence[float]] | None:
    """The main signal, and its growth per repeat in each window or, without a soak, on each repeat:
    that which the slope is made of. None where nothing saw one."""
    signal = main_signal(slopes, repeats)
    if signal is None:
        return None
    values: Sequence[float] = (windows or {}).get(signal) or repeat_values(repeats, signal)
    return (signal, values) if values else None


def runs_sentence(
    signal: str, values: Sequence[float], per_run: float, *, windows: bool = False
) -> str:
    """``grew by 9.1 KiB C heap per run in 12 of 12 runs``, or ``… in 5 of 5 windows``."""
    grew = sum(1 for value in values if value > 0)
    what = plural(len(values), "window of many runs", "windows of many runs")
    seen = what if windows else plural(len(values), "run")
    return f"grew by {phrase(signal, per_run)} per run in {grew} of {seen}"


def reproduce(nodeid: str) -> str:
    """The command that measures one test again; of a fixture, the file that defines it."""
    return f"pytest --leakcheck {quote(FIXTURE.sub('', visible(nodeid)))}"


def subjects(judged: JudgedRun) -> str:
    """``2,111 tests``; ``2,113 tests and fixtures`` where fixtures were judged as well."""
    many = "tests and fixtures" if any(is_fixture(t.nodeid) for t in judged.tests) else "tests"
    return plural(len(judged.tests), "test", many)


def when(created: str) -> str:
    """An ISO 8601 time as ``2026-11-22 10:24 UTC``; other text as it is."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)", created)
    return f"{match[1]} {match[2]} UTC" if match else created
