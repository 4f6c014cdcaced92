"""``leakcheck bisect``: the earlier tests that make a test grow."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from pytest_leakcheck.cli import shared
from pytest_leakcheck.model.errors import RunError

NAME = "bisect"
HELP = "find the earlier tests that make a test grow"
DESCRIPTION = (
    "Find the smallest set of tests that must have run before a test, in the same "
    "process, for it to grow. Runs them in fresh processes, in the order of the run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    shared.add_run(parser)
    parser.add_argument("name", metavar="TEST", help="a node id or a part of one")
    parser.add_argument("--worker", help="the process of the run, where the test ran in several")
    parser.add_argument(
        "--budget",
        type=float,
        default=1800.0,
        metavar="SECONDS",
        help="stop after so long (%(default)g)",
    )
    shared.add_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """Search; returns the exit status."""
    from pytest_leakcheck.bisection.runner import find_place, search
    from pytest_leakcheck.report.bisection import ProgressLine, answer_lines
    from pytest_leakcheck.store.folder import find_run
    from pytest_leakcheck.store.reader import load_run

    measured = load_run(find_run(arguments.run, arguments.root))
    place = find_place(measured, arguments.name, arguments.worker)
    line = ProgressLine(sys.stderr, shutil.get_terminal_size().columns)
    try:
        answer = search(measured, place, arguments.budget, dict(os.environ), line)
    finally:
        line.clear()
    for text in answer_lines(answer):
        print(text)  # noqa: T201 - this is the command line
    if answer.stopped:
        raise RunError(f"The search did not come to its end: {answer.stopped}.")
    return 0
