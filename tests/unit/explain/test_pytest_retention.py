"""What pytest itself keeps, seen from inside a pytest of its own."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from pytest_leakcheck.explain.causes import explain_survivors
from pytest_leakcheck.records import Cause

SUITE = """
import pytest

class Payload:
    pass

class TestStore:
    def test_it(self):
        self.kept = Payload()

@pytest.mark.parametrize("value", [Payload()])
def test_parameter(value):
    pass

def test_plugin(pytestconfig):
    pytestconfig.pluginmanager.kept_by_a_test = Payload()
"""


class AtTheEnd:
    """Explains the payloads when all tests have run and the session is still there."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    @pytest.hookimpl(trylast=True)
    def pytest_runtestloop(self) -> None: ...

    def pytest_sessionfinish(self) -> None:
        gc.collect()
        payloads = [o for o in gc.get_objects() if type(o).__name__ == "Payload"]
        mine: list[Any] = [o for o in payloads if type(o).__module__ == "test_retention"]
        self.causes = explain_survivors(mine, ignore={id(payloads), id(mine)})


def test_what_pytest_keeps_is_called_by_its_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_retention=SUITE)
    at_the_end = AtTheEnd()
    pytester.inline_run("-p", "no:leakcheck", "-p", "no:randomly", plugins=[at_the_end])
    known = {cause.known: cause.holder for cause in at_the_end.causes}
    assert set(known) == {"pytest-class-instance", "pytest-parameters", "pytest-retention"}, known
