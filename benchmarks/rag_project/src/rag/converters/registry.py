"""Chooses a converter by a source's suffix."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rag.converters.csv_table import convert_csv
from rag.converters.html_page import convert_html
from rag.converters.json_tree import convert_json, convert_json_lines
from rag.converters.markdown import convert_markdown
from rag.converters.plain import convert_plain
from rag.converters.text import decode
from rag.errors import UnsupportedFormatError
from rag.models import Document

Converter = Callable[[str, str], Document]

_BY_SUFFIX: dict[str, Converter] = {
    ".csv": convert_csv,
    ".htm": convert_html,
    ".html": convert_html,
    ".json": convert_json,
    ".jsonl": convert_json_lines,
    ".markdown": convert_markdown,
    ".md": convert_markdown,
    ".ndjson": convert_json_lines,
    ".text": convert_plain,
    ".tsv": convert_csv,
    ".txt": convert_plain,
    ".xhtml": convert_html,
}


def supported_suffixes() -> tuple[str, ...]:
    """Return every known suffix, sorted."""
    return tuple(sorted(_BY_SUFFIX))


@lru_cache(maxsize=128)
def suffix_of(source: str) -> str:
    """Return the lower-case suffix of a path or URL, without its query and fragment."""
    name = source.split("?", 1)[0].split("#", 1)[0].rsplit("/", 1)[-1]
    _, dot, suffix = name.lstrip(".").rpartition(".")
    return f".{suffix.lower()}" if dot else ""


def converter_for(source: str) -> Converter:
    """Return the converter for a path or URL.

    Raises:
        UnsupportedFormatError: The suffix is missing or unknown.
    """
    suffix = suffix_of(source)
    try:
        return _BY_SUFFIX[suffix]
    except KeyError:
        known = ", ".join(supported_suffixes())
        what = f"suffix {suffix!r}" if suffix else "no suffix"
        raise UnsupportedFormatError(f"{source} has {what}; known are {known}") from None


def convert(data: bytes | str, source: str) -> Document:
    """Convert content by the suffix of its source.

    Args:
        data: The content; bytes are decoded by byte order mark, UTF-8 or Windows-1252.
        source: Path or URL; its suffix chooses the converter.

    Raises:
        UnsupportedFormatError: The suffix is missing or unknown.
        ConversionError: The content does not have that format.
    """
    converter = converter_for(source)
    return converter(decode(data) if isinstance(data, bytes) else data, source)
