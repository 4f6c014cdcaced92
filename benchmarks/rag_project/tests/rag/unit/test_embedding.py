"""Vectors are the same everywhere, and near for texts that share words."""

import math
from collections.abc import Callable

import pytest

from rag.embedding import HashEmbedder, cosine, normalised, tokens
from tests.corpus import TOPICS

SENTENCES = [
    "The tomato follows the compost",
    "Sourdough needs a hot oven",
    "A nebula is far away",
    "Größe und Maß",
    "雪 が 降る",
    "one",
    "42 is the answer",
    "The brake protects the tyre on every gradient",
]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The red kite", ["red", "kite"]),
        ("RED Kite", ["red", "kite"]),
        ("snake_case-name", ["snake", "case", "name"]),
        ("don't", ["don", "t"]),
        ("v1.5.9", ["v1", "5", "9"]),
        ("Straße", ["strasse"]),
        ("雪 と 氷", ["雪", "と", "氷"]),
        ("to be or not", ["not"]),
        ("... --- !!!", []),
        ("", []),
    ],
)
def test_tokens_are_words_that_matter(text: str, words: list[str]) -> None:
    """Case, punctuation and stop words do not count."""
    assert tokens(text) == words


@pytest.mark.parametrize("dimensions", [8, 64, 384])
@pytest.mark.parametrize("text", SENTENCES)
def test_vectors_have_length_one(text: str, dimensions: int) -> None:
    """Every text with a word has a unit vector of the size asked for."""
    vector = HashEmbedder(dimensions).embed(text)

    assert len(vector) == dimensions
    assert math.isclose(math.hypot(*vector), 1.0)


@pytest.mark.parametrize("text", SENTENCES)
def test_vectors_depend_on_the_text_only(text: str) -> None:
    """Two embedders agree, in a batch and alone."""
    assert HashEmbedder().embed_many([text, "other"])[0] == HashEmbedder().embed(text)


@pytest.mark.parametrize("text", SENTENCES[:6])
@pytest.mark.parametrize("change", [str.upper, str.title, "  {}!  ".format, "«{}»".format])
def test_case_and_punctuation_change_nothing(text: str, change: Callable[[str], str]) -> None:
    """A question finds a text that is written in another way."""
    embedder = HashEmbedder()

    assert cosine(embedder.embed(text), embedder.embed(change(text))) == pytest.approx(1.0)


def test_a_known_vector_stays_the_same() -> None:
    """Stored vectors stay usable: a change of the hash would break every index."""
    vector = HashEmbedder(8).embed("kite")

    assert [abs(value) for value in vector].count(1.0) == 1
    assert vector == HashEmbedder(8).embed("the KITE.")


@pytest.mark.parametrize("topic", sorted(TOPICS))
@pytest.mark.parametrize("other", sorted(TOPICS))
def test_texts_of_a_topic_are_nearer(topic: str, other: str) -> None:
    """Shared words outweigh chance collisions."""
    embedder = HashEmbedder()
    first = embedder.embed(" ".join(TOPICS[topic][:5]))
    second = embedder.embed(" ".join(TOPICS[other][2:7]))

    assert (cosine(first, second) > 0.4) == (topic == other)


@pytest.mark.parametrize("text", ["", "   ", "the of and", "?!"])
def test_texts_without_words_have_the_zero_vector(text: str) -> None:
    """There is no direction to invent."""
    assert set(HashEmbedder(16).embed(text)) == {0.0}


@pytest.mark.parametrize("dimensions", [0, 1, 7, -3])
def test_too_few_dimensions_are_refused(dimensions: int) -> None:
    """With so few dimensions everything collides."""
    with pytest.raises(ValueError, match="at least 8"):
        HashEmbedder(dimensions)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0, 0.0], [1.0, 0.0], 1.0),
        ([1.0, 0.0], [0.0, 1.0], 0.0),
        ([1.0, 0.0], [-2.0, 0.0], -1.0),
        ([1.0, 1.0], [1.0, 0.0], math.sqrt(0.5)),
        ([0.0, 0.0], [1.0, 0.0], 0.0),
    ],
)
def test_cosine_is_the_angle(first: list[float], second: list[float], expected: float) -> None:
    """Length does not matter, direction does."""
    assert cosine(first, second) == pytest.approx(expected)


def test_vectors_of_different_length_are_refused() -> None:
    """Vectors of two embedders cannot be compared."""
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        cosine([1.0, 0.0], [1.0, 0.0, 0.0])


@pytest.mark.parametrize("vector", [[3.0, 4.0], [0.1] * 10, [-1.0]])
def test_normalised_keeps_the_direction(vector: list[float]) -> None:
    """Only the length changes."""
    assert math.hypot(*normalised(vector)) == pytest.approx(1.0)
    assert cosine(vector, normalised(vector)) == pytest.approx(1.0)
