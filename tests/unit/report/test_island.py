"""The table inside the page, read back as the page's script reads it."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.model.words import visible
from pytest_leakcheck.report.island import Column, encode


def decode(island: str) -> list[dict[str, Any]]:
    """What the script sees."""
    table: list[dict[str, Any]] = json.loads(gzip.decompress(base64.b64decode(island)))
    return table


def values(column: dict[str, Any]) -> list[Any]:
    """A column's values, row by row, as the script puts them together."""
    if "files" in column:
        return [
            column["files"][code] + ("" if name is None else f"::{name}")
            for code, name in zip(column["codes"], column["names"], strict=True)
        ]
    if "words" in column:
        return [column["words"][code] for code in column["codes"]]
    numbers: list[Any] = column["numbers"]
    return numbers


@given(st.lists(st.text(st.characters(), max_size=40)))
def test_node_ids_come_back(nodeids: list[str]) -> None:
    """Whatever a test is called, it stands in the table as it can be shown."""
    island = encode([Column(key="test", label="Test", kind="id", values=nodeids)])
    assert values(decode(island)[0]) == [visible(nodeid) for nodeid in nodeids]


def test_words_and_numbers_come_back() -> None:
    """Words once each; bytes whole, counts with one decimal, what is missing as null."""
    island = encode(
        [
            Column(key="v", label="Verdict", kind="word", values=["leak", "clean", "leak"]),
            Column(key="b", label="C heap", kind="bytes", values=[9.6, float("nan"), -3.0]),
            Column(key="c", label="Fds", kind="count", values=[6.54, None, 12.0], group="before"),
        ]
    )
    verdict, heap, fds = decode(island)
    assert values(verdict) == ["leak", "clean", "leak"]
    assert verdict["words"] == ["leak", "clean"]
    assert values(heap) == [10, None, -3]
    assert values(fds) == [6.5, None, 12]
    assert (fds["label"], fds["group"]) == ("Fds", "before")


def test_the_same_table_gives_the_same_text() -> None:
    """No clock in it."""
    column = Column(key="v", label="V", kind="word", values=["a"] * 1000)
    assert encode([column]) == encode([column])
