"""Numbers and names as people read them: the one home of formats for terminal, Markdown and HTML.

Imports the standard library and the records only, so that the process under test may use it too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from pytest_leakcheck.records import BYTE_SIGNALS, Growth, JudgedRun, Slope, VerdictName

#: Signal → what one, and what several, of it are called.
SIGNAL_WORDS: dict[str, tuple[str, str]] = {
    "rss_bytes": ("RSS", "RSS"),
    "heap_bytes": ("C heap", "C heap"),
    "mapped_bytes": ("address space", "address space"),
    "blocks": ("Python block", "Python blocks"),
    "survivors": ("object", "objects"),
    "python_bytes": ("Python memory", "Python memory"),
    "fds": ("file descriptor", "file descriptors"),
    "threads": ("thread", "threads"),
    "children": ("child process", "child processes"),
}

#: The order in which a sentence names signals: memory, resources, objects; RSS last.
SPOKEN: tuple[str, ...] = (
    "heap_bytes",
    "mapped_bytes",
    "python_bytes",
    "fds",
    "threads",
    "children",
    "survivors",
    "blocks",
    "rss_bytes",
)

VERDICT_MEANING: dict[VerdictName, str] = {
    "leak": "grows on every repeat",
    "unconfirmed": "grew once, and was not repeated or the repeats disagree",
    "late": "cyclic garbage only: freed by the collector, raises the peak",
    "held": "a wider fixture holds it, and lets go",
    "settles": "a cache, lazy import or pool: growth stops",
    "not judged": "not measured, for the reason given",
    "clean": "nothing stays",
}

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_HOMES = re.compile(
    r"(?:/home/[^/\s'\":;,]+|/Users/[^/\s'\":;,]+|(?<![\w.~-])/root(?=/|\b)"
    r"|[A-Za-z]:[\\/]+Users[\\/]+[^\\/\s'\":;,]+)"
)
_FIXTURE = re.compile(r"::[^:]* \[\w+ fixture\]$")
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff"
    "\ud800-\udfff]"
)


def size(value: float, *, signed: bool = False) -> str:
    """Bytes in binary units with one decimal: ``9.1 KiB``, ``+5.3 MiB``, ``-12 B``."""
    sign = "-" if value < 0 else "+" if signed and value > 0 else ""
    scaled, unit = abs(value), 0
    while unit < len(_UNITS) - 1 and round(scaled, 1) >= 1024:
        scaled, unit = scaled / 1024, unit + 1
    if unit == 0:
        number = f"{round(scaled):,}"
        return f"{sign if number != '0' else ''}{number} B"
    return f"{sign}{scaled:,.1f} {_UNITS[unit]}"


def count(value: float, *, signed: bool = False) -> str:
    """A number of things: ``1,204``, ``6.5``, ``+12``."""
    rounded = round(value, 1)
    whole = f"{abs(rounded):,.1f}".removesuffix(".0")
    sign = "-" if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{whole}"


def amount(signal: str, value: float | None, *, signed: bool = True) -> str:
    """A value of a signal without its name; ``not seen`` where there is none."""
    if value is None:
        return "not seen"
    return size(value, signed=signed) if signal in BYTE_SIGNALS else count(value, signed=signed)


def plural(number: float, one: str, many: str | None = None) -> str:
    """``1 test``, ``2 tests``, ``1,204 tests``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def signal_name(signal: str) -> str:
    """What a table's column of this signal is called."""
    return SIGNAL_WORDS[signal][1]


#: Shorter names, for the heads of wide tables.
SHORT_NAMES = {"blocks": "Blocks", "fds": "Fds", "python_bytes": "Python"}


def short_name(signal: str) -> str:
    """What a narrow column of this signal is called."""
    name = SHORT_NAMES.get(signal) or SIGNAL_WORDS[signal][1]
    return name[:1].upper() + name[1:]


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

    RSS and address space are named only where no other signal of bytes grows: they say the same
    with more noise.
    """
    growing = [name for name in SPOKEN if name in slopes and grows(slopes[name])]
    for vague in ("rss_bytes", "mapped_bytes"):
        if vague in growing and not BYTE_SIGNALS.isdisjoint(set(growing) - {vague}):
            growing.remove(vague)
    return [phrase(name, slopes[name].per_run, signed=signed) for name in growing[:limit]]


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
    slopes: Mapping[str, Slope], repeats: Sequence[Growth]
) -> tuple[str, list[int]] | None:
    """The main signal, and its growth on each repeat; None where no repeat saw one."""
    signal = main_signal(slopes, repeats)
    values = repeat_values(repeats, signal) if signal is not None else []
    return (signal, values) if signal is not None and values else None


def runs_sentence(signal: str, values: Sequence[float], per_run: float) -> str:
    """``grew by 9.1 KiB C heap per run in 12 of 12 runs``."""
    grew = sum(1 for value in values if value > 0)
    return f"grew by {phrase(signal, per_run)} per run in {grew} of {plural(len(values), 'run')}"


def seconds(value: float) -> str:
    """A duration: ``3 ms``, ``1.2 s``, ``4 min 5 s``."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes:,} min {rest} s"


def shorten(text: str, width: int) -> str:
    """Cut in the middle: of a node id both the file and the parameters tell it apart."""
    if len(text) <= width:
        return text
    if width <= 3:
        return text[:width]
    tail = (width - 3) // 2
    return f"{text[: width - 3 - tail]}...{text[len(text) - tail :]}"


def hide_home(text: str) -> str:
    """Home directories become ``~``: a report is passed on."""
    # The pattern is slow, and a page may have 100,000 names.
    if "/home/" in text or "Users" in text or "/root" in text:
        return _HOMES.sub("~", text)
    return text


def visible(text: str) -> str:
    """Home directories hidden, and control, direction-changing and lone surrogate characters
    written as escapes, so that a hostile name can change neither a page nor a terminal."""
    shown = hide_home(text)
    return shown if shown.isascii() and shown.isprintable() else _UNSAFE.sub(_escape, shown)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def quote(nodeid: str) -> str:
    """A node id as one word of a POSIX shell, always in quotes."""
    quoted = shlex.quote(nodeid)
    return quoted if quoted.startswith("'") else f"'{quoted}'"


def reproduce(nodeid: str) -> str:
    """The command that measures one test again; of a fixture, the file that defines it."""
    return f"pytest --leakcheck {quote(_FIXTURE.sub('', visible(nodeid)))}"


def is_fixture(nodeid: str) -> bool:
    """Whether a verdict is of a wider fixture that was judged in its own name."""
    return _FIXTURE.search(nodeid) is not None


def subjects(judged: JudgedRun) -> str:
    """``2,111 tests``; ``2,113 tests and fixtures`` where fixtures were judged as well."""
    many = "tests and fixtures" if any(is_fixture(t.nodeid) for t in judged.tests) else "tests"
    return plural(len(judged.tests), "test", many)


def when(created: str) -> str:
    """An ISO 8601 time as ``2026-11-22 10:24 UTC``; other text as it is."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)", created)
    return f"{match[1]} {match[2]} UTC" if match else created
