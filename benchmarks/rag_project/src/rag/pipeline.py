"""From URLs to answers: fetch, convert, cut, embed, store, retrieve, ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag import clock
from rag.chunker import Chunker
from rag.converters import convert
from rag.errors import ConversionError, FetchError, RagError, UnsupportedFormatError
from rag.infrastructure import http
from rag.infrastructure.llm import LLM
from rag.models import Answer
from rag.retriever import Embedder, Retriever, VectorStore, context, sources

_PROMPT = """Answer from the context only. Say so if it has no answer.

Context:
{context}

Question: {question}
Answer:"""

NO_ANSWER = "The indexed documents do not answer this."

Listener = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an ingestion did.

    Attributes:
        chunks: Stored chunks by source.
        failures: The reason by source that was left out.
        elapsed_s: Seconds for the whole.
    """

    chunks: dict[str, int]
    failures: dict[str, str]
    elapsed_s: float


class Pipeline:
    """Indexes sources and answers questions about them."""

    def __init__(
        self,
        *,
        store: VectorStore,
        embedder: Embedder,
        llm: LLM,
        chunker: Chunker | None = None,
        retriever: Retriever | None = None,
        on_event: Listener | None = None,
    ) -> None:
        """Wire the parts.

        Args:
            store: Where chunks go.
            embedder: Makes the vectors.
            llm: Answers prompts.
            chunker: How to cut; the default suits prose.
            retriever: How to search; the default returns five hits.
            on_event: Called with an event's name and its payload, for an audit trail.
        """
        self._store = store
        self._embedder = embedder
        self._llm = llm
        self._chunker = chunker or Chunker()
        self._retriever = retriever or Retriever(store, embedder)
        self._on_event = on_event or (lambda _event, _payload: None)

    def index(self, data: bytes | str, source: str) -> int:
        """Index content that is at hand, replacing what its source had before.

        Returns:
            The number of chunks stored.
        """
        document = convert(data, source)
        self._on_event("converted", document.text)
        chunks = self._chunker.chunks(document)
        self._store.delete(source=source)
        if chunks:
            vectors = self._embedder.embed_many([chunk.text for chunk in chunks])
            self._store.add(chunks, vectors)
        self._on_event("indexed", source)
        return len(chunks)

    def ingest(self, urls: Sequence[str]) -> Report:
        """Fetch and index each URL; one that fails does not stop the others."""
        started = clock.now()
        chunks: dict[str, int] = {}
        failures: dict[str, str] = {}
        for url in dict.fromkeys(urls):
            try:
                chunks[url] = self.index(http.fetch(url), url)
            except (FetchError, ConversionError, UnsupportedFormatError) as error:
                failures[url] = str(error)
        return Report(chunks=chunks, failures=failures, elapsed_s=clock.now() - started)

    def answer(self, question: str) -> Answer:
        """Answer a question from what is indexed; without hits the model is not asked."""
        started = clock.now()
        prompt, found = self._prompt(question)
        text = self._llm.complete(prompt) if prompt else NO_ANSWER
        self._on_event("answered", text)
        return Answer(text=text, sources=found, elapsed_s=clock.now() - started)

    async def answer_async(self, question: str) -> Answer:
        """Answer a question without blocking on the model."""
        started = clock.now()
        prompt, found = self._prompt(question)
        text = await self._llm.complete_async(prompt) if prompt else NO_ANSWER
        self._on_event("answered", text)
        return Answer(text=text, sources=found, elapsed_s=clock.now() - started)

    async def answer_all(self, questions: Sequence[str]) -> list[Answer | RagError]:
        """Answer several questions at once; one that fails gives its error in its place."""
        results = await asyncio.gather(
            *(self.answer_async(question) for question in questions), return_exceptions=True
        )
        answers: list[Answer | RagError] = []
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, RagError):
                raise result
            answers.append(result)
        return answers

    def _prompt(self, question: str) -> tuple[str, tuple[str, ...]]:
        """Return the prompt, empty without hits, and the sources it cites."""
        hits = self._retriever.retrieve(question)
        if not hits:
            return "", ()
        return _PROMPT.format(context=context(hits), question=question.strip()), sources(hits)
