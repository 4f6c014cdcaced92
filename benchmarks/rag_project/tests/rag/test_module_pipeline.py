"""Answers from a store that all tests of this module share."""

import asyncio
from unittest.mock import AsyncMock, MagicMock

import pytest

from rag.embedding import HashEmbedder
from rag.models import Answer
from rag.pipeline import NO_ANSWER, Pipeline
from rag.retriever import Retriever
from states import ChromaVectorStore
from tests import corpus

pytestmark = [pytest.mark.store, pytest.mark.leak("store-module-fixture")]


def make(store: ChromaVectorStore, llm: MagicMock, **options: float) -> Pipeline:
    """Return a pipeline on the store."""
    embedder = HashEmbedder()
    retriever = Retriever(store, embedder, k=3, **options)  # type: ignore[arg-type]
    return Pipeline(store=store, embedder=embedder, llm=llm, retriever=retriever)


@pytest.mark.parametrize("topic", sorted(corpus.TOPICS))
def test_the_model_sees_the_topic(module_store: ChromaVectorStore, topic: str) -> None:
    """The prompt has chunks of the topic, the answer cites them."""
    llm = MagicMock()
    llm.complete.return_value = "So it is."
    answer = make(module_store, llm).answer(" ".join(corpus.TOPICS[topic]))

    assert answer.sources == (f"{topic}.md",)
    assert f"[{topic}.md: Part" in llm.complete.call_args.args[0]


@pytest.mark.parametrize("question", ["quantum ledger", "Wer ist da?"])
def test_strangers_get_no_answer(module_store: ChromaVectorStore, question: str) -> None:
    """A score limit keeps chance hits away from the model."""
    llm = MagicMock()
    answer = make(module_store, llm, min_score=0.5).answer(question)

    assert answer.text == NO_ANSWER
    llm.complete.assert_not_called()


@pytest.mark.parametrize("count", [1, 5, 12])
def test_many_questions_at_once(module_store: ChromaVectorStore, count: int) -> None:
    """Each answer cites its own topic."""
    topics = (list(corpus.TOPICS) * 3)[:count]
    llm = MagicMock(complete_async=AsyncMock(return_value="yes"))
    questions = [" ".join(corpus.TOPICS[topic]) for topic in topics]
    answers = asyncio.run(make(module_store, llm).answer_all(questions))

    cited = [answer.sources for answer in answers if isinstance(answer, Answer)]
    assert cited == [(f"{topic}.md",) for topic in topics]
