"""Markdown: headings, front matter, code fences and inline markup."""

from __future__ import annotations

import re

from rag.converters.text import collapse_blanks, title_from_source, unify_newlines
from rag.errors import ConversionError
from rag.models import Document, Section

_ATX = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_RULE = re.compile(r"^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_BULLET = re.compile(r"^(\s*)[*+-][ \t]+")
_TASK = re.compile(r"^\[([ xX])\][ \t]+")
_QUOTE = re.compile(r"^ {0,3}(?:>[ \t]?)+")
_TABLE_RULE = re.compile(r"^\s*\|?[ \t:|-]*-{3,}[ \t:|-]*\|?\s*$")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FRONT_MATTER_LINE = re.compile(r"^([A-Za-z][\w-]*)[ \t]*:[ \t]*(.*)$")

# Order matters: images before links, bold before italics, code first of all.
_CODE_SPAN = re.compile(r"(`+)(.+?)\1")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!|~<>-])")
_INLINE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\[[^\]]*\]"), r"\1"),
    (re.compile(r"<((?:https?://|mailto:)[^>\s]+)>"), r"\1"),
    (re.compile(r"</?[A-Za-z][^>]*>"), ""),
    (re.compile(r"\[\^[^\]]+\]"), ""),
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*"), r"\1"),
    (re.compile(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)"), r"\1"),
    (re.compile(r"\*(?=\S)(.+?)(?<=\S)\*"), r"\1"),
    (re.compile(r"(?<!\w)_(?=\S)(.+?)(?<=\S)_(?!\w)"), r"\1"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
)


def convert_markdown(content: str, source: str) -> Document:
    """Convert Markdown: one section per heading, markup removed, code kept as it is.

    Raises:
        ConversionError: Front matter or a code fence is opened and never closed.
    """
    text = unify_newlines(content).lstrip("\ufeff")
    metadata, lines, first_line = _front_matter(text.split("\n"), source)
    body = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), "\n".join(lines))
    sections = _sections(body.split("\n"), source, first_line)
    heading = next((s.heading for s in sections if s.level == 1), "")
    title = metadata.get("title") or heading or title_from_source(source)
    return Document(source=source, title=title, sections=sections, metadata=metadata)


def strip_inline(text: str) -> str:
    """Remove inline markup and keep what a reader would see."""
    kept: list[str] = []

    def hide(value: str) -> str:
        kept.append(value)
        return f"\x00{len(kept) - 1}\x00"

    text = _CODE_SPAN.sub(lambda found: hide(found[2].strip()), text)
    text = _ESCAPE.sub(lambda found: hide(found[1]), text)
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found[1])], text)


def _front_matter(lines: list[str], source: str) -> tuple[dict[str, str], list[str], int]:
    """Split off a leading `---` block of `key: value` lines."""
    if lines[0].rstrip() != "---":
        return {}, lines, 1
    metadata: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ("---", "..."):
            return metadata, lines[number + 1 :], number + 2
        if found := _FRONT_MATTER_LINE.match(line):
            metadata[found[1].lower()] = found[2].strip().strip("\"'")
    raise ConversionError(source, "front matter is opened with '---' and never closed", line=1)


def _sections(lines: list[str], source: str, first_line: int) -> tuple[Section, ...]:
    """Walk the lines once and cut at each heading."""
    sections: list[Section] = []
    heading, level, body = "", 0, list[str]()
    fence, fence_line = "", 0

    def close() -> None:
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(body)).strip("\n")
        if text or heading:
            sections.append(Section(text=text, heading=heading, level=level))

    for number, line in enumerate(lines, start=first_line):
        if fence:
            if line.strip() and not line.strip().strip(fence[0]) and fence in line:
                fence = ""
            else:
                body.append(line)
        elif opened := _FENCE.match(line):
            fence, fence_line = opened[1], number
        elif atx := _ATX.match(line):
            close()
            heading = collapse_blanks(strip_inline(atx[2] or ""))
            level, body = len(atx[1]), []
        elif (setext := _SETEXT.match(line)) and body and _may_be_heading(body[-1]):
            above = body.pop()
            close()
            heading, level, body = above, 1 if setext[1][0] == "=" else 2, []
        elif not _RULE.match(line) and not ("|" in line and _TABLE_RULE.match(line)):
            body.append(_plain_line(line))
    if fence:
        raise ConversionError(source, f"code fence {fence!r} is never closed", line=fence_line)
    close()
    return tuple(sections)


def _may_be_heading(line: str) -> bool:
    """Whether an underline below this line makes it a heading."""
    return bool(line.strip()) and not line.lstrip().startswith("- ")


def _plain_line(line: str) -> str:
    """Remove the block markers of one line, then its inline markup."""
    line = _QUOTE.sub("", line)
    if bullet := _BULLET.match(line):
        item = line[bullet.end() :]
        item = _TASK.sub(lambda found: "done: " if found[1] in "xX" else "to do: ", item)
        return f"{bullet[1]}- {collapse_blanks(strip_inline(item))}"
    if line.lstrip().startswith("|"):
        cells = line.strip().strip("|").split("|")
        return " | ".join(collapse_blanks(strip_inline(cell)) for cell in cells)
    return collapse_blanks(strip_inline(line))
