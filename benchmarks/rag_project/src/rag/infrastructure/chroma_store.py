"""A vector store on Chroma's persistent client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import StoreError
from rag.models import Chunk, Hit

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection


class ChromaVectorStore:
    """Chunks and their vectors in one collection of a directory."""

    def __init__(
        self,
        path: Path,
        *,
        collection: str = "documents",
        dimensions: int = 384,
        client: ClientAPI | None = None,
    ) -> None:
        """Open a collection, or create it.

        Args:
            path: Directory of the database; created when missing.
            collection: Name, 3 to 512 of `[a-zA-Z0-9._-]`.
            dimensions: Length of every vector.
            client: A client on that directory to share; without one the store makes its own.

        Raises:
            StoreError: `path` is a file, or Chroma refuses the name or the directory.
        """
        if path.is_file():
            raise StoreError(f"{path} is a file; a Chroma database is a directory")
        self.path = path
        self.name = collection
        self.dimensions = dimensions
        self._client: ClientAPI | None = open_client(path) if client is None else client
        try:
            self._collection: Collection | None = self._client.get_or_create_collection(
                collection,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
            )
        except Exception as error:
            raise StoreError(f"collection {collection!r} in {path}: {error}") from error

    def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        """Store chunks with their vectors; an id that exists is replaced.

        Raises:
            StoreError: Nothing to add, different lengths, an id twice, or wrong dimensions.
        """
        self._check_batch(chunks, vectors)
        self._open_collection.upsert(
            ids=[chunk.id for chunk in chunks],
            embeddings=list(vectors),
            documents=[chunk.text for chunk in chunks],
            metadatas=[{"source": c.source, "heading": c.heading} for c in chunks],
        )

    def query(
        self, vector: Sequence[float], *, k: int = 5, where: Mapping[str, str] | None = None
    ) -> list[Hit]:
        """Return the `k` nearest chunks, best first; fewer if the store has fewer.

        The index is approximate: a chunk that is unlike all others may be missed.

        Args:
            vector: The query.
            k: How many, at least 1.
            where: Metadata that hits must have, such as `{"source": "a.md"}`.

        Raises:
            StoreError: Wrong dimensions or `k` below 1.
        """
        if k < 1:
            raise StoreError(f"k must be at least 1, not {k}")
        self._check_dimensions(vector, "the query")
        found: Any = self._open_collection.query(
            query_embeddings=[vector],
            n_results=k,
            where=_conditions(where),
            include=["documents", "metadatas", "distances"],
        )
        columns = (found[key][0] for key in ("ids", "documents", "metadatas", "distances"))
        return [
            Hit(
                chunk=Chunk(id=id_, text=text, source=meta["source"], heading=meta["heading"]),
                score=1.0 - distance,
            )
            for id_, text, meta, distance in zip(*columns, strict=True)
        ]

    def delete(self, *, ids: Sequence[str] = (), source: str = "") -> int:
        """Delete by ids or by source and return how many chunks that removed.

        Raises:
            StoreError: Neither or both were given.
        """
        if bool(ids) == bool(source):
            raise StoreError("delete needs either ids or a source")
        before = self.count()
        if ids:
            self._open_collection.delete(ids=list(ids))
        else:
            self._open_collection.delete(where={"source": source})
        return before - self.count()

    def count(self) -> int:
        """Return the number of chunks."""
        return self._open_collection.count()

    def drop(self) -> None:
        """Delete the collection; the directory and its client stay."""
        if self._client is None:
            raise StoreError(f"the store on {self.path} is closed")
        self._client.delete_collection(self.name)
        self._collection = None

    @property
    def _open_collection(self) -> Collection:
        if self._collection is None:
            raise StoreError(f"collection {self.name!r} in {self.path} is closed or dropped")
        return self._collection

    def _check_batch(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        if not chunks:
            raise StoreError("nothing to add")
        if len(chunks) != len(vectors):
            raise StoreError(f"{len(chunks)} chunks, but {len(vectors)} vectors")
        seen = set[str]()
        for chunk, vector in zip(chunks, vectors, strict=True):
            if chunk.id in seen:
                raise StoreError(f"id {chunk.id!r} occurs twice in one batch")
            seen.add(chunk.id)
            self._check_dimensions(vector, f"chunk {chunk.id!r}")

    def _check_dimensions(self, vector: Sequence[float], what: str) -> None:
        if len(vector) != self.dimensions:
            raise StoreError(
                f"{what} has {len(vector)} dimensions, the store has {self.dimensions}"
            )


def open_client(path: Path) -> ClientAPI:
    """Open Chroma's persistent client on a directory, without telemetry.

    Raises:
        StoreError: Chroma cannot open the directory.
    """
    # Here, not at the top: converters work without Chroma, whose import takes seconds.
    import chromadb
    from chromadb.config import Settings

    try:
        return chromadb.PersistentClient(str(path), settings=Settings(anonymized_telemetry=False))
    except Exception as error:
        raise StoreError(f"{path} cannot be opened as a Chroma database: {error}") from error


def _conditions(where: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Turn `{"a": "1", "b": "2"}` into the form Chroma asks for."""
    if not where:
        return None
    terms: list[dict[str, Any]] = [{key: value} for key, value in where.items()]
    return terms[0] if len(terms) == 1 else {"$and": terms}
