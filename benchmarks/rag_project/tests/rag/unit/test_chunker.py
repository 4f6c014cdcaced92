"""Chunks are small, whole and in order."""

from itertools import pairwise

import pytest

from rag.chunker import Chunker, Span
from rag.models import Document, Section

PROSE = (
    "The harbour wakes before the sun. Nets are mended; coffee is poured. "
    "By seven, the first boats are out.\n\n"
    "In winter it is different. Ice closes the north basin, and the ferry "
    'runs twice a day. "Nobody minds," says the pilot.\n\n'
    "Spring brings painters, tar and noise!"
)
TEXTS = [
    pytest.param(PROSE, id="prose"),
    pytest.param("word " * 120, id="no-sentences"),
    pytest.param("x" * 500, id="no-blanks"),
    pytest.param("line\n" * 100, id="lines"),
    pytest.param("雪が降る。" * 60, id="cjk"),
    pytest.param("short", id="short"),
    pytest.param("a, b; c: d. e! f? " * 20, id="punctuation"),
]


@pytest.mark.parametrize("overlap", [0, 7, 15])
@pytest.mark.parametrize("size", [16, 40, 120, 1000])
@pytest.mark.parametrize("text", TEXTS)
def test_nothing_is_lost_and_nothing_too_long(text: str, size: int, overlap: int) -> None:
    """Spans are within the size, go forward, and cover all that is not blank."""
    spans = list(Chunker(size=size, overlap=overlap).spans(text))

    covered = set[int]()
    for span in spans:
        assert 0 < span.end - span.start <= size
        covered.update(range(span.start, span.end))
    assert [s.start for s in spans] == sorted({s.start for s in spans})
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)


@pytest.mark.parametrize("size", [16, 40, 120])
@pytest.mark.parametrize("text", TEXTS)
def test_without_overlap_spans_do_not_meet(text: str, size: int) -> None:
    """Each character is in one chunk at most."""
    spans = list(Chunker(size=size, overlap=0).spans(text))

    assert all(a.end <= b.start for a, b in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "size", "pieces"),
    [
        ("One two. Three four.", 12, ["One two.", "Three four."]),
        ("One two.\n\nThree four.", 30, ["One two.\n\nThree four."]),
        ("aaa\n\nbbb ccc", 8, ["aaa", "bbb ccc"]),
        ("aaa bbb ccc", 7, ["aaa bbb", "ccc"]),
        ("aaa bbb ccc", 8, ["aaa bbb", "ccc"]),
        ("aaaabbbbcc", 4, ["aaaa", "bbbb", "cc"]),
        ("aaaa, bb cc dd", 10, ["aaaa,", "bb cc dd"]),
        ("  padded  ", 20, ["padded"]),
        ("line one\nline two", 10, ["line one", "line two"]),
        ('He left. "Why?" Who knows.', 16, ['He left. "Why?"', "Who knows."]),
        ("", 10, []),
        (" \n\t ", 10, []),
    ],
)
def test_cuts_are_made_at_the_best_boundary(text: str, size: int, pieces: list[str]) -> None:
    """Paragraphs before sentences before lines before words before characters."""
    assert Chunker(size=size, overlap=0).split(text) == pieces


@pytest.mark.parametrize(
    ("overlap", "second"),
    [(0, "four five six"), (5, "three four"), (6, "three four"), (10, "two three four")],
)
def test_overlap_repeats_whole_words(overlap: int, second: str) -> None:
    """The next chunk begins at a word within the overlap."""
    pieces = Chunker(size=14, overlap=overlap).split("one two three four five six")

    assert pieces[0] == "one two three"
    assert pieces[1] == second


@pytest.mark.parametrize(
    ("size", "overlap", "message"),
    [
        (0, 0, "size must be at least 1"),
        (-5, 0, "size must be at least 1"),
        (10, 10, "less than size"),
        (10, 11, "less than size"),
        (10, -1, "at least 0"),
    ],
)
def test_impossible_sizes_are_refused(size: int, overlap: int, message: str) -> None:
    """A chunker that could never end is not made."""
    with pytest.raises(ValueError, match=message):
        Chunker(size=size, overlap=overlap)


@pytest.mark.parametrize(("start", "end", "piece"), [(0, 3, "abc"), (2, 2, ""), (1, 9, "bcdef")])
def test_spans_are_offsets(start: int, end: int, piece: str) -> None:
    """A span reads its piece out of the text."""
    assert Span(start, end).of("abcdef") == piece


class TestChunksOfDocuments:
    """Chunks know where they come from."""

    def make(self, *sections: Section) -> Document:
        """Make a document of sections."""
        return Document(source="a.md", sections=sections)

    def test_ids_are_numbered_through(self) -> None:
        """Numbers go on from section to section."""
        document = self.make(Section(text="x y " * 10), Section(text="z"))
        ids = [chunk.id for chunk in Chunker(size=20, overlap=0).chunks(document)]
        assert ids == [f"a.md#{number}" for number in range(len(ids))]
        assert len(ids) == 3

    def test_headings_go_along(self) -> None:
        """Each chunk has the heading of its section."""
        document = self.make(Section(text="x", heading="A"), Section(text="y", heading="B"))
        assert [c.heading for c in Chunker().chunks(document)] == ["A", "B"]

    def test_sections_are_never_mixed(self) -> None:
        """Even short sections stay apart."""
        document = self.make(Section(text="x"), Section(text="y"))
        assert [c.text for c in Chunker().chunks(document)] == ["x", "y"]

    def test_a_heading_alone_is_indexed(self) -> None:
        """A section without text is found by its heading."""
        document = self.make(Section(text="", heading="Opening hours"))
        assert [c.text for c in Chunker().chunks(document)] == ["Opening hours"]

    def test_empty_documents_have_no_chunks(self) -> None:
        """Nothing in, nothing out."""
        assert Chunker().chunks(self.make()) == []
