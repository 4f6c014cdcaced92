"""Plain text: paragraphs, hard-wrapped lines, underlined headings."""

from __future__ import annotations

import re

from rag.converters.text import collapse_blanks, tidy, title_from_source, unify_newlines
from rag.models import Document, Section

_UNDERLINE = re.compile(r"^(?:={3,}|-{3,}|~{3,})\s*$")
_BULLET = re.compile(r"^\s*(?:[-*+\u2022]|\d+[.)])\s+")
_WRAPPED_WORD = re.compile(r"(\w)-$")


def convert_plain(content: str, source: str) -> Document:
    """Convert plain text.

    A line underlined with `===`, `---` or `~~~` is a heading; blank lines separate
    paragraphs; the lines of a paragraph are joined, list items stay on their own lines.
    """
    lines = unify_newlines(content).lstrip("\ufeff").split("\n")
    sections: list[Section] = []
    heading, level, body = "", 0, list[str]()

    def close() -> None:
        text = tidy("\n\n".join(unwrap(block) for block in _blocks(body)))
        if text or heading:
            sections.append(Section(text=text, heading=heading, level=level))

    index = 0
    while index < len(lines):
        below = lines[index + 1] if index + 1 < len(lines) else ""
        if lines[index].strip() and _UNDERLINE.match(below) and not _UNDERLINE.match(lines[index]):
            close()
            heading = collapse_blanks(lines[index])
            level, body = {"=": 1, "-": 2, "~": 3}[below[0]], []
            index += 2
        else:
            body.append(lines[index])
            index += 1
    close()

    title = next((s.heading for s in sections if s.heading), "") or title_from_source(source)
    return Document(source=source, title=title, sections=tuple(sections))


def unwrap(lines: list[str]) -> str:
    """Join the hard-wrapped lines of one paragraph; list items keep their own lines."""
    joined = ""
    for line in lines:
        text = collapse_blanks(line)
        if not joined:
            joined = text
        elif _BULLET.match(line):
            joined = f"{joined}\n{text}"
        elif _WRAPPED_WORD.search(joined) and text[:1].islower():
            joined = joined[:-1] + text
        else:
            joined = f"{joined} {text}"
    return joined


def _blocks(lines: list[str]) -> list[list[str]]:
    """Group lines into paragraphs."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]
