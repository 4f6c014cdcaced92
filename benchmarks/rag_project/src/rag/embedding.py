"""Embeddings by feature hashing: no model, no download, the same on every machine."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

Vector = list[float]

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    "a an and are as at be but by for from has in is it its of on or that the to was with".split()
)


def tokens(text: str) -> list[str]:
    """Return the words of a text in lower case, without stop words."""
    words = (word.casefold() for word in _WORD.findall(text))
    return [word for word in words if word not in _STOP_WORDS]


@lru_cache(maxsize=4096)
def _bucket(feature: str, dimensions: int) -> tuple[int, float]:
    """Return a feature's dimension and sign."""
    number = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
    return (number >> 1) % dimensions, 1.0 if number & 1 else -1.0


class HashEmbedder:
    """Maps words and pairs of words to signed dimensions and normalises the sum."""

    def __init__(self, dimensions: int = 384) -> None:
        """Create an embedder.

        Args:
            dimensions: Length of each vector, at least 8.
        """
        if dimensions < 8:
            raise ValueError(f"dimensions must be at least 8, not {dimensions}")
        self.dimensions = dimensions

    def embed(self, text: str) -> Vector:
        """Return a vector of length 1; a text without words gives the zero vector."""
        vector = [0.0] * self.dimensions
        words = tokens(text)
        for word in words:
            index, sign = _bucket(word, self.dimensions)
            vector[index] += sign
        for first, second in pairwise(words):
            index, sign = _bucket(f"{first} {second}", self.dimensions)
            vector[index] += 0.5 * sign
        return normalised(vector)

    def embed_many(self, texts: Iterable[str]) -> list[Vector]:
        """Return one vector per text, in order."""
        return [self.embed(text) for text in texts]


def normalised(vector: Sequence[float]) -> Vector:
    """Scale to length 1; the zero vector stays as it is."""
    length = math.sqrt(math.fsum(value * value for value in vector))
    return [value / length for value in vector] if length else list(vector)


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors; 0.0 if one is zero.

    Raises:
        ValueError: The lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"vectors of {len(first)} and {len(second)} dimensions")
    return math.fsum(a * b for a, b in zip(normalised(first), normalised(second), strict=True))
