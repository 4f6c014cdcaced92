"""A pytest plugin: each test several times, in an order by a seed.

Options come through the environment, so that rivals run with the same words.
"""

from __future__ import annotations

import os
import random

import pytest

INSTANCES = "LEAKBENCH_INSTANCES"
SIZES = "LEAKBENCH_SIZES"
ORDER = "LEAKBENCH_ORDER"
TESTS = "LEAKBENCH_TESTS"

CASE_FILE = "test_case.py"


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each of the case's tests its sizes and its instances."""
    if metafunc.definition.path.name != CASE_FILE:
        return
    sizes = [int(size) for size in os.environ.get(SIZES, "").split()]
    if "size" in metafunc.fixturenames and sizes:
        metafunc.parametrize("size", sizes)
    count = int(os.environ.get(INSTANCES, "1"))
    if count > 1:
        metafunc.fixturenames.append("instance")
        metafunc.parametrize("instance", range(count), ids=lambda number: f"run{number}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the case's tests and its neighbours; shuffle them in a way that the seed repeats."""
    wanted = set(os.environ.get(TESTS, "").splitlines())
    if wanted:
        items[:] = [item for item in items if item.path.name != CASE_FILE or _name(item) in wanted]
    seed = os.environ.get(ORDER)
    if seed:
        items.sort(key=lambda item: item.nodeid)
        random.Random(int(seed)).shuffle(items)


def _name(item: pytest.Item) -> str:
    """The function's name, without parameters."""
    return item.name.partition("[")[0]
