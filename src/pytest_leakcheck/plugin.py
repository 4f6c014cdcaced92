"""pytest's hooks: options, markers, and who does the work.

This module is imported in every pytest run, so it imports nothing of its own package until it is
asked to measure.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from pytest_leakcheck.model.settings import Settings

# Tests may change the environment; the confirming process starts with the one that pytest got.
_ENVIRONMENT = dict(os.environ)

_DEPTH_HELP = (
    "sweep: signals only; default: candidates are repeated and explained; "
    "full: also memray and tracemalloc around every test"
)


#: Options with which pytest runs no test.
_NOTHING_RUNS = (
    *("help", "version", "collectonly", "markers", "showfixtures", "show_fixtures_per_test"),
    *("setuponly", "setupplan", "cacheshow"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option group ``leakcheck`` and its ini values."""
    group = parser.getgroup("leakcheck", "memory leaks")
    add = group.addoption
    add("--leakcheck", action="store_true", help="measure what every test leaves in memory")
    add("--leakcheck-depth", metavar="DEPTH", help=_DEPTH_HELP)
    add("--leakcheck-label", metavar="LABEL", help="name of the run (default: the time)")
    add("--leakcheck-dir", metavar="DIR", help="where runs are kept (default: .leakcheck)")
    add(
        "--leakcheck-confirm-budget",
        metavar="SECONDS",
        type=float,
        help="stop repeating candidates after so long (default: 600)",
    )
    add(
        "--leakcheck-confirm-workers",
        metavar="N",
        type=int,
        help="repeat candidates in so many processes at a time "
        "(default: as many as the suite had workers, see -n)",
    )
    add(
        "--leakcheck-screen",
        metavar="SECONDS",
        type=float,
        help="repeat tests that show nothing at first sight for so long, 0 for none "
        "(default: a quarter of the tests' time, at least 10)",
    )
    add(
        "--leakcheck-env",
        metavar="NAME",
        action="append",
        default=[],
        help="store this environment variable with the run (may be repeated)",
    )
    add("--leakcheck-confirm", metavar="PLAN", help="internal: repeat the candidates of a plan")
    add("--limit-memory", metavar="SIZE", help="pytest-memray's limit_memory for every test")
    add("--limit-leaks", metavar="SIZE", help="pytest-memray's limit_leaks for every test")
    parser.addini("leakcheck", "measure every run, as --leakcheck does", type="bool")
    parser.addini("leakcheck_depth", _DEPTH_HELP, default="default")
    parser.addini("leakcheck_dir", "where runs are kept", default=".leakcheck")
    parser.addini(
        "leakcheck_catalogue",
        "files with known causes of your own (TOML)",
        type="paths",
        default=[],
    )
    parser.addini("limit_memory", "pytest-memray's limit_memory for every test", default="")
    parser.addini("limit_leaks", "pytest-memray's limit_leaks for every test", default="")


class _Plainly:
    """Finds this package's modules in Python's own way.

    pytest rewrites the assertions of its plugins, and where bytecode may not be written
    (``PYTHONDONTWRITEBYTECODE``, as in many containers) it compiles them anew in each process.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's place; ``None`` for those of others."""
        return PathFinder.find_spec(name, path, target) if name.startswith(_OURS) else None


_OURS = "pytest_leakcheck."


def _find_as_before() -> None:
    if _Plainly in sys.meta_path:
        sys.meta_path.remove(_Plainly)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register what this process has to do."""
    config.addinivalue_line(
        "markers",
        "limit_growth(limit): fail the test when each run leaves more than this in memory "
        "(fixtures, TestCase and native memory included)",
    )
    if any(getattr(config.option, name, False) for name in _NOTHING_RUNS):
        return
    confirming = config.getoption("leakcheck_confirm")
    if not (confirming or config.getoption("leakcheck") or config.getini("leakcheck")):
        return
    sys.meta_path.insert(0, _Plainly)
    config.add_cleanup(_find_as_before)
    if confirming:
        from pytest_leakcheck.confirm.worker import Confirming

        config.pluginmanager.register(Confirming.from_config(config), "leakcheck-confirming")
    else:
        from pytest_leakcheck.session import start

        start(config, _settings(config), _ENVIRONMENT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was found, in the process that the user started."""
    controller = terminalreporter.config.pluginmanager.get_plugin("leakcheck-controller")
    if controller is None:
        return
    from pytest_leakcheck.report.summary import tell

    tell(terminalreporter, controller.folder, controller.told())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test the limits of the command line; arm ``limit_growth``."""
    memory = config.getoption("limit_memory") or config.getini("limit_memory")
    leaks = config.getoption("limit_leaks") or config.getini("limit_leaks")
    marked = any(item.get_closest_marker("limit_growth") for item in items)
    if not memory and not leaks and not marked:
        return
    from pytest_leakcheck import marks
    from pytest_leakcheck.model.errors import LeakcheckError

    try:
        marks.give_limits(config, items, memory=memory, leaks=leaks)
        if marked and not config.getoption("leakcheck_confirm"):
            marks.arm(config, items, _settings(config))
    except LeakcheckError as error:
        raise pytest.UsageError(str(error)) from None


def _settings(config: pytest.Config) -> Settings:
    from pytest_leakcheck.model.errors import LeakcheckError
    from pytest_leakcheck.model.settings import Settings
    from pytest_leakcheck.options import check_workers, parse_depth

    options: dict[str, Any] = {}
    try:
        depth = config.getoption("leakcheck_depth") or config.getini("leakcheck_depth")
        options["depth"] = parse_depth(str(depth))
        workers = config.getoption("leakcheck_confirm_workers")
        if workers is not None:
            options["confirm_workers"] = check_workers(workers)
        files = config.getini("leakcheck_catalogue")
        if files:
            from pytest_leakcheck.explain.catalogue import check_files

            options["catalogue"] = check_files(files, config.rootpath)
    except LeakcheckError as error:
        raise pytest.UsageError(str(error)) from None
    budget = config.getoption("leakcheck_confirm_budget")
    if budget is not None:
        options["confirm_budget_s"] = budget
    screen = config.getoption("leakcheck_screen")
    if screen is not None:
        options["screen_s"] = screen
    return Settings(**options)
