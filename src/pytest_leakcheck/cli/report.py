"""``leakcheck report``: the page of one run."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_leakcheck.cli import shared

NAME = "report"
HELP = "write a run's page: one HTML file that works offline"
DESCRIPTION = "Write the page of one run, and its numbers as CSV beside it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    shared.add_run(parser)
    shared.add_root(parser)
    parser.add_argument("--out", type=Path, help="the page's file (reports/RUN.html)")


def run(arguments: argparse.Namespace) -> int:
    """Write the page; returns the exit status."""
    shared.need("Writing a report", "pandas", "jinja2")
    from pytest_leakcheck.report import csvfile, html

    measured, judged = shared.load(arguments.run, arguments.root)
    page: Path = arguments.out or Path("reports") / f"{measured.info.label}.html"
    shared.wrote(html.write_report(measured, judged, page))
    shared.wrote(csvfile.write_tests(measured, judged, page.with_suffix(".csv")))
    return 0
