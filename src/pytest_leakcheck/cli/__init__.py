"""The command ``leakcheck``: one module per command, each with its arguments and its run."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pytest_leakcheck.cli import bisect, compare, report, runs, show
from pytest_leakcheck.model.errors import LeakcheckError

#: Each has ``NAME``, ``HELP``, ``DESCRIPTION``, ``add_arguments(parser)`` and ``run(arguments)``.
COMMANDS = (compare, report, show, bisect, runs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status. 0: done, 2: it could not be done."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        with _collector_off():
            status: int = arguments.command(arguments)
            return status
    except LeakcheckError as error:
        print(f"leakcheck: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader has left: no complaint at exit
        return 0
    except KeyboardInterrupt:
        return 130


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
    for command in COMMANDS:
        sub = commands.add_parser(command.NAME, help=command.HELP, description=command.DESCRIPTION)
        command.add_arguments(sub)
        sub.set_defaults(command=command.run)
    return parser


def _version() -> str:
    try:
        return version("pytest-leakcheck")
    except PackageNotFoundError:
        return "(not installed)"
