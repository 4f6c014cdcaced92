"""What pytest itself keeps, seen from inside a pytest of its own when its tests are over."""

from __future__ import annotations

import json

import pytest

SUITE = """
class Payload:
    pass

class TestStore:
    def test_it(self):
        self.kept = Payload()

def pytest_generate_tests(metafunc):
    if "value" in metafunc.fixturenames:
        metafunc.parametrize("value", [Payload()])

def test_parameter(value):
    pass

def test_plugin(pytestconfig):
    pytestconfig.pluginmanager.kept_by_a_test = Payload()
"""

CONFTEST = """
import gc, json, pathlib
from pytest_leakcheck.explain.causes import explain_survivors

def pytest_sessionfinish(session):
    gc.collect()
    mine = [o for o in gc.get_objects() if type(o).__name__ == "Payload"]
    causes = explain_survivors(mine, ignore={id(mine)})
    told = [(cause.known, cause.holder) for cause in causes]
    (session.config.rootpath / "told.json").write_text(json.dumps(told))
"""


def test_what_pytest_keeps_is_called_by_its_name(pytester: pytest.Pytester) -> None:
    """An instance of a test class, a parameter, and anything else."""
    pytester.makepyfile(test_retention=SUITE)
    pytester.makeconftest(CONFTEST)
    pytester.runpytest_subprocess("-p", "no:leakcheck").assert_outcomes(passed=3)
    told = json.loads((pytester.path / "told.json").read_text())
    assert sorted(known for known, _ in told) == [
        "pytest-class-instance",
        "pytest-parameters",
        "pytest-retention",
    ], told
