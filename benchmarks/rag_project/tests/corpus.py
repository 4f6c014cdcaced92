"""Two hundred chunks with vectors, the same on every run."""

from functools import lru_cache
from random import Random
from typing import TypeVar

from rag.embedding import HashEmbedder, Vector
from rag.models import Chunk
from rag.retriever import VectorStore

SIZE = 200
DIMENSIONS = 384

TOPICS = {
    "gardening": "tomato compost seedling prune mulch greenhouse soil harvest".split(),
    "sailing": "mainsail harbour anchor tide rigging keel compass regatta".split(),
    "baking": "sourdough oven flour yeast crumb proofing butter pastry".split(),
    "astronomy": "telescope nebula orbit comet eclipse galaxy parallax lens".split(),
    "cycling": "derailleur saddle gradient peloton sprocket tyre cadence brake".split(),
}
_VERBS = "improves changes needs follows protects measures replaces describes".split()

StoreT = TypeVar("StoreT", bound=VectorStore)


@lru_cache(maxsize=1)
def chunks() -> tuple[Chunk, ...]:
    """Return the chunks: 40 of each topic, each topic from one source."""
    random = Random(2111)
    topics = list(TOPICS)
    return tuple(
        Chunk(
            id=f"{topic}.md#{number // len(topics)}",
            text=_sentence(random, TOPICS[topic]),
            source=f"{topic}.md",
            heading=f"Part {number // len(topics) % 4 + 1}",
        )
        for number in range(SIZE)
        for topic in [topics[number % len(topics)]]
    )


@lru_cache(maxsize=1)
def vectors() -> tuple[Vector, ...]:
    """Return the vectors of the chunks."""
    return tuple(HashEmbedder(DIMENSIONS).embed_many([chunk.text for chunk in chunks()]))


def fill(store: StoreT) -> StoreT:
    """Put all chunks into a store and return it."""
    store.add(chunks(), vectors())
    return store


def _sentence(random: Random, words: list[str]) -> str:
    first, second, third, fourth = random.sample(words, 4)
    verb, other = random.sample(_VERBS, 2)
    return f"The {first} {verb} every {second}, and a {third} {other} the {fourth}."
