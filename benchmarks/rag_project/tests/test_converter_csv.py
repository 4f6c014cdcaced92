"""Tables become one section per row."""

import pytest

from rag.converters.csv_table import convert_csv, guess_delimiter
from rag.errors import ConversionError

DELIMITERS = [
    pytest.param(",", id="comma"),
    pytest.param(";", id="semicolon"),
    pytest.param("\t", id="tab"),
    pytest.param("|", id="bar"),
]

ROWS = [
    pytest.param(["Ada", "36", "London"], ["name: Ada", "age: 36", "city: London"], id="full"),
    pytest.param(["Ada", "", "London"], ["name: Ada", "city: London"], id="empty-middle"),
    pytest.param(["Ada", "36", ""], ["name: Ada", "age: 36"], id="empty-last"),
    pytest.param(["Ada", "36"], ["name: Ada", "age: 36"], id="short"),
    pytest.param(["Ada"], ["name: Ada"], id="very-short"),
    pytest.param(["", "36", "London"], ["age: 36", "city: London"], id="empty-first"),
    pytest.param(["  Ada ", " 36", "London  "], ["name: Ada", "age: 36", "city: London"], id="pad"),
    pytest.param(["Zoë", "36", "Zürich"], ["name: Zoë", "age: 36", "city: Zürich"], id="accents"),
    pytest.param(["雪", "36", "東京"], ["name: 雪", "age: 36", "city: 東京"], id="cjk"),
    pytest.param(["a  b", "3 6", "x"], ["name: a b", "age: 3 6", "city: x"], id="inner-blanks"),
    pytest.param(["0", "0", "0"], ["name: 0", "age: 0", "city: 0"], id="zeros"),
    pytest.param(["-", "n/a", "?"], ["name: -", "age: n/a", "city: ?"], id="placeholders"),
]

QUOTED = [
    pytest.param('"Ada{d}Lovelace"', "Ada{d}Lovelace", id="delimiter"),
    pytest.param('"said ""hi"""', 'said "hi"', id="quotes"),
    pytest.param('"two\nlines"', "two lines", id="newline"),
    pytest.param('"a{d}""b""{d}c"', 'a{d}"b"{d}c', id="both"),
    pytest.param('" padded "', "padded", id="padded"),
    pytest.param('"plain"', "plain", id="needless"),
]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize(("cells", "lines"), ROWS)
def test_rows_name_each_cell(delimiter: str, cells: list[str], lines: list[str]) -> None:
    """A row reads as `column: value` lines without its empty cells."""
    header = delimiter.join(["name", "age", "city"])
    document = convert_csv(f"{header}\n{delimiter.join(cells)}\n", "people.csv")

    (section,) = document.sections
    assert section.text.split("\n") == lines
    assert section.heading == " ".join(cells[0].split())


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize(("cell", "value"), QUOTED)
def test_quoted_cells_keep_what_they_protect(delimiter: str, cell: str, value: str) -> None:
    """Quotes protect delimiters, quotes and newlines."""
    content = f"id{delimiter}note\n7{delimiter}{cell.format(d=delimiter)}\n"
    (section,) = convert_csv(content, "notes.csv").sections

    # A tab inside a cell is a blank to a reader.
    seen = value.format(d=delimiter).replace("\t", " ")
    assert section.text == f"id: 7\nnote: {seen}"


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize(
    "header",
    [["a", "b"], ["a", "b", "c", "d"], ['"x,y;z"', "b", "c", "d"], ["long name", "other name"]],
)
def test_delimiter_is_guessed_from_the_header(delimiter: str, header: list[str]) -> None:
    """The header tells the delimiter; what is quoted does not count."""
    assert guess_delimiter(delimiter.join(header) + "\n1\n") == delimiter


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("count", [0, 1, 2, 25])
def test_every_row_becomes_a_section(delimiter: str, newline: str, count: int) -> None:
    """No row is lost, whatever ends its line."""
    lines = [delimiter.join(["id", "value"])]
    lines += [delimiter.join([str(number), f"v{number}"]) for number in range(count)]
    document = convert_csv(newline.join(lines), "t.csv")

    assert [section.heading for section in document.sections] == [str(n) for n in range(count)]
    assert document.metadata == {"columns": "id, value", "rows": str(count)}


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        (["a,b", "1,2,3"], 2, "3 cells, but the header has 2 columns"),
        (["a,b", "1,2", "1,2,3,4"], 3, "4 cells"),
        (["a,,c", "1,2,3"], 1, "column 2 has no name"),
        (["a, ,c"], 1, "column 2 has no name"),
        (["a,b,a", "1,2,3"], 1, "'a' occurs twice"),
        (["a,b", '1,"open'], 2, "not a table"),
        (["a,b", '1,"x"y'], 2, "not a table"),
    ],
)
def test_broken_tables_are_errors_with_their_line(
    delimiter: str, lines: list[str], line: int, reason: str
) -> None:
    """A table that would lose or mix up data is refused."""
    content = "\n".join(lines).replace(",", delimiter)
    with pytest.raises(ConversionError, match="line") as caught:
        convert_csv(content, "t.csv")

    assert caught.value.line == line
    assert reason in caught.value.reason


@pytest.mark.parametrize("content", ["", "\n\n", "  \n ", "\ufeff"])
def test_empty_tables_are_errors(content: str) -> None:
    """Without a header there are no column names."""
    with pytest.raises(ConversionError, match="header row is needed"):
        convert_csv(content, "t.csv")


@pytest.mark.parametrize(
    ("content", "headings"),
    [
        ("a,b\n\n1,2\n\n\n3,4\n", ["1", "3"]),
        ("\n\na,b\n1,2\n", ["1"]),
        ("a,b\n,\n1,2\n , \n", ["1"]),
        ("\ufeffa,b\n1,2\n", ["1"]),
        ("only\nx\ny\n", ["x", "y"]),
    ],
)
def test_blank_rows_are_skipped(content: str, headings: list[str]) -> None:
    """Rows without a value are no records."""
    assert [s.heading for s in convert_csv(content, "t.csv").sections] == headings


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("sales_2024.csv", "Sales 2024"),
        ("data/price-list.csv", "Price list"),
        ("https://example.org/q/staff.tsv?page=2", "Staff"),
    ],
)
def test_title_is_the_name_of_the_file(source: str, title: str) -> None:
    """A table has no title of its own."""
    assert convert_csv("a,b\n1,2\n", source).title == title
