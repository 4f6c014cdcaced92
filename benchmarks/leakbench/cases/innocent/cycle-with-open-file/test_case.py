"""A cycle with an open file takes the place of the last one: the collector closes that."""

import time
from pathlib import Path
from typing import Any

last: dict[str, list[Any]] = {}


def log(path: Path, name: str) -> None:
    ring: list[Any] = [path.open("w")]
    ring.append(ring)
    last[name] = ring


def test_quick(tmp_path: Path):
    log(tmp_path / "log", "quick")


def test_slow(tmp_path: Path):
    time.sleep(0.12)
    log(tmp_path / "log", "slow")
