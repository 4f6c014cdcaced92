"""Cuts documents into overlapping chunks at the best boundary that fits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.models import Chunk, Document

# Best first: a chunk ends after the last of these that fits.
_BOUNDARIES = (
    re.compile(r"\n\n+"),
    re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))\s+"),
    re.compile(r"\n"),
    re.compile(r"(?<=[,;:])\s+"),
    re.compile(r"\s+"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text by its offsets: `text[start:end]`."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the piece."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunker:
    """Cuts by size in characters.

    Attributes:
        size: The most characters a chunk may have.
        overlap: How many characters of a chunk's end the next one repeats, at most.
    """

    size: int = 800
    overlap: int = 80

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.size < 1:
            raise ValueError(f"size must be at least 1, not {self.size}")
        if not 0 <= self.overlap < self.size:
            raise ValueError(
                f"overlap must be at least 0 and less than size ({self.size}), not {self.overlap}"
            )

    def spans(self, text: str) -> Iterator[Span]:
        """Yield spans that together cover every character that is not blank."""
        start = _skip_blanks(text, 0)
        while start < len(text):
            end = self._end(text, start)
            stripped = len(text[start:end].rstrip()) + start
            yield Span(start, stripped)
            following = _skip_blanks(text, end)
            if following >= len(text):
                return
            start = self._overlapped(text, start, stripped, following)

    def split(self, text: str) -> list[str]:
        """Return the pieces of a text."""
        return [span.of(text) for span in self.spans(text)]

    def chunks(self, document: Document) -> list[Chunk]:
        """Cut each section of a document; ids are the source and a running number."""
        pieces = (
            (section.heading, piece)
            for section in document.sections
            for piece in self.split(section.text or section.heading)
        )
        return [
            Chunk(
                id=f"{document.source}#{number}",
                text=piece,
                source=document.source,
                heading=heading,
            )
            for number, (heading, piece) in enumerate(pieces)
        ]

    def _end(self, text: str, start: int) -> int:
        """Return where the chunk that begins at `start` ends."""
        limit = start + self.size
        if limit >= len(text):
            return len(text)
        # One more character, so that a boundary exactly at the limit counts.
        window = text[start : limit + 1]
        for boundary in _BOUNDARIES:
            ends = [found.start() for found in boundary.finditer(window) if found.start() > 0]
            if ends and ends[-1] > self.size // 3:
                return start + ends[-1]
        return limit

    def _overlapped(self, text: str, start: int, end: int, following: int) -> int:
        """Return where the next chunk begins: at a word inside the last `overlap` characters."""
        if not self.overlap:
            return following
        earliest = max(start + 1, end - self.overlap)
        for position in range(earliest, end):
            if not text[position].isspace() and text[position - 1].isspace():
                return position
        return following


def _skip_blanks(text: str, position: int) -> int:
    """Return the first position from here on that is not blank."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position
