"""JSON becomes lines of `path: value`."""

import json
from typing import Any

import pytest

from rag.converters.json_tree import convert_json, convert_json_lines
from rag.errors import ConversionError

SCALARS = [
    pytest.param("text", "text", id="string"),
    pytest.param("two\nlines", "two lines", id="newline"),
    pytest.param("  padded  ", "padded", id="padded"),
    pytest.param("naïve 雪", "naïve 雪", id="unicode"),
    pytest.param('say "hi"', 'say "hi"', id="quotes"),
    pytest.param(0, "0", id="zero"),
    pytest.param(-17, "-17", id="negative"),
    pytest.param(3.5, "3.5", id="float"),
    pytest.param(1e21, "1e+21", id="big-float"),
    pytest.param(10**20, "100000000000000000000", id="big-int"),
    pytest.param(True, "true", id="true"),
    pytest.param(False, "false", id="false"),
    pytest.param(None, "null", id="null"),
    pytest.param("null", "null", id="null-string"),
]

SHAPES = [
    pytest.param(lambda v: {"a": v}, "a: {}", id="member"),
    pytest.param(lambda v: {"a": {"b": v}}, "b: {}", id="nested-member"),
    pytest.param(lambda v: {"a": {"b": {"c": v}}}, "b.c: {}", id="path"),
    pytest.param(lambda v: {"a": [v]}, "[0]: {}", id="item"),
    pytest.param(lambda v: {"a": [{"b": v}]}, "[0].b: {}", id="member-of-item"),
    pytest.param(lambda v: {"a": {"b": [0, v]}}, "b[1]: {}", id="item-of-member"),
    pytest.param(lambda v: {"a": [[v]]}, "[0][0]: {}", id="matrix"),
    pytest.param(lambda v: [v], "[0]: {}", id="top-array"),
]


@pytest.mark.parametrize(("build", "line"), SHAPES)
@pytest.mark.parametrize(("value", "written"), SCALARS)
def test_leaves_are_named_by_their_path(build: Any, line: str, value: Any, written: str) -> None:
    """A reader finds each value with its place."""
    document = convert_json(json.dumps(build(value)), "t.json")

    assert line.format(written) in document.text.split("\n")


@pytest.mark.parametrize(("value", "written"), SCALARS)
def test_a_scalar_alone_is_a_document(value: Any, written: str) -> None:
    """JSON without any structure has one section."""
    (section,) = convert_json(json.dumps(value), "t.json").sections

    assert section.text == written


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ('{"a": }', "Expecting value"),
        ('{"a": 1,}', "property name"),
        ("[1, 2", "Expecting ',' delimiter"),
        ("{'a': 1}", "property name"),
        ('{"a": 1} x', "Extra data"),
        ("tru", "Expecting value"),
        ('"open', "Unterminated string"),
        ('"\\q"', "Invalid \\escape"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ('{"a": 1, "a": 2}', "key 'a' occurs twice"),
        ('{"x": {"a": 1, "a": 2}}', "key 'a' occurs twice"),
    ],
)
@pytest.mark.parametrize("convert", [convert_json, convert_json_lines])
def test_what_is_not_json_is_an_error(convert: Any, content: str, reason: str) -> None:
    """The message says what is wrong."""
    if convert is convert_json_lines and not content:
        assert convert(content, "t.jsonl").is_empty
        return
    with pytest.raises(ConversionError) as caught:
        convert(content, "t.json")

    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("content", "line"), [("{\n\n x}", 3), ("[1,\n2,\n,]", 3), ("{\n'a'", 2), ("\n\n\n[", 4)]
)
def test_errors_have_their_line(content: str, line: int) -> None:
    """An editor can go to the place."""
    with pytest.raises(ConversionError) as caught:
        convert_json(content, "t.json")

    assert caught.value.line == line


@pytest.mark.parametrize(("depth", "fits"), [(1, True), (30, True), (64, True), (66, False)])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_limited(opening: str, closing: str, depth: int, fits: bool) -> None:
    """A hostile file cannot exhaust the stack."""
    content = opening * depth + "1" + closing * depth
    if fits:
        assert convert_json(content, "t.json").text.endswith("1")
    else:
        with pytest.raises(ConversionError, match="64 levels"):
            convert_json(content, "t.json")


def test_extreme_depth_is_an_error_too() -> None:
    """The parser's own limit is reported in the same way."""
    with pytest.raises(ConversionError, match="nested"):
        convert_json("[" * 100_000, "t.json")


@pytest.mark.parametrize("key", ["title", "name", "label", "id"])
@pytest.mark.parametrize(
    ("value", "title"),
    [("A guide", "A guide"), ("  two  words ", "two words"), ("", "Price list"), (7, "Price list")],
)
def test_title_is_the_member_that_names_the_whole(key: str, value: Any, title: str) -> None:
    """Only strings with a word in them are titles."""
    content = json.dumps({"other": "x", key: value})

    assert convert_json(content, "price-list.json").title == title


@pytest.mark.parametrize(
    ("members", "title"),
    [
        ({"id": "7", "title": "T"}, "T"),
        ({"label": "L", "name": "N"}, "N"),
        ({"id": "7", "label": "L"}, "L"),
        ({"title": " ", "name": "N"}, "N"),
    ],
)
def test_better_names_win(members: dict[str, str], title: str) -> None:
    """A title is better than a name, that than a label, that than an id."""
    assert convert_json(json.dumps(members), "x.json").title == title


@pytest.mark.parametrize(
    ("value", "headings"),
    [
        ({"a": 1, "b": 2}, [""]),
        ({"a": {"x": 1}, "b": {"y": 2}}, ["a", "b"]),
        ({"a": {"x": 1}, "n": 5}, ["", "a"]),
        ([1, 2, 3], [""]),
        ([{"x": 1}, {"x": 2}], ["[0]", "[1]"]),
        ([1, {"x": 2}], ["", "[1]"]),
        ({}, []),
        ([], []),
    ],
)
def test_branches_become_sections(value: Any, headings: list[str]) -> None:
    """Scalars of the top level come first, each branch has a section of its own."""
    assert [s.heading for s in convert_json(json.dumps(value), "x.json").sections] == headings


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("count", [1, 2, 10])
@pytest.mark.parametrize("named", [True, False])
def test_each_line_is_a_record(newline: str, count: int, named: bool) -> None:
    """JSON Lines have a section per record, named by its name or number."""
    records = [{"name": f"r{n}"} if named else {"value": n} for n in range(1, count + 1)]
    document = convert_json_lines(newline.join(map(json.dumps, records)), "x.jsonl")

    expected = [f"r{n}" if named else f"record {n}" for n in range(1, count + 1)]
    assert [section.heading for section in document.sections] == expected
    assert document.metadata == {"records": str(count)}


@pytest.mark.parametrize("line", [1, 2, 5])
def test_a_bad_record_is_named_by_its_line(line: int) -> None:
    """One bad line among good ones is found at once."""
    lines = ['{"a": 1}'] * 5
    lines[line - 1] = "oops"
    with pytest.raises(ConversionError, match=f"line {line}:"):
        convert_json_lines("\n".join(lines), "x.jsonl")
