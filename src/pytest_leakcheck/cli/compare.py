"""``leakcheck compare``: runs side by side, first to last."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_leakcheck.cli import shared

NAME = "compare"
HELP = "compare runs, first to last: what was fixed, what is new"
DESCRIPTION = (
    "Compare two runs or more, test by test and cause by cause. Prints a table "
    "and writes compare.html, compare.md and compare.csv."
)
FORMATS = ("terminal", "html", "md", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a label, or a run's folder")
    shared.add_root(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), help="folder of the files (%(default)s)"
    )
    parser.add_argument(
        "--format",
        action="append",
        choices=FORMATS,
        help="make this only; may be given several times (all)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare; returns the exit status."""
    shared.need("Comparing runs", "pandas", "jinja2", "rich")
    from pytest_leakcheck.compare.comparison import compare_runs
    from pytest_leakcheck.report import csvfile, html, markdown, terminal

    formats = arguments.format or FORMATS
    comparison = compare_runs(shared.load(name, arguments.root) for name in arguments.runs)
    out: Path = arguments.out
    if "terminal" in formats:
        terminal.print_compare(comparison, terminal.make_console())
    if "html" in formats:
        shared.wrote(html.write_compare(comparison, out / "compare.html"))
    if "md" in formats:
        shared.wrote(markdown.write_markdown(comparison, out / "compare.md"))
    if "csv" in formats:
        shared.wrote(csvfile.write_compare(comparison, out / "compare.csv"))
    return 0
