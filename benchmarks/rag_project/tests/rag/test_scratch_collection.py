"""Collections that are made for a test and deleted after it."""

import pytest

from rag.embedding import HashEmbedder
from rag.infrastructure.llm import HttpLLM
from rag.pipeline import Pipeline
from states import ChromaVectorStore
from tests import corpus

pytestmark = [pytest.mark.store, pytest.mark.leak("deleted-collection")]

# Words of the corpus: Chroma's index is approximate and may miss a chunk unlike all others.
FACT = "Prune the tomato seedling, mulch the greenhouse soil."
PAGES = {
    "a.md": f"# Tomato\n\n{FACT}",
    "a.html": f"<h1>Tomato</h1><p>{FACT}",
    "a.csv": f'topic,fact\nTomato,"{FACT}"\n',
    "a.json": f'{{"tomato": {{"fact": "{FACT}"}}}}',
    "a.txt": f"Tomato\n======\n\n{FACT}\n",
}


def pipeline(store: ChromaVectorStore) -> Pipeline:
    """Return a pipeline that only indexes."""
    return Pipeline(store=store, embedder=HashEmbedder(), llm=HttpLLM("https://unused.example"))


@pytest.mark.parametrize("source", sorted(PAGES))
def test_pages_of_every_format_are_found(scratch_store: ChromaVectorStore, source: str) -> None:
    """From a page to a hit, with nothing replaced."""
    assert pipeline(scratch_store).index(PAGES[source], source) == 1

    (hit,) = scratch_store.query(HashEmbedder().embed(FACT), k=1)
    assert hit.chunk.source == source
    assert FACT in hit.chunk.text


@pytest.mark.parametrize("times", [2, 4])
def test_indexing_again_replaces_a_source(scratch_store: ChromaVectorStore, times: int) -> None:
    """However often a page is indexed, it is there once."""
    for number in range(times):
        pipeline(scratch_store).index(f"# Tomato\n\n{FACT} Version {number}.", "a.md")

    assert scratch_store.count() == corpus.SIZE + 1
    (hit,) = scratch_store.query(HashEmbedder().embed(FACT), k=1)
    assert hit.chunk.text == f"{FACT} Version {times - 1}."


@pytest.mark.parametrize("source", sorted(f"{topic}.md" for topic in corpus.TOPICS))
def test_an_emptied_page_is_not_found(scratch_store: ChromaVectorStore, source: str) -> None:
    """A source without words loses its chunks."""
    assert pipeline(scratch_store).index("", source) == 0
    assert scratch_store.count() == corpus.SIZE - 40


@pytest.mark.parametrize("sections", [1, 12, 60])
def test_each_section_is_a_chunk(scratch_store: ChromaVectorStore, sections: int) -> None:
    """Short sections are not joined."""
    content = "\n".join(f"# S{number}\ntext {number}" for number in range(sections))

    assert pipeline(scratch_store).index(content, "many.md") == sections
    assert scratch_store.delete(source="many.md") == sections


def test_every_test_starts_with_the_corpus_only(scratch_store: ChromaVectorStore) -> None:
    """Nothing of another test is in the collection."""
    assert scratch_store.count() == corpus.SIZE
    found = {hit.chunk.source for hit in scratch_store.query(corpus.vectors()[0], k=200)}
    assert found == {f"{topic}.md" for topic in corpus.TOPICS}
