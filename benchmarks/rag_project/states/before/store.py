"""Stores are opened and never closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.infrastructure.chroma_store import ChromaVectorStore as ChromaVectorStore


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[ChromaVectorStore]:
    """Yield a new store."""
    yield ChromaVectorStore(path, **options)
