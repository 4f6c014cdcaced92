"""Tables for the page's script: columns as JSON, gzip and base64.

Base64 needs no escaping inside a page, columns compress to a tenth of rows, and the same table
gives the same bytes (no time in the gzip header).
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, TypeAlias

from pytest_leakcheck.model.words import visible

#: ``id``: a node id; ``word``: one of few texts; ``detail``: a text shown for one row only.
Kind: TypeAlias = Literal["id", "word", "bytes", "count", "seconds", "detail"]

DECIMALS: dict[Kind, int] = {"bytes": 0, "count": 1, "seconds": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: what it is called and its values, one per row."""

    key: str
    label: str
    kind: Kind
    values: Sequence[Any] = field(repr=False)
    group: str = ""
    """What stands above several columns: a state's label."""


def encode(columns: Iterable[Column]) -> str:
    """A table as base64 text: O(cells)."""
    table = [
        {"key": c.key, "label": visible(c.label), "kind": c.kind, "group": visible(c.group)}
        | _packed(c)
        for c in columns
    ]
    data = json.dumps(table, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(data.encode(), 6, mtime=0)).decode("ascii")


def _packed(column: Column) -> dict[str, Any]:
    if column.kind == "id":
        return _packed_ids(column.values)
    if column.kind in ("word", "detail"):
        words: dict[str, int] = {}
        codes = [words.setdefault(str(value), len(words)) for value in column.values]
        return {"words": [visible(word) for word in words], "codes": codes}
    return {"numbers": _numbers(column.values, DECIMALS[column.kind])}


def _packed_ids(nodeids: Iterable[str]) -> dict[str, Any]:
    files: dict[str, int] = {}
    codes: list[int] = []
    names: list[str | None] = []
    for nodeid in nodeids:
        file, separator, name = visible(nodeid).partition("::")
        codes.append(files.setdefault(file, len(files)))
        names.append(name if separator else None)
    return {"files": list(files), "codes": codes, "names": names}


def _numbers(values: Iterable[float | None], decimals: int) -> list[float | None]:
    found: list[float | None] = []
    for value in values:
        if value is None or not isfinite(value):
            found.append(None)
            continue
        rounded = round(value, decimals)
        whole = int(rounded)
        found.append(whole if whole == rounded else rounded)
    return found
