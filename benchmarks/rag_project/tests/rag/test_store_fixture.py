"""What a filled store finds, counts and deletes; each test has a store by fixture."""

import pytest

from rag.embedding import HashEmbedder
from rag.models import Chunk
from rag.retriever import Retriever
from states import ChromaVectorStore
from tests import corpus

pytestmark = [pytest.mark.store, pytest.mark.leak("store-fixture")]

TOPICS = sorted(corpus.TOPICS)


def query_for(topic: str) -> list[float]:
    """Return a vector of a topic's words."""
    return HashEmbedder().embed(" ".join(corpus.TOPICS[topic]))


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topics_words_find_its_chunks(vector_store: ChromaVectorStore, topic: str) -> None:
    """The nearest chunks are those that share words."""
    hits = vector_store.query(query_for(topic), k=10)

    assert {hit.chunk.source for hit in hits} == {f"{topic}.md"}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_source_is_deleted_whole(vector_store: ChromaVectorStore, topic: str) -> None:
    """All chunks of a source go, those of others stay."""
    assert vector_store.delete(source=f"{topic}.md") == 40
    assert vector_store.count() == 160

    hits = vector_store.query(query_for(topic), k=5)
    assert f"{topic}.md" not in {hit.chunk.source for hit in hits}


@pytest.mark.parametrize("number", [0, 3, 57, 111, 199])
def test_a_chunk_finds_itself(vector_store: ChromaVectorStore, number: int) -> None:
    """A stored chunk's own vector has score 1, and all of the chunk comes back."""
    (hit, *_) = vector_store.query(corpus.vectors()[number], k=1)

    assert hit.score == pytest.approx(1.0, abs=1e-5)
    assert hit.chunk.text == corpus.chunks()[number].text


@pytest.mark.parametrize(("k", "found"), [(1, 1), (7, 7), (50, 50), (200, 200), (500, 200)])
def test_k_limits_the_hits(vector_store: ChromaVectorStore, k: int, found: int) -> None:
    """As many as asked for, or all there are."""
    assert len(vector_store.query(query_for("sailing"), k=k)) == found


@pytest.mark.parametrize("count", [1, 10, 40])
def test_chunks_are_deleted_by_id(vector_store: ChromaVectorStore, count: int) -> None:
    """Deleting tells how many there were."""
    ids = [f"baking.md#{number}" for number in range(count)]

    assert vector_store.delete(ids=[*ids, "no-such-id"]) == count
    assert vector_store.delete(ids=ids) == 0
    assert vector_store.count() == corpus.SIZE - count


@pytest.mark.parametrize("count", [1, 25])
def test_adding_again_replaces(vector_store: ChromaVectorStore, count: int) -> None:
    """An id that exists gets the new text and source."""
    chunks = [
        Chunk(id=chunk.id, text="Out of print.", source="archive.md")
        for chunk in corpus.chunks()[:count]
    ]
    vector_store.add(chunks, corpus.vectors()[:count])

    assert vector_store.count() == corpus.SIZE
    (hit,) = vector_store.query(corpus.vectors()[count - 1], k=1)
    assert hit.chunk == chunks[-1]
    assert vector_store.delete(source="archive.md") == count


@pytest.mark.parametrize("heading", ["Part 1", "Part 2", "Part 3", "Part 4"])
@pytest.mark.parametrize("topic", TOPICS[:2])
def test_conditions_must_all_hold(
    vector_store: ChromaVectorStore, topic: str, heading: str
) -> None:
    """Hits have the source and the heading asked for."""
    where = {"source": f"{topic}.md", "heading": heading}
    hits = vector_store.query(query_for("cycling"), k=100, where=where)

    assert len(hits) == 10
    assert {(hit.chunk.source, hit.chunk.heading) for hit in hits} == {(f"{topic}.md", heading)}


class TestRetrieverOnStore:
    """The retriever with a real store below."""

    def test_sources_are_spread(
        self, vector_store: ChromaVectorStore, embedder: HashEmbedder
    ) -> None:
        """With a limit per source several topics show."""
        retriever = Retriever(vector_store, embedder, k=4, per_source=2)
        hits = retriever.retrieve("tomato compost anchor tide")

        assert len({hit.chunk.source for hit in hits}) == 2

    @pytest.mark.parametrize("min_score", [0.2, 0.5, 0.95])
    def test_weak_hits_are_dropped(
        self, vector_store: ChromaVectorStore, embedder: HashEmbedder, min_score: float
    ) -> None:
        """No hit is below the score asked for."""
        hits = Retriever(vector_store, embedder, k=50, min_score=min_score).retrieve(
            "telescope orbit comet"
        )

        assert all(hit.score >= min_score for hit in hits)
        assert len(hits) < 50

    def test_unrelated_questions_score_low(
        self, vector_store: ChromaVectorStore, embedder: HashEmbedder
    ) -> None:
        """Words that no chunk has find chance collisions only."""
        hits = Retriever(vector_store, embedder, min_score=0.4).retrieve("quantum ledger")

        assert hits == []
