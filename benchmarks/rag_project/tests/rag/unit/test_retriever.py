"""The retriever asks the store once and keeps what is worth showing."""

from unittest.mock import MagicMock, create_autospec

import pytest

from rag.embedding import HashEmbedder
from rag.models import Chunk, Hit
from rag.retriever import Retriever, VectorStore, context, sources


def hit(source: str, score: float, text: str = "text", heading: str = "") -> Hit:
    """Make a hit."""
    chunk = Chunk(id=f"{source}#{score}", text=text, source=source, heading=heading)
    return Hit(chunk=chunk, score=score)


HITS = [
    hit("a.md", 0.9),
    hit("a.md", 0.8),
    hit("b.md", 0.7),
    hit("a.md", 0.6),
    hit("c.md", 0.2),
    hit("b.md", 0.1),
]


@pytest.fixture
def store() -> MagicMock:
    """A store that answers every query with the same hits."""
    mock: MagicMock = create_autospec(VectorStore, instance=True)
    mock.query.side_effect = lambda vector, k, where: HITS[:k]
    return mock


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6, 10])
@pytest.mark.parametrize(
    ("min_score", "good"), [(0.0, 6), (0.15, 5), (0.5, 4), (0.85, 1), (1.0, 0)]
)
def test_scores_and_k_limit_the_hits(
    store: MagicMock, embedder: HashEmbedder, k: int, min_score: float, good: int
) -> None:
    """Both limits hold, and the best come first."""
    retriever = Retriever(store, embedder, k=k, min_score=min_score)

    assert retriever.retrieve("kites?") == HITS[: min(k, good)]


@pytest.mark.parametrize(
    ("per_source", "scores"),
    [
        (0, [0.9, 0.8, 0.7]),
        (1, [0.9, 0.7, 0.2]),
        (2, [0.9, 0.8, 0.7]),
        (3, [0.9, 0.8, 0.7]),
    ],
)
def test_one_source_cannot_take_all_places(
    store: MagicMock, embedder: HashEmbedder, per_source: int, scores: list[float]
) -> None:
    """Further hits of a source make room for others."""
    retriever = Retriever(store, embedder, k=3, per_source=per_source)

    assert [found.score for found in retriever.retrieve("kites?")] == scores
    assert store.query.call_args.kwargs["k"] == (12 if per_source else 3)


@pytest.mark.parametrize("question", ["kites", "  kites  ", "Where do KITES fly?", "雪"])
@pytest.mark.parametrize("where", [None, {"source": "a.md"}, {"source": "a.md", "heading": "x"}])
def test_the_store_is_asked_with_the_questions_vector(
    store: MagicMock, embedder: HashEmbedder, question: str, where: dict[str, str] | None
) -> None:
    """One query, the same embedding as for chunks, conditions untouched."""
    Retriever(store, embedder, k=4).retrieve(question, where=where)

    store.query.assert_called_once_with(embedder.embed(question), k=4, where=where)


@pytest.mark.parametrize("question", ["", "  ", "\n\t"])
def test_blank_questions_never_reach_the_store(
    store: MagicMock, embedder: HashEmbedder, question: str
) -> None:
    """A blank question has no direction."""
    with pytest.raises(ValueError, match="blank"):
        Retriever(store, embedder).retrieve(question)

    store.query.assert_not_called()


@pytest.mark.parametrize(("k", "per_source"), [(0, 0), (-1, 0), (1, -1)])
def test_impossible_limits_are_refused(k: int, per_source: int) -> None:
    """A retriever that could never find anything is not made."""
    with pytest.raises(ValueError, match="at least"):
        Retriever(MagicMock(), MagicMock(), k=k, per_source=per_source)


@pytest.mark.parametrize(
    ("budget", "labels"),
    [
        (1000, ["[a.md: Top]", "[b.md]", "[c.md]"]),
        (60, ["[a.md: Top]", "[c.md]"]),
        (22, ["[a.md: Top]"]),
        (12, ["[c.md]"]),
        (5, []),
        (0, []),
    ],
)
def test_context_fits_its_budget(budget: int, labels: list[str]) -> None:
    """Hits that do not fit are left out whole, shorter ones may follow."""
    hits = [
        hit("a.md", 0.9, "ten chars.", "Top"),
        hit("b.md", 0.8, "long " * 20),
        hit("c.md", 0.7, "short"),
    ]
    text = context(hits, budget=budget)

    assert [line for line in text.split("\n") if line.startswith("[")] == labels
    assert len(text) <= budget


def test_sources_are_named_once_in_order() -> None:
    """A citation list has no doubles."""
    assert sources(HITS) == ("a.md", "b.md", "c.md")
    assert sources([]) == ()
