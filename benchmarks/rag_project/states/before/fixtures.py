"""Fixtures without clean-up, and mocks that live longer than the tests that call them."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import TestCase
from unittest.mock import MagicMock, patch

import pytest

from rag.errors import CompletionError
from rag.infrastructure.chroma_store import open_client
from states.before.store import ChromaVectorStore
from states.events import EVENTS
from tests.corpus import fill

_numbers = itertools.count()


@pytest.fixture
def vector_store(tmp_path: Path) -> ChromaVectorStore:
    """A filled store of the test's own; nobody closes it."""
    return fill(ChromaVectorStore(tmp_path / "store"))


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> ChromaVectorStore:
    """A filled store for the tests of a module; nobody closes it."""
    return fill(ChromaVectorStore(tmp_path_factory.mktemp("module") / "store"))


@pytest.fixture(scope="session")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One client for the session, shared to save time; nobody closes it."""
    return open_client(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def scratch_store(shared_client: Any, tmp_path: Path) -> Iterator[ChromaVectorStore]:
    """A filled collection of the shared client, deleted after the test."""
    name = f"scratch-{next(_numbers)}"
    store = fill(ChromaVectorStore(tmp_path, collection=name, client=shared_client))
    yield store
    store.drop()


@pytest.fixture(scope="module")
def clean_mock() -> MagicMock:
    """A mock for a module's tests; it records each call with its arguments."""
    return MagicMock(name="clean_mock")


@pytest.fixture(scope="session")
def audit() -> MagicMock:
    """An audit trail for the session; it records each event with its payload."""
    return MagicMock(name="audit")


@pytest.fixture
def events() -> MagicMock:
    """The mock at module level, as the last test left it."""
    return EVENTS


@pytest.fixture(scope="session")
def llm_down() -> MagicMock:
    """A model that raises one and the same exception instance each time."""
    down = CompletionError("the model is down")
    return MagicMock(name="llm_down", **{"complete.side_effect": down})


@pytest.fixture
def start_patch() -> Callable[..., Any]:
    """Start a patch; nobody stops it."""
    return lambda target, **options: patch(target, **options).start()


class PatchingTestCase(TestCase):
    """A test case whose patches are started and not stopped."""

    def start_patch(self, target: str, **options: Any) -> Any:
        """Start a patch and return its mock."""
        return patch(target, **options).start()
