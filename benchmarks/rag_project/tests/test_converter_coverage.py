"""Every format, every suffix: the properties that all converters have."""

import json

import pytest

from rag.converters import convert, converter_for, supported_suffixes
from rag.errors import ConversionError, UnsupportedFormatError

WORDS = "The red kite circles above the harbour"

CONTENT = {
    ".csv": f"note,place\n{WORDS},pier\n",
    ".htm": f"<p>{WORDS}</p>",
    ".html": f"<h1>Birds</h1><p>{WORDS}</p>",
    ".json": json.dumps({"note": WORDS}),
    ".jsonl": json.dumps({"note": WORDS}),
    ".markdown": f"# Birds\n\n{WORDS}\n",
    ".md": f"# Birds\n\n**{WORDS}**\n",
    ".ndjson": json.dumps({"note": WORDS}) + "\n",
    ".text": WORDS,
    ".tsv": f"note\tplace\n{WORDS}\tpier\n",
    ".txt": f"Birds\n=====\n\n{WORDS}\n",
    ".xhtml": f"<html><body><p>{WORDS}</p></body></html>",
}
SUFFIXES = sorted(CONTENT)


def test_every_suffix_has_an_example() -> None:
    """A new converter cannot be forgotten here."""
    assert supported_suffixes() == tuple(SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestEveryFormat:
    """One class, since each property is asked of each suffix."""

    def test_words_survive(self, suffix: str) -> None:
        """What a reader would see is in the text."""
        assert WORDS in convert(CONTENT[suffix], f"birds{suffix}").text

    def test_bytes_and_text_are_the_same(self, suffix: str) -> None:
        """Encoded content converts to the same document."""
        source = f"birds{suffix}"
        assert convert(CONTENT[suffix].encode(), source) == convert(CONTENT[suffix], source)

    def test_utf16_is_read(self, suffix: str) -> None:
        """The byte order mark is honoured in every format."""
        data = b"\xff\xfe" + CONTENT[suffix].encode("utf-16-le")
        assert WORDS in convert(data, f"birds{suffix}").text

    def test_byte_order_mark_is_no_text(self, suffix: str) -> None:
        """A mark that an editor left is not indexed."""
        document = convert("\ufeff" + CONTENT[suffix], f"birds{suffix}")
        assert "\ufeff" not in document.text + document.title

    def test_source_is_kept(self, suffix: str) -> None:
        """Answers can cite where their words are from."""
        source = f"https://example.org/birds{suffix}"
        assert convert(CONTENT[suffix], source).source == source

    def test_suffix_case_does_not_matter(self, suffix: str) -> None:
        """`BIRDS.MD` is Markdown."""
        assert converter_for(f"BIRDS{suffix.upper()}") is converter_for(f"birds{suffix}")

    def test_query_and_fragment_are_no_suffix(self, suffix: str) -> None:
        """The suffix is that of the path."""
        url = f"https://example.org/birds{suffix}?download=1.exe#part.two"
        assert converter_for(url) is converter_for(suffix.join(["a", ""]))

    def test_title_is_never_empty(self, suffix: str) -> None:
        """A document without a title of its own has its file's name."""
        assert convert(CONTENT[suffix], f"birds{suffix}").title == "Birds"

    def test_windows_newlines_change_nothing(self, suffix: str) -> None:
        """The same document, saved on another system."""
        content = CONTENT[suffix].replace("\n", "\r\n")
        assert convert(content, f"b{suffix}") == convert(CONTENT[suffix], f"b{suffix}")

    def test_converting_twice_gives_equal_documents(self, suffix: str) -> None:
        """Converters keep no state."""
        first = convert(CONTENT[suffix], f"b{suffix}")
        assert first == convert(CONTENT[suffix], f"b{suffix}")


@pytest.mark.parametrize(
    "source", ["a.pdf", "a.docx", "b.PNG", "x.tar.gz", "https://example.org/a.asp?b=c.md"]
)
def test_unknown_suffixes_are_named(source: str) -> None:
    """The message has the suffix and those that would do."""
    with pytest.raises(UnsupportedFormatError, match=r"known are \.csv, \.htm") as caught:
        convert("x", source)

    assert source in str(caught.value)


@pytest.mark.parametrize("source", ["README", "docs/", "https://example.org/a", ".md", ""])
def test_missing_suffixes_are_said(source: str) -> None:
    """A name that begins with a dot has no suffix."""
    with pytest.raises(UnsupportedFormatError, match="has no suffix"):
        converter_for(source)


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("a.json", "{"),
        ("a.jsonl", "{"),
        ("a.csv", ""),
        ("a.tsv", "x\tx\n"),
        ("a.md", "```\nopen"),
        ("a.markdown", "---\nopen"),
    ],
)
def test_errors_name_their_source(source: str, content: str) -> None:
    """In a batch of a thousand files the message finds the one."""
    with pytest.raises(ConversionError) as caught:
        convert(content, source)

    assert str(caught.value).startswith(source)
    assert caught.value.source == source
