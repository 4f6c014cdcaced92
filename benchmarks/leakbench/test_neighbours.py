"""Tests beside a case's own, as any suite has them: whoever accuses one of these is wrong."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from unittest import mock

import pytest


class Basket:
    """Something to test."""

    def __init__(self) -> None:
        self.items: list[str] = []

    def add(self, item: str) -> None:
        if not item:
            raise ValueError("an item needs a name")
        self.items.append(item)


@pytest.fixture(name="basket")
def _basket() -> Basket:
    return Basket()


@pytest.mark.parametrize("name", ["apple", "pear", "plum"])
def test_adds(basket: Basket, name: str) -> None:
    basket.add(name)
    assert basket.items == [name]


def test_refuses(basket: Basket) -> None:
    with pytest.raises(ValueError, match="name"):
        basket.add("")


def test_writes(basket: Basket, tmp_path: Path) -> None:
    basket.add("apple")
    (tmp_path / "basket.json").write_text(json.dumps(basket.items))
    assert json.loads((tmp_path / "basket.json").read_text()) == ["apple"]


def test_prints(capsys: pytest.CaptureFixture[str]) -> None:
    print("told")
    assert capsys.readouterr().out == "told\n"


def test_logs(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("basket").warning("full")
    assert caplog.messages == ["full"]


def test_calls_back() -> None:
    called = mock.Mock()
    called("apple")
    called.assert_called_once_with("apple")


def test_matches() -> None:
    assert re.fullmatch(r"[a-z]+-\d{3}", "apple-123")


def test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASKET", "1")
