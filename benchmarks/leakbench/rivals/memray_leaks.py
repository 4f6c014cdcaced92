"""pytest-memray's limit_leaks("1 KB") on every test; the figure is the largest location that leaks.

A higher limit accuses those whose largest location is above it: both come from one run.
"""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest
from rivals.answers import answer

LIMIT = "1 KB"
_SIZE = re.compile(r"- ([\d.]+)(B|KiB|MiB|GiB) allocated here")
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


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
        told = [text for title, text in report.sections if "memray" in title]
        sizes = [float(n) * _UNITS[unit] for text in told for n, unit in _SIZE.findall(text)]
        answer(item.nodeid, max(sizes, default=0.0), report.failed and bool(told))
    return report
