"""Stores that a test opens itself: names, paths, sizes, several at once."""

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

import pytest

from rag.embedding import HashEmbedder
from rag.models import Chunk
from states import opened
from tests import corpus

pytestmark = [pytest.mark.store, pytest.mark.leak("store-body")]


@pytest.mark.parametrize(
    "name", ["documents", "a.b-c_d", "123", "UPPER", "n" * 512, "docs-2024.05", "x1y"]
)
def test_collections_may_have_many_names(tmp_path: Path, name: str) -> None:
    """A name within Chroma's rules works as any other."""
    with opened(tmp_path / "db", collection=name) as store:
        corpus.fill(store)

        assert store.count() == corpus.SIZE
        assert store.query(corpus.vectors()[5], k=1)[0].chunk.id == corpus.chunks()[5].id


@pytest.mark.parametrize("folder", ["db", "a/b/c", "with blank", "größe", ".hidden", "雪"])
def test_directories_are_created(tmp_path: Path, folder: str) -> None:
    """A path that does not exist yet becomes a database."""
    with opened(tmp_path / folder) as store:
        corpus.fill(store)

        assert (tmp_path / folder / "chroma.sqlite3").is_file()
        assert store.count() == corpus.SIZE


@pytest.mark.parametrize("dimensions", [8, 32, 128, 384, 768])
def test_vectors_may_have_any_size(tmp_path: Path, dimensions: int) -> None:
    """A store takes the dimensions it was made for."""
    embedder = HashEmbedder(dimensions)
    texts = [chunk.text for chunk in corpus.chunks()]
    with opened(tmp_path, dimensions=dimensions) as store:
        store.add(corpus.chunks(), embedder.embed_many(texts))
        (hit,) = store.query(embedder.embed(texts[42]), k=1)

    assert hit.chunk.text == texts[42]


@pytest.mark.parametrize("batch", [1, 7, 50, 199])
def test_batches_add_up(tmp_path: Path, batch: int) -> None:
    """Many small batches are the same as one large one."""
    with opened(tmp_path) as store:
        for start in range(0, corpus.SIZE, batch):
            part = slice(start, start + batch)
            store.add(corpus.chunks()[part], corpus.vectors()[part])

        assert store.count() == corpus.SIZE


@pytest.mark.parametrize("topic", sorted(corpus.TOPICS))
def test_collections_of_one_directory_are_apart(tmp_path: Path, topic: str) -> None:
    """Two collections share the files, not the chunks."""
    with (
        opened(tmp_path, collection="first") as first,
        opened(tmp_path, collection="second") as second,
    ):
        corpus.fill(first)
        second.add(corpus.chunks()[:3], corpus.vectors()[:3])
        first.delete(source=f"{topic}.md")

        assert (first.count(), second.count()) == (160, 3)


@pytest.mark.parametrize("count", [2, 3])
def test_directories_are_apart(tmp_path: Path, count: int) -> None:
    """Stores of the same collection name in different places do not mix."""
    for number in range(1, count + 1):
        with opened(tmp_path / str(number)) as store:
            size = number * 60
            store.add(corpus.chunks()[:size], corpus.vectors()[:size])

            assert store.count() == size


@pytest.mark.parametrize("times", [2, 3])
def test_chunks_are_there_after_reopening(tmp_path: Path, times: int) -> None:
    """A store is opened again and has what it had."""
    with opened(tmp_path) as store:
        corpus.fill(store)
    for _ in range(times):
        with opened(tmp_path) as store:
            assert store.count() == corpus.SIZE


@pytest.mark.parametrize("text", ["", "x" * 100_000, "line\nline", "雪 ❄", "'; DROP TABLE x; --"])
def test_texts_come_back_as_they_are(tmp_path: Path, text: str) -> None:
    """Neither length nor characters of a text matter."""
    chunk = Chunk(id="odd", text=text, source="odd.md", heading="H")
    with opened(tmp_path) as store:
        corpus.fill(store)
        vector = HashEmbedder().embed(f"{corpus.chunks()[7].text} Once more.")
        store.add([chunk], [vector])

        assert store.query(vector, k=1)[0].chunk == chunk


def test_a_dropped_collection_can_be_made_again(tmp_path: Path) -> None:
    """Dropping leaves nothing behind in the database."""
    with opened(tmp_path) as store:
        corpus.fill(store).drop()
    with opened(tmp_path) as store:
        assert store.count() == 0


class ReindexTest(TestCase):
    """The oldest tests of the project, by `unittest`."""

    def setUp(self) -> None:
        """Make a directory of the test's own."""
        folder = TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)

    def test_reindexing_keeps_the_count(self) -> None:
        """The same chunks again are no more chunks."""
        with opened(self.path) as store:
            corpus.fill(corpus.fill(store))
            self.assertEqual(store.count(), corpus.SIZE)

    def test_replacing_a_source(self) -> None:
        """A source that became shorter leaves no old chunks."""
        with opened(self.path) as store:
            corpus.fill(store)
            store.delete(source="baking.md")
            baking = [c for c in corpus.chunks() if c.source == "baking.md"][:5]
            store.add(baking, HashEmbedder().embed_many([c.text for c in baking]))
            self.assertEqual(store.count(), 165)

    def test_deleting_everything(self) -> None:
        """An emptied store finds nothing and is no error."""
        with opened(self.path) as store:
            corpus.fill(store)
            store.delete(ids=[chunk.id for chunk in corpus.chunks()])
            self.assertEqual(store.query(corpus.vectors()[0]), [])
