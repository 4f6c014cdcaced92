"""pytest-memray's limit_leaks on every test; the limit comes from the environment."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from rivals.answers import answer

LIMIT = os.environ.get("LEAKBENCH_MEMRAY_LIMIT", "1 KB")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the marker."""
    for item in items:
        item.add_marker(pytest.mark.limit_leaks(LIMIT))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """pytest-memray fails a test that leaks: that is its accusation."""
    report = yield
    if call.when == "call":
        accused = report.failed and any("memray" in title for title, _ in report.sections)
        answer(item.nodeid, float(accused), accused)
    return report
