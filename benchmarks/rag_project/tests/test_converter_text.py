"""The clean-up that all converters share."""

import pytest

from rag.converters.text import collapse_blanks, decode, tidy, title_from_source, unify_newlines

TEXTS = ["plain", "naïve café", "Größe 10 €", "“quoted” – dashed", "a\nb", ""]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("cp1252", b""),
    ],
)
def test_bytes_are_decoded_by_what_they_are(text: str, encoding: str, mark: bytes) -> None:
    """The byte order mark decides, then UTF-8 if it fits, then Windows-1252."""
    assert decode(mark + text.encode(encoding)) == text


@pytest.mark.parametrize("data", [b"\x81", b"\xef\xbb\xbf\xff", b"\xff\xfea"])
def test_broken_bytes_are_replaced(data: bytes) -> None:
    """Content that no encoding explains is marked, not refused."""
    assert "\ufffd" in decode(data)


@pytest.mark.parametrize(
    "newline", ["\n", "\r\n", "\r", "\f", "\v", "\u2028", "\u2029", "\x85"], ids=ascii
)
@pytest.mark.parametrize("lines", [["a", "b"], ["", "a"], ["a", "", "b"]])
def test_newlines_are_unified(newline: str, lines: list[str]) -> None:
    """All line ends are the same afterwards."""
    assert unify_newlines(newline.join(lines)) == "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a  b", "a b"),
        ("\ta\t\tb\t", "a b"),
        ("a\u00a0b", "a b"),
        ("a\u202fb\u2007c", "a b c"),
        ("so\u00adft", "soft"),
        ("zero\u200bwidth", "zerowidth"),
        ("\ufeffmark", "mark"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_blanks_collapse(line: str, expected: str) -> None:
    """Blanks of all kinds count as one; invisible characters go."""
    assert collapse_blanks(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\n\n\nb", "a\n\nb"),
        ("\n\na\n\n", "a"),
        ("a \n b", "a\nb"),
        ("a\n \n \nb", "a\n\nb"),
        ("a\r\n\r\n\r\nb", "a\n\nb"),
    ],
)
def test_tidy_leaves_one_blank_line(text: str, expected: str) -> None:
    """Paragraphs are one blank line apart, and tidying again changes nothing."""
    assert tidy(text) == expected
    assert tidy(expected) == expected


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("guide.md", "Guide"),
        ("docs/user-guide.md", "User guide"),
        ("a/b/release_notes_2.txt", "Release notes 2"),
        ("https://example.org/how-to/", "How to"),
        ("https://example.org/a.html?x=1#y", "A"),
        ("archive.tar.gz", "Archive.tar"),
        (".hidden", ".hidden"),
        ("README", "README"),
        ("größe.md", "Größe"),
        ("", ""),
    ],
)
def test_titles_come_from_names(source: str, title: str) -> None:
    """A name without suffix reads as words."""
    assert title_from_source(source) == title
