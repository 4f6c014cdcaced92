"""The command ``leakcheck``: argument parsing and calls, no logic.

Heavy imports stand inside the commands, so that help and errors are quick.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_leakcheck.errors import LeakcheckError, MissingDependencyError, RunError

if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_leakcheck.journal import Run
    from pytest_leakcheck.records import JudgedRun
    from pytest_leakcheck.report.terminal import Listed

    # argparse names no public type.
    Commands: TypeAlias = "argparse._SubParsersAction[_CommandParser]"  # noqa: SLF001

FORMATS = ("terminal", "html", "md", "csv")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status. 0: done, 2: it could not be done."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        with _collector_off():
            arguments.command(arguments)
    except LeakcheckError as error:
        print(f"leakcheck: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader has left: no complaint at exit
        return 0
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def _collector_off() -> Iterator[None]:
    """Records come by the hundred thousand, without cycles among them: walking them again and again
    takes an eighth of the time of a large report."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _CommandParser(argparse.ArgumentParser):
    """Takes options anywhere, between positional arguments too: ``show RUN --root DIR TEST``."""

    _intermixed = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Both passes of :meth:`parse_known_intermixed_args` may come here again."""
        if self._intermixed:
            return super().parse_known_args(args, namespace)
        self._intermixed = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixed = False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="leakcheck",
        description="Show and compare runs that pytest --leakcheck has measured.",
        epilog="Measure with: pytest --leakcheck --leakcheck-label=before",
    )
    parser.add_argument("--version", action="version", version=f"leakcheck {_version()}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_CommandParser
    )
    _add_compare(commands)
    _add_report(commands)
    _add_show(commands)
    _add_bisect(commands)
    _add_runs(commands)
    return parser


def _add_compare(commands: Commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="compare runs, first to last: what was fixed, what is new",
        description="Compare two runs or more, test by test and cause by cause. Prints a table "
        "and writes compare.html, compare.md and compare.csv.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a label, or a run's folder")
    _add_root(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), help="folder of the files (%(default)s)"
    )
    parser.add_argument(
        "--format",
        action="append",
        choices=FORMATS,
        help="make this only; may be given several times (all)",
    )
    parser.set_defaults(command=compare)


def _add_report(commands: Commands) -> None:
    parser = commands.add_parser(
        "report",
        help="write a run's page: one HTML file that works offline",
        description="Write the page of one run, and its numbers as CSV beside it.",
    )
    parser.add_argument("run", metavar="RUN", help="a label, or a run's folder")
    _add_root(parser)
    parser.add_argument("--out", type=Path, help="the page's file (reports/RUN.html)")
    parser.set_defaults(command=report)


def _add_show(commands: Commands) -> None:
    parser = commands.add_parser(
        "show",
        help="show a run, a test or a cause on the terminal",
        description="Show a run on the terminal; with a test or a fingerprint, all that is known "
        "about it.",
    )
    parser.add_argument("run", metavar="RUN", help="a label, or a run's folder")
    parser.add_argument(
        "name",
        nargs="?",
        metavar="TEST or FINGERPRINT",
        help="a node id or a part of one, or a fingerprint or its beginning",
    )
    _add_root(parser)
    parser.set_defaults(command=show)


def _add_bisect(commands: Commands) -> None:
    parser = commands.add_parser(
        "bisect",
        help="find the earlier tests that make a test grow",
        description="Find the smallest set of tests that must have run before a test, in the same "
        "process, for it to grow. Runs them in fresh processes, in the order of the run.",
    )
    parser.add_argument("run", metavar="RUN", help="a label, or a run's folder")
    parser.add_argument("name", metavar="TEST", help="a node id or a part of one")
    parser.add_argument("--worker", help="the process of the run, where the test ran in several")
    parser.add_argument(
        "--budget",
        type=float,
        default=1800.0,
        metavar="SECONDS",
        help="stop after so long (%(default)g)",
    )
    _add_root(parser)
    parser.set_defaults(command=bisect)


def _add_runs(commands: Commands) -> None:
    parser = commands.add_parser(
        "runs",
        help="list the runs that there are",
        description="List the runs that there are, with date, tests and verdicts.",
    )
    _add_root(parser)
    parser.set_defaults(command=runs)


def _add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(".leakcheck"),
        help="folder in which the runs lie (%(default)s)",
    )


def compare(arguments: argparse.Namespace) -> None:
    """``leakcheck compare``."""
    _need("Comparing runs", "pandas", "jinja2", "rich")
    from pytest_leakcheck.compare.comparison import compare_runs
    from pytest_leakcheck.report import csvfile, html, markdown, terminal

    formats = arguments.format or FORMATS
    comparison = compare_runs(_load(name, arguments.root) for name in arguments.runs)
    out: Path = arguments.out
    console = terminal.make_console()
    if "terminal" in formats:
        terminal.print_compare(comparison, console)
    if "html" in formats:
        _wrote(html.write_compare(comparison, out / "compare.html"))
    if "md" in formats:
        _wrote(markdown.write_markdown(comparison, out / "compare.md"))
    if "csv" in formats:
        _wrote(csvfile.write_compare(comparison, out / "compare.csv"))


def report(arguments: argparse.Namespace) -> None:
    """``leakcheck report``."""
    _need("Writing a report", "pandas", "jinja2")
    from pytest_leakcheck.report import csvfile, html

    run, judged = _load(arguments.run, arguments.root)
    page: Path = arguments.out or Path("reports") / f"{run.info.label}.html"
    _wrote(html.write_report(run, judged, page))
    _wrote(csvfile.write_tests(run, judged, page.with_suffix(".csv")))


def show(arguments: argparse.Namespace) -> None:
    """``leakcheck show``."""
    _need("Showing a run", "rich", "markupsafe")
    from pytest_leakcheck.report import terminal

    run, judged = _load(arguments.run, arguments.root)
    console = terminal.make_console()
    if arguments.name is None:
        terminal.print_run(run, judged, console)
    else:
        terminal.print_one(run, judged, arguments.name, console)


def runs(arguments: argparse.Namespace) -> None:
    """``leakcheck runs``."""
    _need("Listing runs", "rich", "markupsafe")
    from pytest_leakcheck.journal import RUN_FILE
    from pytest_leakcheck.report import terminal

    folders = sorted(file.parent for file in arguments.root.glob(f"*/{RUN_FILE}"))
    if not folders:
        raise RunError(
            f"There is no run in {arguments.root}: make one with "
            "pytest --leakcheck --leakcheck-label=before."
        )
    console = terminal.make_console()
    terminal.print_runs((_listed(folder, arguments.root) for folder in folders), console)


def bisect(arguments: argparse.Namespace) -> None:
    """``leakcheck bisect``."""
    from pytest_leakcheck.journal import find_run, load_run
    from pytest_leakcheck.probing import find_place, search
    from pytest_leakcheck.report.bisection import ProgressLine, answer_lines

    run = load_run(find_run(arguments.run, arguments.root))
    place = find_place(run, arguments.name, arguments.worker)
    line = ProgressLine(sys.stderr, shutil.get_terminal_size().columns)
    try:
        answer = search(run, place, arguments.budget, dict(os.environ), line)
    finally:
        line.clear()
    for text in answer_lines(answer):
        print(text)  # noqa: T201 - this is the command line
    if answer.stopped:
        raise RunError(f"The search did not come to its end: {answer.stopped}.")


def _listed(folder: Path, root: Path) -> Listed:
    from pytest_leakcheck.report.terminal import Listed

    try:
        return Listed(folder.name, _load(str(folder), root)[1])
    except RunError as error:
        return Listed(folder.name, None, str(error))


def _load(name: str, root: Path) -> tuple[Run, JudgedRun]:
    from pytest_leakcheck.journal import find_run, load_run
    from pytest_leakcheck.judge.runs import judge_run

    run = load_run(find_run(name, root))
    return run, judge_run(run)


def _need(purpose: str, *packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise MissingDependencyError(package, "report", purpose)


def _wrote(path: Path) -> None:
    print(f"wrote {path.as_posix()}")  # noqa: T201 - this is the command line


def _version() -> str:
    try:
        return version("pytest-leakcheck")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
