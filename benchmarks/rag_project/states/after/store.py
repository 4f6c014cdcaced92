"""A `close()` that ends Chroma's System: its files, threads and native memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rag.infrastructure import chroma_store

# Chroma 0.4 spelled its registry of Systems without the second "i".
_REGISTRIES = ("_identifier_to_system", "_identifer_to_system")


class ChromaVectorStore(chroma_store.ChromaVectorStore):
    """A store that ends the client it opened; a client it was given stays open."""

    _client = None
    _collection = None

    def __init__(self, path: Path, *, client: Any = None, **options: Any) -> None:
        """Open the store and remember whose client it is."""
        self._borrowed = client is not None
        try:
            super().__init__(path, client=client, **options)
        except BaseException:
            # A name that Chroma refuses is found out with the client already open.
            self.close()
            raise

    def close(self) -> None:
        """End the client; a second call does nothing."""
        client, self._client, self._collection = self._client, None, None
        if client is not None and not self._borrowed:
            release(client)

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store, whatever happened in the block."""
        self.close()


def release(client: Any) -> None:
    """End a Chroma client, in any version since 0.4.

    From 1.5.2 on this is `client.close()`. Before, stop the client's System and take it
    out of the class-level registry that keeps it; this ends it for every other client on
    the same path too. 0.x frees its HNSW index when the System's reference cycle goes.
    """
    if hasattr(client, "close"):
        client.close()
        return
    for name in _REGISTRIES:
        registry = getattr(type(client), name, None)
        if registry is not None:
            system = registry.pop(client._identifier, None)
            if system is not None:
                system.stop()
                del system
                gc.collect()
            return
    raise RuntimeError(f"{type(client).__qualname__} has neither close() nor a known registry")


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[ChromaVectorStore]:
    """Yield a new store and end it."""
    with ChromaVectorStore(path, **options) as store:
        yield store
