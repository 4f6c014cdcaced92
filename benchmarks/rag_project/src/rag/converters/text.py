"""Text clean-up that several converters share."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BLANKS = re.compile(r"[ \t\u00a0\u2007\u202f]+")
_MANY_NEWLINES = re.compile(r"\n{3,}")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")


def decode(data: bytes) -> str:
    """Decode by byte order mark, else as UTF-8, else as Windows-1252."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def unify_newlines(text: str) -> str:
    r"""Turn CRLF, CR, form feeds and line separators into `\n`."""
    for newline in ("\r\n", "\r", "\f", "\v", "\u2028", "\u2029", "\x85"):
        text = text.replace(newline, "\n")
    return text


def collapse_blanks(line: str) -> str:
    """Turn each run of blanks into one space, drop invisible characters, strip."""
    return _BLANKS.sub(" ", _INVISIBLE.sub("", line)).strip()


def tidy(text: str) -> str:
    """Collapse blanks on each line and runs of empty lines; strip both ends."""
    lines = (collapse_blanks(line) for line in unify_newlines(text).split("\n"))
    return _MANY_NEWLINES.sub("\n\n", "\n".join(lines)).strip()


def title_from_source(source: str) -> str:
    """Make a readable title from a path or URL: `docs/user-guide.md` is `User guide`."""
    name = source.split("?", 1)[0].split("#", 1)[0].rstrip("/").rsplit("/", 1)[-1]
    stem = name.rsplit(".", 1)[0] if "." in name.lstrip(".") else name
    words = re.sub(r"[-_]+", " ", stem).strip()
    return words[:1].upper() + words[1:]
