"""``leakcheck show``: a run, a test or a cause on the terminal."""

from __future__ import annotations

import argparse

from pytest_leakcheck.cli import shared

NAME = "show"
HELP = "show a run, a test or a cause on the terminal"
DESCRIPTION = (
    "Show a run on the terminal; with a test or a fingerprint, all that is known about it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    shared.add_run(parser)
    parser.add_argument(
        "name",
        nargs="?",
        metavar="TEST or FINGERPRINT",
        help="a node id or a part of one, or a fingerprint or its beginning",
    )
    shared.add_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show; returns the exit status."""
    shared.need("Showing a run", "rich", "markupsafe")
    from pytest_leakcheck.report import terminal

    measured, judged = shared.load(arguments.run, arguments.root)
    console = terminal.make_console()
    if arguments.name is None:
        terminal.print_run(measured, judged, console)
    else:
        terminal.print_one(measured, judged, arguments.name, console)
    return 0
