"""Fixtures that end what they start, in the scope where they start it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import TestCase
from unittest.mock import MagicMock, patch

import pytest

from rag.errors import CompletionError
from rag.infrastructure.chroma_store import open_client
from states.after.store import ChromaVectorStore, release
from states.events import EVENTS
from tests.corpus import fill


@pytest.fixture
def vector_store(tmp_path: Path) -> Iterator[ChromaVectorStore]:
    """A filled store of the test's own, ended with the test."""
    with ChromaVectorStore(tmp_path / "store") as store:
        yield fill(store)


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaVectorStore]:
    """A filled store for the tests of a module, ended with the module."""
    with ChromaVectorStore(tmp_path_factory.mktemp("module") / "store") as store:
        yield fill(store)


@pytest.fixture
def shared_client(tmp_path: Path) -> Iterator[Any]:
    """A client for the stores of one test.

    Deleting a collection frees neither its index nor its files; ending the client does,
    so the client lives as long as one test.
    """
    client = open_client(tmp_path / "shared")
    yield client
    release(client)


@pytest.fixture
def scratch_store(shared_client: Any, tmp_path: Path) -> Iterator[ChromaVectorStore]:
    """A filled collection of the test's client, deleted after the test."""
    store = fill(ChromaVectorStore(tmp_path, collection="scratch", client=shared_client))
    yield store
    store.drop()


@pytest.fixture
def clean_mock() -> MagicMock:
    """A mock of the test's own: what it recorded goes with it."""
    return MagicMock(name="clean_mock")


@pytest.fixture
def audit() -> MagicMock:
    """An audit trail of the test's own."""
    return MagicMock(name="audit")


@pytest.fixture
def events() -> Iterator[MagicMock]:
    """The mock at module level; what it recorded is dropped after the test."""
    yield EVENTS
    EVENTS.reset_mock()


@pytest.fixture
def llm_down() -> MagicMock:
    """A model that raises a new exception each time."""

    def raise_down(_prompt: str) -> str:
        raise CompletionError("the model is down")

    return MagicMock(name="llm_down", **{"complete.side_effect": raise_down})


@pytest.fixture
def start_patch(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Start a patch that is stopped with the test."""

    def start(target: str, **options: Any) -> Any:
        patcher = patch(target, **options)
        mock = patcher.start()
        request.addfinalizer(patcher.stop)
        return mock

    return start


class PatchingTestCase(TestCase):
    """A test case whose patches are stopped with the test."""

    def start_patch(self, target: str, **options: Any) -> Any:
        """Start a patch, have it stopped, and return its mock."""
        patcher = patch(target, **options)
        mock = patcher.start()
        self.addCleanup(patcher.stop)
        return mock
