"""The names of signals, sizes, plurals, and text made safe to print. No rendering.

The standard library only: the process under test may use it too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from pytest_leakcheck.model.signals import BYTE_SIGNALS

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

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_HOMES = re.compile(
    r"(?:/home/[^/\s'\":;,]+|/Users/[^/\s'\":;,]+|(?<![\w.~-])/root(?=/|\b)"
    r"|[A-Za-z]:[\\/]+Users[\\/]+[^\\/\s'\":;,]+)"
)
FIXTURE = re.compile(r"::[^:]* \[\w+ fixture\]$")
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


def is_fixture(nodeid: str) -> bool:
    """Whether a verdict is of a wider fixture that was judged in its own name."""
    return FIXTURE.search(nodeid) is not None
