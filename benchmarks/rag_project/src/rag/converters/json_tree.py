"""JSON and JSON Lines: each leaf on a line, named by its path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from rag.converters.text import collapse_blanks, title_from_source, unify_newlines
from rag.errors import ConversionError
from rag.models import Document, Section

_TITLE_KEYS = ("title", "name", "label", "id")
_MAX_DEPTH = 64


def convert_json(content: str, source: str) -> Document:
    """Convert one JSON value: a section per member of the top-level object or array.

    Raises:
        ConversionError: Not JSON, a key that occurs twice, `NaN` or `Infinity`, or nested
            deeper than 64 levels.
    """
    value = _parse(content.lstrip("\ufeff"), source, line=None)
    sections = tuple(_sections(value, source))
    title = _title(value) or title_from_source(source)
    return Document(source=source, title=title, sections=sections)


def convert_json_lines(content: str, source: str) -> Document:
    """Convert JSON Lines: a section per record.

    Raises:
        ConversionError: A line is not JSON; the message has its number.
    """
    sections: list[Section] = []
    lines = unify_newlines(content).lstrip("\ufeff").split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            record = _parse(line, source, line=number)
            heading = _title(record) or f"record {len(sections) + 1}"
            text = "\n".join(_leaves(record, "", source, 0))
            sections.append(Section(text=text, heading=heading, level=2))
    metadata = {"records": str(len(sections))}
    return Document(
        source=source,
        title=title_from_source(source),
        sections=tuple(sections),
        metadata=metadata,
    )


def _parse(content: str, source: str, line: int | None) -> Any:
    """Parse strictly."""

    def reject_constant(name: str) -> NoReturn:
        raise ConversionError(source, f"{name} is not JSON", line=line)

    def reject_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict[str, Any]()
        for key, value in pairs:
            if key in members:
                raise ConversionError(source, f"key {key!r} occurs twice", line=line)
            members[key] = value
        return members

    try:
        return json.loads(content, parse_constant=reject_constant, object_pairs_hook=reject_twice)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at column {error.colno}"
        raise ConversionError(source, reason, line=line or error.lineno) from error
    except RecursionError as error:
        raise ConversionError(source, "nested too deeply to be read", line=line) from error


def _title(value: Any) -> str:
    """Return the first member that names the whole."""
    if isinstance(value, dict):
        for key in _TITLE_KEYS:
            if isinstance(value.get(key), str) and value[key].strip():
                return collapse_blanks(value[key])
    return ""


def _sections(value: Any, source: str) -> Iterator[Section]:
    """Cut the top level: scalars together first, then each branch on its own."""
    if not isinstance(value, dict | list):
        yield Section(text=_scalar(value))
        return
    members = value.items() if isinstance(value, dict) else enumerate(value)
    named = [(str(key) if isinstance(value, dict) else f"[{key}]", item) for key, item in members]
    scalars = [(name, item) for name, item in named if not isinstance(item, dict | list)]
    if scalars:
        yield Section(text="\n".join(f"{name}: {_scalar(item)}" for name, item in scalars))
    for name, item in named:
        if isinstance(item, dict | list):
            text = "\n".join(_leaves(item, "", source, 1))
            yield Section(text=text, heading=name, level=2)


def _leaves(value: Any, path: str, source: str, depth: int) -> Iterator[str]:
    """Yield `path: value` for each leaf, in the order of the file."""
    if depth > _MAX_DEPTH:
        raise ConversionError(source, f"nested deeper than {_MAX_DEPTH} levels at {path!r}")
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key, source, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]", source, depth + 1)
    else:
        yield f"{path}: {_scalar(value)}" if path else _scalar(value)


def _scalar(value: Any) -> str:
    """Write a leaf as JSON does, strings without quotes."""
    if isinstance(value, str):
        return collapse_blanks(unify_newlines(value).replace("\n", " "))
    return json.dumps(value)
