"""Caches, imports and cycles: memory that grows once, or goes by itself."""

import importlib
import re
from unittest.mock import MagicMock, create_autospec

import pytest

from rag.converters.registry import suffix_of
from rag.embedding import HashEmbedder, _bucket
from rag.infrastructure.llm import HttpLLM
from rag.retriever import VectorStore
from tests.rag.unit.doubles import payload

pytestmark = pytest.mark.innocent


@pytest.mark.parametrize("batch", range(3))
def test_the_suffix_cache_is_bounded(batch: int) -> None:
    """However many sources are seen, 128 are remembered."""
    for number in range(300):
        assert suffix_of(f"https://e.org/{batch}/{number}.md") == ".md"

    assert suffix_of.cache_info().currsize == 128


@pytest.mark.parametrize("batch", range(3))
def test_the_feature_cache_is_bounded(batch: int) -> None:
    """However many words are seen, 4,096 features are remembered."""
    HashEmbedder().embed(" ".join(f"w{batch}x{number}" for number in range(5000)))

    assert _bucket.cache_info().currsize == 4096


@pytest.mark.parametrize("module", ["json.tool", "xml.dom.minidom", "wsgiref.util"])
def test_modules_are_imported_once(module: str) -> None:
    """The first import costs memory, the second returns the same module."""
    assert importlib.import_module(module) is importlib.import_module(module)


@pytest.mark.parametrize("word", ["kite", "gull", "heron"])
def test_compiled_patterns_are_cached(word: str) -> None:
    """`re` keeps a limited number of patterns."""
    assert re.findall(rf"\b{word}s?\b", f"a {word} and two {word}s") == [word, f"{word}s"]


@pytest.mark.parametrize("kilobytes", [50, 100])
def test_a_mocks_payload_goes_with_it(kilobytes: int) -> None:
    """A mock is a reference cycle; the collector frees it with what it recorded."""
    listener = MagicMock()
    listener(payload(kilobytes))

    assert len(listener.call_args.args[0]) >= kilobytes * 1024


@pytest.mark.parametrize("spec", [VectorStore, HttpLLM, HashEmbedder])
def test_autospecs_refuse_unknown_names(spec: type) -> None:
    """A specified mock is many objects, and late garbage all the same."""
    mock = create_autospec(spec, instance=True)

    with pytest.raises(AttributeError):
        mock.no_such_method()
