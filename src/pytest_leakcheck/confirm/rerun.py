"""Run an item's whole protocol again, as if for the first time.

In a suite an item runs once. What it gathers on each run (report sections, the instance of its test
class, a doctest's names, the tracebacks of exceptions among its parameters) is put back as it was.
"""

from __future__ import annotations

import copy
import warnings
from types import BuiltinMethodType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from pytest_leakcheck.model.signals import Outcome
from pytest_leakcheck.sweep.ownership import parameter_exceptions


def rerun(item: pytest.Item, nextitem: Any = None) -> Outcome:
    """Set up, call and tear down an item; nothing is reported.

    Args:
        nextitem: decides which wider fixtures end; without it none does.
    """
    _forget_instance(item)
    restore_doctest(item)
    tracebacks = _tracebacks(item)
    lengths = _lengths(item)
    sibling = _sibling_of(item) if nextitem is None else nextitem
    # pytest gives an item filters of its own, and here all its runs are one item: a filter that a
    # test or fixture sets would take the place of the last run's.
    with warnings.catch_warnings():
        reports = runtestprotocol(item, log=False, nextitem=sibling)
    _forget_instance(item)
    _cut_back(lengths)
    _put_back(tracebacks)
    return outcome_of(reports)


def _sibling_of(item: pytest.Item) -> pytest.Item:
    """Another item that needs the same wider fixtures.

    A plugin may note the next item on each: copied with that, all would hang on one another.
    """
    sibling = copy.copy(item)
    noted = [name for name, value in vars(sibling).items() if isinstance(value, pytest.Item)]
    for name in noted:
        delattr(sibling, name)
    return sibling


def run_as_in_the_suite(item: pytest.Item, nextitem: pytest.Item | None) -> Outcome:
    """Run an item for the first and only time; nothing is reported.

    What pytest keeps of it in a suite (the instance of its test class) is kept here too: what
    comes after it may hang on that.
    """
    return outcome_of(runtestprotocol(item, log=False, nextitem=nextitem))


def outcome_of(reports: list[pytest.TestReport]) -> Outcome:
    """One word for the reports of a test's phases."""
    for report in reports:
        if hasattr(report, "wasxfail"):
            return "xfailed" if report.skipped else "xpassed"
        if report.failed:
            return "failed" if report.when == "call" else "error"
        if report.skipped:
            return "skipped"
    return "passed"


class BlankItem(pytest.Item):
    """A test that does nothing: what it leaves is pytest's own."""

    def runtest(self) -> None:
        pass


def uses_wider_fixtures(item: pytest.Item) -> bool:
    """Whether a class, module or package fixture (``setup_module`` and kin too) serves the item."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return False
    return any(
        definition.scope in ("class", "module", "package")
        for definitions in info.name2fixturedefs.values()
        for definition in definitions
    )


def _lengths(item: pytest.Item) -> list[tuple[list[Any], int]]:
    """The lists in which an item gathers something on each run; in a suite it runs once."""
    lists = (getattr(item, "_report_sections", None), getattr(item, "user_properties", None))
    gathering = [entries for entries in (*lists, _warnings_log()) if isinstance(entries, list)]
    return [(entries, len(entries)) for entries in gathering]


def _warnings_log() -> object:
    """The list in which pytest gathers the warnings of an item: all its runs are one item."""
    show = warnings.__dict__.get("_showwarnmsg_impl")
    return show.__self__ if type(show) is BuiltinMethodType else None


def _cut_back(lengths: list[tuple[list[Any], int]]) -> None:
    for entries, length in lengths:
        del entries[length:]


def _tracebacks(item: pytest.Item) -> list[tuple[BaseException, Any]]:
    """The exceptions among a test's parameters with their tracebacks, which each raise extends."""
    return [(error, _get_traceback(error)) for error in parameter_exceptions(item)]


def _put_back(tracebacks: list[tuple[BaseException, Any]]) -> None:
    for error, traceback in tracebacks:
        _set_traceback(error, traceback)


_get_traceback = BaseException.__dict__["__traceback__"].__get__
_set_traceback = BaseException.__dict__["__traceback__"].__set__


def _forget_instance(item: pytest.Item) -> None:
    """Drop the instance of the test class that pytest would keep and use again."""
    if isinstance(item, pytest.Function) and isinstance(item.parent, pytest.Class):
        state = item.__dict__
        if state.get("_instance") is not None:
            del state["_instance"]
            state.pop("_obj", None)


_GLOBALS: pytest.StashKey[Any] = pytest.StashKey()


def restore_doctest(item: pytest.Item) -> None:
    """Give a doctest the names back that its first run took away: its runner clears them.

    To be called before each run, the first one too.
    """
    doctest = item.__dict__.get("dtest")
    if doctest is not None:
        if _GLOBALS not in item.stash:
            item.stash[_GLOBALS] = dict(doctest.globs)
        doctest.globs = dict(item.stash[_GLOBALS])
