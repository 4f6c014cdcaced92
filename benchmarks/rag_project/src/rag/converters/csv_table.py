"""CSV and TSV: one section per row, each cell named by its column."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable

from rag.converters.text import collapse_blanks, title_from_source, unify_newlines
from rag.errors import ConversionError
from rag.models import Document, Section

_DELIMITERS = (",", ";", "\t", "|")


def convert_csv(content: str, source: str) -> Document:
    """Convert a table with a header row.

    The delimiter is the one of comma, semicolon, tab and bar that occurs most in the
    header outside quotes. Short rows leave their last columns out; empty cells are left out.

    Raises:
        ConversionError: No header, a column without a name, two columns of one name, or a
            row with more cells than the header.
    """
    text = unify_newlines(content).lstrip("\ufeff")
    if not text.strip():
        raise ConversionError(source, "the table is empty; a header row is needed", line=1)
    delimiter = guess_delimiter(text)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(row for row in reader if any(row)), source, reader.line_num)
        numbered = ((reader.line_num, row) for row in reader)
        sections = tuple(_rows(numbered, columns, source))
    except csv.Error as error:
        raise ConversionError(source, f"not a table: {error}", line=reader.line_num) from error
    metadata = {"columns": ", ".join(columns), "rows": str(len(sections))}
    return Document(
        source=source, title=title_from_source(source), sections=sections, metadata=metadata
    )


def guess_delimiter(text: str) -> str:
    """Return the delimiter that occurs most in the first line that is not blank."""
    header = next(line for line in text.split("\n") if line.strip())
    counts = Counter[str]()
    quoted = False
    for character in header:
        if character == '"':
            quoted = not quoted
        elif not quoted:
            counts[character] += 1
    return max(_DELIMITERS, key=lambda delimiter: counts[delimiter])


def _columns(header: list[str], source: str, line: int) -> list[str]:
    """Check and tidy the column names."""
    columns = [collapse_blanks(name) for name in header]
    for position, name in enumerate(columns, start=1):
        if not name:
            raise ConversionError(source, f"column {position} has no name", line=line)
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise ConversionError(source, f"column {twice[0]!r} occurs twice", line=line)
    return columns


def _rows(rows: Iterable[tuple[int, list[str]]], columns: list[str], source: str) -> list[Section]:
    """Turn each row that is not blank into a section; its heading is the first cell."""
    sections = []
    for line, row in rows:
        cells = [collapse_blanks(cell.replace("\n", " ")) for cell in row]
        if not any(cells):
            continue
        if len(cells) > len(columns):
            reason = f"{len(cells)} cells, but the header has {len(columns)} columns"
            raise ConversionError(source, reason, line=line)
        named = zip(columns, cells, strict=False)
        text = "\n".join(f"{column}: {cell}" for column, cell in named if cell)
        sections.append(Section(text=text, heading=cells[0], level=2))
    return sections
