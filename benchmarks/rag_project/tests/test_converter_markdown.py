"""Markdown becomes the text a reader would see, cut at headings."""

import pytest

from rag.converters.markdown import convert_markdown, strip_inline
from rag.errors import ConversionError
from rag.models import Document

INLINE = [
    pytest.param("plain words", "plain words", id="plain"),
    pytest.param("**bold** words", "bold words", id="bold"),
    pytest.param("__bold__ words", "bold words", id="bold-underscores"),
    pytest.param("*slanted* words", "slanted words", id="italic"),
    pytest.param("_slanted_ words", "slanted words", id="italic-underscores"),
    pytest.param("***both*** words", "both words", id="bold-italic"),
    pytest.param("~~struck~~ words", "struck words", id="struck"),
    pytest.param("run `make all` now", "run make all now", id="code"),
    pytest.param("run ``a `tick` b``", "run a `tick` b", id="code-with-tick"),
    pytest.param("`**not bold**`", "**not bold**", id="markup-in-code"),
    pytest.param("see [the guide](guide.md)", "see the guide", id="link"),
    pytest.param("see [**the** guide](g.md 'Tip')", "see the guide", id="link-with-markup"),
    pytest.param("see [the guide][1]", "see the guide", id="reference-link"),
    pytest.param("![a red kite](kite.png) flies", "a red kite flies", id="image"),
    pytest.param("![](kite.png)flies", "flies", id="image-without-text"),
    pytest.param("[![logo](l.png)](home.md) page", "logo page", id="image-in-link"),
    pytest.param("at <https://example.org/a>", "at https://example.org/a", id="autolink"),
    pytest.param("at <mailto:a@example.org>", "at mailto:a@example.org", id="mail-link"),
    pytest.param("a <b>loud</b> word", "a loud word", id="html"),
    pytest.param("a claim[^1] here", "a claim here", id="footnote"),
    pytest.param(r"2 \* 3 \* 4", "2 * 3 * 4", id="escaped-stars"),
    pytest.param(r"\[not a link\](x)", "[not a link](x)", id="escaped-brackets"),
    pytest.param("snake_case_name", "snake_case_name", id="underscores-in-word"),
    pytest.param("2 * 3 * 4", "2 * 3 * 4", id="stars-with-blanks"),
    pytest.param("a  b\tc", "a b c", id="blanks"),
    pytest.param("naïve café – ok", "naïve café – ok", id="accents"),
    pytest.param("雪 and **氷**", "雪 and 氷", id="cjk"),
    pytest.param("emoji 🎈 *stays*", "emoji 🎈 stays", id="emoji"),
]

CONTEXTS = [
    pytest.param("{}", "{}", id="paragraph"),
    pytest.param("- {}", "- {}", id="bullet"),
    pytest.param("  * {}", "  - {}", id="nested-bullet"),
    pytest.param("> {}", "{}", id="quote"),
    pytest.param("- [x] {}", "- done: {}", id="done-task"),
    pytest.param("| {} | 1 |", "{} | 1", id="table-row"),
]


def only_text(document: Document) -> str:
    """Return the text of a document's single section."""
    (section,) = document.sections
    return section.text


@pytest.mark.parametrize(("line", "expected"), CONTEXTS)
@pytest.mark.parametrize(("markup", "seen"), INLINE)
def test_inline_markup_is_removed(markup: str, seen: str, line: str, expected: str) -> None:
    """Inline markup goes away in every kind of block."""
    document = convert_markdown(line.format(markup), "a.md")

    assert only_text(document) == expected.format(seen)


@pytest.mark.parametrize("level", range(1, 7))
@pytest.mark.parametrize(("markup", "seen"), INLINE[:12])
def test_headings_lose_markup_and_keep_their_level(markup: str, seen: str, level: int) -> None:
    """A heading is clean text with the level of its hashes."""
    document = convert_markdown(f"{'#' * level} {markup}\nbody", "a.md")

    (section,) = document.sections
    assert (section.heading, section.level, section.text) == (seen, level, "body")


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("# Title #", "Title"),
        ("## Title ####", "Title"),
        ("   # Indented", "Indented"),
        ("#\tTab", "Tab"),
        ("# C# and F#", "C# and F#"),
        ("#    Wide   gaps", "Wide gaps"),
        ("###### Deepest", "Deepest"),
    ],
)
def test_unusual_headings_are_read(line: str, heading: str) -> None:
    """Closing hashes, indents and tabs are part of the syntax, not of the heading."""
    assert convert_markdown(line, "a.md").sections[0].heading == heading


@pytest.mark.parametrize(
    "line", ["#NoBlank", "####### seven", "    # code", r"\# escaped", "text # inside"]
)
def test_lines_that_only_look_like_headings_stay_text(line: str) -> None:
    """What the syntax does not call a heading does not cut a section."""
    (section,) = convert_markdown(line, "a.md").sections

    assert section.heading == ""
    assert "#" in section.text


