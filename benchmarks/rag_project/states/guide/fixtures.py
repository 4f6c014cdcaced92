"""The guide's fixtures `vector_store` and `clean_mock`; the rest as it was before.

The guide's text closes stores by fixture, resets `clean_mock` and collects. It does not
speak of started patches, of other long-lived mocks or of exceptions, so they stay.
"""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from rag.infrastructure.chroma_store import open_client
from states.before.fixtures import (
    PatchingTestCase,
    audit,
    events,
    llm_down,
    scratch_store,
    start_patch,
)
from states.guide.store import ChromaVectorStore
from tests.corpus import fill

__all__ = [
    "PatchingTestCase",
    "audit",
    "clean_mock",
    "events",
    "llm_down",
    "module_store",
    "scratch_store",
    "shared_client",
    "start_patch",
    "vector_store",
]


@pytest.fixture
def vector_store(tmp_path: Path) -> Iterator[ChromaVectorStore]:
    """A filled store of the test's own, closed as the guide does."""
    store = fill(ChromaVectorStore(tmp_path / "store"))
    yield store
    store.close()
    gc.collect()


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaVectorStore]:
    """A filled store for the tests of a module, closed as the guide does."""
    store = fill(ChromaVectorStore(tmp_path_factory.mktemp("module") / "store"))
    yield store
    store.close()
    gc.collect()


@pytest.fixture(scope="session")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One client for the session, let go as the guide does."""
    client = open_client(tmp_path_factory.mktemp("shared"))
    yield client
    client = None
    gc.collect()


@pytest.fixture
def clean_mock() -> Iterator[MagicMock]:
    """A mock of the test's own, reset, deleted and collected."""
    mock = MagicMock(name="clean_mock")
    yield mock
    mock.reset_mock()
    del mock
    gc.collect()
