"""Fixtures of the suite, taken from the state that `RAG_STATE` names, and its limits."""

from __future__ import annotations

from collections.abc import Generator

import pytest

import states
from rag.embedding import HashEmbedder
from states import fixtures
from tests import limits

vector_store = fixtures.vector_store
module_store = fixtures.module_store
shared_client = fixtures.shared_client
scratch_store = fixtures.scratch_store
clean_mock = fixtures.clean_mock
audit = fixtures.audit
events = fixtures.events
llm_down = fixtures.llm_down
start_patch = fixtures.start_patch


@pytest.fixture(scope="session")
def embedder() -> HashEmbedder:
    """The embedder that made the corpus' vectors."""
    return HashEmbedder()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


def pytest_report_header() -> str:
    """Name the state, since results depend on it."""
    return f"rag state: {states.NAME}"


def pytest_configure() -> None:
    """Raise the limit of open files; limit memory when `RAG_MEMORY_LIMIT_MB` asks for it."""
    limit = limits.raise_file_limit()
    if states.NAME != "after" and not limits.enough_files(limit):
        raise pytest.UsageError(
            f"state {states.NAME!r} leaves stores open and needs {limits.NEEDED_FILES} open "
            f"files, but the hard limit is {limit}: raise it (ulimit -Hn as root), or run "
            "the state 'after' (RAG_STATE=after)"
        )
    try:
        memory_mb = limits.memory_limit_mb()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    if memory_mb:
        limits.limit_address_space(memory_mb)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Stop the run, in words, once this process is above `RAG_MEMORY_LIMIT_MB`.

    Looked at after each test, since a hard limit ends in riddles: under `ulimit -v` Chroma
    says "Resource temporarily unavailable", under `ulimit -d` it hangs (both 1.5.9).
    """
    result = yield
    limit_mb = limits.memory_limit_mb()
    used_mb = limits.resident_mb()
    if limit_mb and used_mb > limit_mb:
        item.session.shouldstop = (
            f"memory limit: {used_mb} MB resident after {item.nodeid}, limit {limit_mb} MB"
        )
    return result
