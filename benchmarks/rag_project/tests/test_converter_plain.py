"""Plain text becomes headings and unwrapped paragraphs."""

import pytest

from rag.converters.plain import convert_plain, unwrap

WRAPPED = [
    pytest.param(["one line"], "one line", id="single"),
    pytest.param(["two", "lines"], "two lines", id="wrapped"),
    pytest.param(["  indented", "\tlines  "], "indented lines", id="indented"),
    pytest.param(["hyphen-", "ated word"], "hyphenated word", id="hyphenated"),
    pytest.param(["North-", "South line"], "North- South line", id="capital-after-hyphen"),
    pytest.param(["a dash -", "stays"], "a dash - stays", id="dash"),
    pytest.param(["list:", "- one", "- two"], "list:\n- one\n- two", id="dashes"),
    pytest.param(["* one", "* two"], "* one\n* two", id="stars"),
    pytest.param(["1. one", "2. two"], "1. one\n2. two", id="numbers"),
    pytest.param(["1) one", "2) two"], "1) one\n2) two", id="numbers-in-brackets"),
    pytest.param(["• one", "• two"], "• one\n• two", id="round-bullets"),
    pytest.param(["- one item", "  goes on", "- two"], "- one item goes on\n- two", id="long-item"),
    pytest.param(["wide   gaps", "here"], "wide gaps here", id="gaps"),
]


@pytest.mark.parametrize(("lines", "text"), WRAPPED)
def test_wrapped_lines_are_joined(lines: list[str], text: str) -> None:
    """A paragraph is one line, a list one line per item."""
    assert unwrap(lines) == text


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\u2028"])
@pytest.mark.parametrize(("lines", "text"), WRAPPED)
def test_newlines_of_all_systems_are_the_same(lines: list[str], text: str, newline: str) -> None:
    """The result does not depend on where the file was written."""
    content = newline.join([*lines, "", *lines])
    (section,) = convert_plain(content, "a.txt").sections

    assert section.text == f"{text}\n\n{text}"


@pytest.mark.parametrize(
    ("underline", "level"),
    [("===", 1), ("==========", 1), ("---", 2), ("-----  ", 2), ("~~~", 3), ("~~~~~~~", 3)],
)
@pytest.mark.parametrize("heading", ["Title", "Two words", "  Padded ", "1. Numbered", "Größe"])
def test_underlined_lines_are_headings(heading: str, underline: str, level: int) -> None:
    """The kind of line below tells the level."""
    document = convert_plain(f"intro\n\n{heading}\n{underline}\nbody\n", "a.txt")

    intro, section = document.sections
    assert intro.text == "intro"
    assert (section.heading, section.level, section.text) == (heading.strip(), level, "body")
    assert document.title == heading.strip()


@pytest.mark.parametrize("line", ["==", "--", "=-=-=", "=== x", "- - -", "***"])
def test_other_lines_do_not_make_headings(line: str) -> None:
    """Short or mixed lines are text."""
    (section,) = convert_plain(f"word\n{line}\n", "a.txt").sections

    assert section.heading == ""
    assert section.text.startswith("word")


@pytest.mark.parametrize("content", ["", "\n\n", "   \t \n", "\ufeff", "\f\f"])
def test_files_without_words_are_empty(content: str) -> None:
    """Blank files have no sections and the file's name as title."""
    document = convert_plain(content, "read-me.txt")

    assert document.is_empty
    assert document.title == "Read me"
