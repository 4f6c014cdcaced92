"""Finds the chunks that answer a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rag.models import Chunk, Hit


class VectorStore(Protocol):
    """What the retriever and the pipeline need from a store."""

    def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        """Store chunks with their vectors."""

    def query(
        self, vector: Sequence[float], *, k: int = 5, where: Mapping[str, str] | None = None
    ) -> list[Hit]:
        """Return the nearest chunks, best first."""

    def delete(self, *, ids: Sequence[str] = (), source: str = "") -> int:
        """Delete by ids or by source."""

    def count(self) -> int:
        """Return the number of chunks."""


class Embedder(Protocol):
    """Turns texts into vectors."""

    def embed(self, text: str) -> list[float]:
        """Return one vector."""

    def embed_many(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text."""


class Retriever:
    """Queries a store and keeps what is worth showing to a model."""

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        *,
        k: int = 5,
        min_score: float = 0.0,
        per_source: int = 0,
    ) -> None:
        """Create a retriever.

        Args:
            store: Where chunks are.
            embedder: The same one that made the stored vectors.
            k: The most hits to return, at least 1.
            min_score: Drop hits below this score.
            per_source: The most hits from one source; 0 is no limit.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        if per_source < 0:
            raise ValueError(f"per_source must be at least 0, not {per_source}")
        self._store = store
        self._embedder = embedder
        self.k = k
        self.min_score = min_score
        self.per_source = per_source

    def retrieve(self, question: str, *, where: Mapping[str, str] | None = None) -> list[Hit]:
        """Return the best hits for a question.

        Raises:
            ValueError: The question is blank.
        """
        if not question.strip():
            raise ValueError("the question is blank")
        # Hits that are dropped below must not cost places, so ask for more.
        wanted = self.k * 4 if self.per_source else self.k
        hits = self._store.query(self._embedder.embed(question), k=wanted, where=where)
        good = [hit for hit in hits if hit.score >= self.min_score]
        return self._spread(good)[: self.k]

    def _spread(self, hits: list[Hit]) -> list[Hit]:
        """Keep at most `per_source` hits of each source."""
        if not self.per_source:
            return hits
        taken: dict[str, int] = {}
        kept = []
        for hit in hits:
            count = taken.get(hit.chunk.source, 0)
            if count < self.per_source:
                taken[hit.chunk.source] = count + 1
                kept.append(hit)
        return kept


def context(hits: Sequence[Hit], *, budget: int = 4000) -> str:
    """Join hits into a prompt's context, best first, in at most `budget` characters.

    A hit that does not fit is left out whole; a shorter one after it may still fit.
    """
    parts: list[str] = []
    left = budget
    for hit in hits:
        label = f"{hit.chunk.source}: {hit.chunk.heading}".rstrip(": ")
        part = f"[{label}]\n{hit.chunk.text}"
        cost = len(part) + (2 if parts else 0)
        if cost <= left:
            parts.append(part)
            left -= cost
    return "\n\n".join(parts)


def sources(hits: Sequence[Hit]) -> tuple[str, ...]:
    """Return each source once, in the order of its best hit."""
    return tuple(dict.fromkeys(hit.chunk.source for hit in hits))
