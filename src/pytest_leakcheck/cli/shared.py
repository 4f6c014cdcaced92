"""What several commands share: where runs lie, loading one, saying what was written."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_leakcheck.model.errors import MissingDependencyError

if TYPE_CHECKING:
    from pytest_leakcheck.model.results import JudgedRun
    from pytest_leakcheck.model.run import Run


def add_run(parser: argparse.ArgumentParser) -> None:
    """The argument RUN."""
    parser.add_argument("run", metavar="RUN", help="a label, or a run's folder")


def add_root(parser: argparse.ArgumentParser) -> None:
    """The option ``--root``."""
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(".leakcheck"),
        help="folder in which the runs lie (%(default)s)",
    )


def load(name: str, root: Path) -> tuple[Run, JudgedRun]:
    """A run and its verdicts.

    Raises:
        RunError: there is no such run, or it cannot be read.
    """
    from pytest_leakcheck.conclude.run import judge_run
    from pytest_leakcheck.store.folder import find_run
    from pytest_leakcheck.store.reader import load_run

    run = load_run(find_run(name, root))
    return run, judge_run(run)


def need(purpose: str, *packages: str) -> None:
    """Check that packages of an extra are installed.

    Raises:
        MissingDependencyError: one is missing.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingDependencyError(package, "report", purpose)


def wrote(path: Path) -> None:
    """Say which file was written."""
    print(f"wrote {path.as_posix()}")  # noqa: T201 - this is the command line
