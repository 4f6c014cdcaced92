"""Records and errors say what they hold."""

from dataclasses import FrozenInstanceError

import pytest

from rag.errors import (
    CompletionError,
    ConversionError,
    FetchError,
    RagError,
    StoreError,
    TransientError,
    UnsupportedFormatError,
)
from rag.models import Chunk, Document, Section


@pytest.mark.parametrize(
    ("heading", "text", "rendered"),
    [("A", "x", "A\nx"), ("", "x", "x"), ("A", "", "A"), ("", "", ""), ("A", "x\ny", "A\nx\ny")],
)
def test_sections_render_heading_first(heading: str, text: str, rendered: str) -> None:
    """An empty part leaves no blank line."""
    assert Section(heading=heading, text=text).rendered == rendered


@pytest.mark.parametrize(
    ("texts", "expected", "empty"),
    [
        ([], "", True),
        ([""], "", True),
        (["  "], "  ", True),
        (["a"], "a", False),
        (["a", "b"], "a\n\nb", False),
        (["a", "", "b"], "a\n\nb", False),
    ],
)
def test_documents_join_their_sections(texts: list[str], expected: str, empty: bool) -> None:
    """Empty sections do not show."""
    document = Document(source="a.md", sections=tuple(Section(text=text) for text in texts))

    assert document.text == expected
    assert document.is_empty is empty


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (Section(text="x"), "text"),
        (Document(source="a"), "title"),
        (Chunk(id="1", text="x", source="a"), "text"),
    ],
)
def test_records_cannot_be_changed(record: object, field: str) -> None:
    """A record that was stored is the record that is read."""
    with pytest.raises(FrozenInstanceError):
        setattr(record, field, "other")


@pytest.mark.parametrize(
    ("line", "message"), [(None, "a.md: broken"), (1, "a.md, line 1: broken"), (70, "line 70")]
)
def test_conversion_errors_name_the_place(line: int | None, message: str) -> None:
    """The message begins with where to look."""
    error = ConversionError("a.md", "broken", line=line)

    assert message in str(error)
    assert (error.source, error.reason, error.line) == ("a.md", "broken", line)


@pytest.mark.parametrize(
    "kind",
    [CompletionError, FetchError, RagError, StoreError, TransientError, UnsupportedFormatError],
)
def test_every_error_is_a_rag_error(kind: type[Exception]) -> None:
    """Callers can catch one type."""
    with pytest.raises(RagError, match="why"):
        raise kind("why")


def test_busy_is_a_kind_of_completion_error() -> None:
    """Who does not care for retries catches the wider type."""
    assert issubclass(TransientError, CompletionError)
