"""Where a rival writes what it thinks of each test."""

from __future__ import annotations

import json
import os
from pathlib import Path

OUT = "LEAKBENCH_OUT"


def answer(nodeid: str, score: float, accused: bool) -> None:
    """One line per test.

    Args:
        score: how much the rival saw, in its own unit; thresholds are compared on it.
        accused: whether it calls the test a leak at its usual threshold.
    """
    with Path(os.environ[OUT]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"nodeid": nodeid, "score": score, "accused": accused}) + "\n")
