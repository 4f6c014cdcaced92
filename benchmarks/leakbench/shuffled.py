"""A pytest plugin that shuffles the tests by a seed: ``-p shuffled --shuffle-seed=1``."""

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the seed."""
    parser.addoption("--shuffle-seed", type=int, default=None, help="shuffle the tests by this")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle; the same seed and tests give the same order, in every worker too."""
    seed = config.getoption("--shuffle-seed")
    if seed is not None:
        random.Random(seed).shuffle(items)
