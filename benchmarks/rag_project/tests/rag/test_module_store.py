"""Reading from a store that all tests of this module share."""

import pytest

from rag.embedding import HashEmbedder
from rag.retriever import Retriever, context, sources
from states import ChromaVectorStore
from tests import corpus

pytestmark = [pytest.mark.store, pytest.mark.leak("store-module-fixture")]

QUESTIONS = [
    ("When should I prune a tomato seedling?", "gardening.md"),
    ("Which compass for the regatta?", "sailing.md"),
    ("How long is proofing for sourdough?", "baking.md"),
    ("What bends light: nebula, lens or galaxy?", "astronomy.md"),
    ("Is the derailleur or the sprocket worn?", "cycling.md"),
]


@pytest.fixture(scope="class")
def retriever(module_store: ChromaVectorStore, embedder: HashEmbedder) -> Retriever:
    """A retriever for the tests of a class."""
    return Retriever(module_store, embedder, k=6)


@pytest.mark.parametrize(("question", "source"), QUESTIONS)
class TestQuestions:
    """Plain questions find the right source."""

    def test_best_hit(self, retriever: Retriever, question: str, source: str) -> None:
        """The first hit is of the topic asked for."""
        assert retriever.retrieve(question)[0].chunk.source == source

    def test_context(self, retriever: Retriever, question: str, source: str) -> None:
        """The context cites the source of its best hit first."""
        hits = retriever.retrieve(question)

        assert context(hits, budget=500).startswith(f"[{source}: Part")
        assert sources(hits)[0] == source

    def test_conditions(self, retriever: Retriever, question: str, source: str) -> None:
        """A condition on another source finds that source only."""
        other = "sailing.md" if source != "sailing.md" else "baking.md"
        hits = retriever.retrieve(question, where={"source": other})

        assert sources(hits) == (other,)


def test_reading_does_not_write(module_store: ChromaVectorStore) -> None:
    """After all queries the store has what it had."""
    assert module_store.count() == corpus.SIZE
