"""``leakcheck runs``: the runs that there are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_leakcheck.cli import shared
from pytest_leakcheck.model.errors import RunError

if TYPE_CHECKING:
    from pytest_leakcheck.report.terminal import Listed

NAME = "runs"
HELP = "list the runs that there are"
DESCRIPTION = "List the runs that there are, with date, tests and verdicts."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    shared.add_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """List; returns the exit status."""
    shared.need("Listing runs", "rich", "markupsafe")
    from pytest_leakcheck.report import terminal
    from pytest_leakcheck.store.folder import RUN_FILE

    folders = sorted(file.parent for file in arguments.root.glob(f"*/{RUN_FILE}"))
    if not folders:
        raise RunError(
            f"There is no run in {arguments.root}: make one with "
            "pytest --leakcheck --leakcheck-label=before."
        )
    console = terminal.make_console()
    terminal.print_runs((_listed(folder, arguments.root) for folder in folders), console)
    return 0


def _listed(folder: Path, root: Path) -> Listed:
    from pytest_leakcheck.report.terminal import Listed

    try:
        return Listed(folder.name, shared.load(str(folder), root)[1])
    except RunError as error:
        return Listed(folder.name, None, str(error))
