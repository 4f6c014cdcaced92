"""Errors that a person reads: one clear sentence each that says what to do."""

from __future__ import annotations


class LeakcheckError(Exception):
    """Base of all errors of this package. Its text is one sentence for people."""

    exit_code = 2


class UsageError(LeakcheckError):
    """An option, marker or argument cannot be taken."""


class RunError(LeakcheckError):
    """A run folder cannot be read or written."""


class MissingDependencyError(LeakcheckError):
    """A command needs an optional dependency that is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed: "
            f"run pip install 'pytest-leakcheck[{extra}]'."
        )
