"""What the pipeline's unit tests share."""

from itertools import chain, repeat
from typing import Any
from unittest.mock import AsyncMock, MagicMock, create_autospec

from rag.chunker import Chunker
from rag.embedding import HashEmbedder
from rag.models import Chunk, Hit
from rag.pipeline import Pipeline
from rag.retriever import VectorStore

HIT = Hit(chunk=Chunk(id="kites.md#0", text="Kites nest in trees.", source="kites.md"), score=0.8)


def payload(kilobytes: int, word: str = "kite") -> str:
    """Return text of about that size, new on every call, as a fetched page is."""
    sentence = f"The {word} circles above harbour number {{}}.\n\n"
    lines = (sentence.format(number) for number in range(kilobytes * 1024 // len(sentence) + 1))
    return "".join(lines)


def store_with(*hits: Hit) -> MagicMock:
    """Return a store that finds these hits."""
    store: MagicMock = create_autospec(VectorStore, instance=True)
    store.query.return_value = list(hits)
    store.delete.return_value = 0
    return store


def llm_saying(text: str) -> MagicMock:
    """Return a model that always says this, at once or later."""
    llm = MagicMock(name="llm")
    llm.complete.return_value = text
    llm.complete_async = AsyncMock(return_value=text)
    return llm


def pipeline_with(**parts: Any) -> Pipeline:
    """Return a pipeline of mocks, but for the parts given."""
    parts.setdefault("store", store_with(HIT))
    parts.setdefault("embedder", HashEmbedder(16))
    parts.setdefault("llm", llm_saying("In trees."))
    parts.setdefault("chunker", Chunker(size=4000, overlap=0))
    return Pipeline(**parts)


def run_clock(clock: MagicMock, started: float, elapsed: float) -> None:
    """Make a patched clock show a start and, from then on, an end.

    It never runs out: where the patch is not stopped, later tests read it too.
    """
    clock.now.side_effect = chain([started], repeat(started + elapsed))
