"""The guide's `close()`: it lets go of the client, hoping that this frees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rag.infrastructure import chroma_store


class ChromaVectorStore(chroma_store.ChromaVectorStore):
    """A store with the guide's clean-up methods."""

    def close(self) -> None:
        """Drop the references to client and collection."""
        self._collection = None
        self._client = None

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    def __del__(self) -> None:
        """Close the store when it is collected."""
        self.close()


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[ChromaVectorStore]:
    """Yield a new store and close it as the guide does."""
    with ChromaVectorStore(path, **options) as store:
        yield store