@pytest.mark.parametrize(
    ("underline", "level"), [("===", 1), ("=", 1), ("=====  ", 1), ("---", 2), ("--------", 2)]
)
def test_underlined_headings_have_two_levels(underline: str, level: int) -> None:
    """Equal signs make level 1, dashes level 2."""
    document = convert_markdown(f"Intro\n\n*Title*\n{underline}\nbody", "a.md")

    assert [(s.heading, s.level, s.text) for s in document.sections] == [
        ("", 0, "Intro"),
        ("Title", level, "body"),
    ]


@pytest.mark.parametrize("rule", ["---", "***", "___", "- - -", "*  *  *", "-----------"])
def test_rules_are_dropped(rule: str) -> None:
    """A thematic break is no text."""
    assert only_text(convert_markdown(f"above\n\n{rule}\n\nbelow", "a.md")) == "above\n\nbelow"


@pytest.mark.parametrize("fence", ["```", "~~~", "`````", "```python", "~~~ text", "``` {.c}"])
@pytest.mark.parametrize(
    "code",
    ["x = 1", "# not a heading", "**kept**", "  indented", "[a](b)", "a\n\nb", "a < b", "- a"],
)
def test_code_in_fences_is_kept_as_it_is(fence: str, code: str) -> None:
    """Nothing inside a code fence is markup."""
    closing = fence.rstrip("abcdefghijklmnopqrstuvwxyz{}. ")
    document = convert_markdown(f"# Code\n{fence}\n{code}\n{closing}\nend", "a.md")

    assert document.sections[0].text == f"{code}\nend"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("```\nnever closed", 1),
        ("a\n\n~~~python\nx", 3),
        ("````\n```\ninner closes nothing", 1),
        ("---\ntitle: A\n---\n```\nx", 4),
    ],
)
def test_open_fences_are_errors_with_their_line(content: str, line: int) -> None:
    """A fence that is never closed would swallow the rest in silence."""
    with pytest.raises(ConversionError, match="never closed") as caught:
        convert_markdown(content, "a.md")

    assert caught.value.line == line


@pytest.mark.parametrize(
    ("block", "metadata"),
    [
        ("title: A guide", {"title": "A guide"}),
        ("Title: A guide", {"title": "A guide"}),
        ('title: "Quoted"', {"title": "Quoted"}),
        ("title: 'Quoted'", {"title": "Quoted"}),
        ("a: 1\nb: 2", {"a": "1", "b": "2"}),
        ("url: https://example.org/x", {"url": "https://example.org/x"}),
        ("tags:\n  - one\n  - two", {"tags": ""}),
        ("# a comment\nauthor: Ada", {"author": "Ada"}),
        ("", {}),
        ("last-modified: 2024-05-01", {"last-modified": "2024-05-01"}),
    ],
)
@pytest.mark.parametrize("end", ["---", "..."])
def test_front_matter_becomes_metadata(block: str, metadata: dict[str, str], end: str) -> None:
    """Leading `key: value` lines are metadata and no text."""
    document = convert_markdown(f"---\n{block}\n{end}\nbody", "a.md")

    assert document.metadata == metadata
    assert only_text(document) == "body"


def test_open_front_matter_is_an_error() -> None:
    """Front matter without an end is most likely a damaged file."""
    with pytest.raises(ConversionError, match="front matter"):
        convert_markdown("---\ntitle: x\n\nbody", "a.md")


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("---\ntitle: Front\n---\n# Heading", "Front"),
        ("# Heading\ntext", "Heading"),
        ("## Two\n# One", "One"),
        ("## Only two", "User guide"),
        ("text", "User guide"),
        ("", "User guide"),
    ],
)
def test_title_comes_from_the_best_place(content: str, title: str) -> None:
    """Front matter wins over the first heading, that over the file's name."""
    assert convert_markdown(content, "docs/user-guide.md").title == title


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a <!-- hidden --> b", "a b"),
        ("a\n<!-- two\nlines -->\nb", "a\n\nb"),
        ("<!-- # no heading -->\ntext", "text"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a | b\n1 | 2"),
        ("> quoted\n> twice", "quoted\ntwice"),
        ("> > nested", "nested"),
        ("- [ ] open\n- [X] closed", "- to do: open\n- done: closed"),
        ("+ a\n+ b", "- a\n- b"),
        ("1. first\n2. second", "1. first\n2. second"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\r\nb\r\n", "a\nb"),
        ("\ufeffstart", "start"),
        ("- item\n---\nafter", "- item\nafter"),
    ],
)
def test_blocks_read_as_plain_text(content: str, text: str) -> None:
    """Comments, tables, quotes and lists keep their words only."""
    assert only_text(convert_markdown(content, "a.md")) == text


def test_sections_keep_the_order_of_headings() -> None:
    """Each heading owns the text up to the next one."""
    document = convert_markdown("intro\n# A\none\n## B\ntwo\n# C\n", "a.md")

    assert [(s.heading, s.text) for s in document.sections] == [
        ("", "intro"),
        ("A", "one"),
        ("B", "two"),
        ("C", ""),
    ]


@pytest.mark.parametrize(("markup", "seen"), INLINE)
def test_stripping_twice_changes_nothing_more(markup: str, seen: str) -> None:
    """Clean text stays as it is, apart from blanks, code and what was escaped."""
    once = strip_inline(markup)
    if "\\" not in markup and "`" not in markup:
        assert strip_inline(once) == once
    assert " ".join(once.split()) == seen
