"""Errors of the store say what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from rag.errors import StoreError
from rag.models import Chunk
from states import ChromaVectorStore, opened
from tests import corpus

pytestmark = pytest.mark.store

ONE = Chunk(id="one", text="x", source="a.md")
TWO = Chunk(id="two", text="y", source="a.md")
VECTOR = [1.0] * 384


@pytest.mark.leak("store-body")
@pytest.mark.parametrize(
    ("chunks", "vectors", "message"),
    [
        ([], [], "nothing to add"),
        ([ONE], [], "1 chunks, but 0 vectors"),
        ([ONE], [VECTOR, VECTOR], "1 chunks, but 2 vectors"),
        ([ONE, TWO, ONE], [VECTOR] * 3, "id 'one' occurs twice"),
        ([ONE, TWO], [VECTOR, [1.0]], "chunk 'two' has 1 dimensions, the store has 384"),
    ],
)
def test_bad_batches_change_nothing(
    tmp_path: Path, chunks: list[Chunk], vectors: list[list[float]], message: str
) -> None:
    """A batch is checked before any of it is stored."""
    with opened(tmp_path) as store:
        corpus.fill(store)
        with pytest.raises(StoreError, match=message):
            store.add(chunks, vectors)

        assert store.count() == corpus.SIZE


@pytest.mark.leak("store-body")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vector": VECTOR, "k": 0}, "k must be at least 1"),
        ({"vector": VECTOR, "k": -2}, "k must be at least 1"),
        ({"vector": [1.0] * 383}, "the query has 383 dimensions, the store has 384"),
        ({"vector": []}, "the query has 0 dimensions"),
    ],
)
def test_bad_queries_are_refused(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    """The message has the number that was given and the one that fits."""
    with opened(tmp_path) as store:
        corpus.fill(store)
        with pytest.raises(StoreError, match=message):
            store.query(**arguments)


@pytest.mark.leak("store-body")
@pytest.mark.parametrize("arguments", [{}, {"ids": ["one"], "source": "a.md"}, {"ids": []}])
def test_deletions_need_one_condition(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """Nothing is deleted by a call that could mean everything."""
    with opened(tmp_path) as store:
        corpus.fill(store)
        with pytest.raises(StoreError, match="either ids or a source"):
            store.delete(**arguments)

        assert store.count() == corpus.SIZE


@pytest.mark.leak("store-body")
@pytest.mark.parametrize("name", ["ab", "with blank", "-dash", "dash-", "a/b", "x" * 513])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    """The message has the name and Chroma's reason."""
    with pytest.raises(StoreError, match=f"collection '{name}' in .*[Ee]xpected a name"):
        ChromaVectorStore(tmp_path, collection=name)


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    """The wrong path is named."""
    file = tmp_path / "notes.txt"
    file.write_text("x")

    with pytest.raises(StoreError, match=r"notes\.txt is a file"):
        ChromaVectorStore(file)


def test_a_dropped_collection_is_not_used(tmp_path: Path) -> None:
    """The error names the collection, not an attribute of None."""
    with opened(tmp_path, collection="gone") as store:
        store.drop()
        with pytest.raises(StoreError, match=r"'gone' in .* is closed or dropped"):
            store.count()
