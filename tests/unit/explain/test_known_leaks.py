"""Every cause of the catalogue, made to happen: leak, identifier that comes out, remedy.

A scenario is a generator: up to its ``yield`` it leaks as a test would, after it it does what the
catalogue's remedy says. So a leak is half a scenario, and a whole one leaves nothing.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import pytest
import scenarios_concurrency
import scenarios_interpreter
import scenarios_libraries
from leaks import causes_of, kept_by
from scenarios import SCENARIOS, Scenario

from pytest_leakcheck.explain.catalogue import entries
from pytest_leakcheck.explain.causes import explain_survivors, watch_containers
from pytest_leakcheck.model.causes import Cause


def begin(scenario: Scenario) -> None:
    """Leak, and leave the scenario there; the generator itself keeps nothing."""
    made: Any = scenario.make()
    next(made)
    made.close()


def finish(scenario: Scenario) -> None:
    for _ in scenario.make():
        pass


def found(scenario: Scenario, run: Callable[[Scenario], None]) -> list[Cause]:
    versions = {"chromadb": metadata.version("chromadb")} if scenario.package == "chromadb" else {}
    if not scenario.container:
        if run is finish:
            return explain_survivors(kept_by(lambda: run(scenario)), versions=versions)
        return causes_of(lambda: run(scenario), versions=versions)
    for _ in range(3):
        run(scenario)
    gc.collect()
    watch = watch_containers()
    watch.first()
    for _ in range(3):
        run(scenario)
        watch.again()
    return watch.grown()


def needs(scenario: Scenario) -> None:
    if scenario.package:
        pytest.importorskip(scenario.package)
    if sys.version_info < scenario.since:
        pytest.skip("another version of Python")


_USED = (scenarios_interpreter, scenarios_concurrency, scenarios_libraries)

PARAMETERS = [
    pytest.param(s, id=f"{s.id}-{s.name}", marks=[pytest.mark.chroma] if s.slow else [])
    for s in SCENARIOS
]


@pytest.fixture
def _cleaned_up(scenario: Scenario) -> Iterator[None]:
    needs(scenario)
    yield
    scenario.clean()
    gc.collect()


@pytest.mark.usefixtures("_cleaned_up")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("scenario", PARAMETERS)
def test_the_leak_is_recognised_and_the_remedy_releases_it(scenario: Scenario) -> None:
    causes = found(scenario, begin)
    known = [c for c in causes if c.known == scenario.id]
    assert known, [(c.holder, c.head, c.label, c.known) for c in causes]
    if not scenario.remedy:
        return
    scenario.clean()
    left = found(scenario, finish)
    places = {(c.holder, c.head) for c in known}
    assert not [c for c in left if c.known == scenario.id or (c.holder, c.head) in places]


#: Leaks that need a pytest of their own: see test_pytest_retention.py.
ELSEWHERE = {"pytest-class-instance", "pytest-parameters", "pytest-retention"}


def test_every_known_cause_has_a_scenario() -> None:
    assert {known.id for known in entries()} == {s.id for s in SCENARIOS} | ELSEWHERE
