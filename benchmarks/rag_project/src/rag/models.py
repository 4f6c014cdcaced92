"""The records that every stage reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the text below it, up to the next heading."""

    text: str
    heading: str = ""
    level: int = 0

    @property
    def rendered(self) -> str:
        """The section as plain text, heading first."""
        return "\n".join(part for part in (self.heading, self.text) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A source after conversion: all formats end here."""

    source: str
    title: str = ""
    sections: tuple[Section, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All sections as plain text, separated by blank lines."""
        return "\n\n".join(part for part in (s.rendered for s in self.sections) if part)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to index."""
        return not self.text.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document, small enough to embed."""

    id: str
    text: str
    source: str
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A stored chunk that matches a query; 1.0 is the same direction, 0.0 unrelated."""

    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said, from which sources, in how many seconds."""

    text: str
    sources: tuple[str, ...]
    elapsed_s: float
