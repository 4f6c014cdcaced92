"""Suites of users, run by a pytest of their own under ``--leakcheck``, and read back.

A run with confirmation takes seconds, so the tests of one subject share one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.model.results import JudgedRun, TestVerdict
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.store.reader import load_run

#: Only the plugins that a suite asks for: faster, and nobody else's leaks.
PLAIN = ("-p", "leakcheck", "-p", "no:cacheprovider")
LABEL = "run"

#: What tells pytest that it runs under CI: there it writes the whole of a failed comparison, which
#: takes minutes for long lists.
_CI = ("CI", "BUILD_NUMBER")


def environment(**changes: str) -> dict[str, str]:
    """The environment of a suite: without what the run around it has set."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("PYTEST_", "COV_")) and k not in _CI
    }
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200", **changes}


@dataclass(frozen=True)
class Result:
    """What a run of pytest left."""

    folder: Path
    out: str
    status: int

    @property
    def run(self) -> Run:
        """The run folder, read back."""
        return load_run(self.folder / ".leakcheck" / LABEL)

    @property
    def judged(self) -> JudgedRun:
        """The run's verdicts."""
        return judge_run(self.run)

    def verdicts(self) -> dict[str, TestVerdict]:
        """Node id → verdict."""
        return {test.nodeid: test for test in self.judged.tests}

    @property
    def last_line(self) -> str:
        """pytest's own last line, without the time that it took."""
        return self.out.strip().splitlines()[-1].strip("= ").partition(" in ")[0]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a suite."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


def without_memray(folder: Path) -> Mapping[str, str]:
    """An environment in which memray cannot be imported: as on Windows, and faster."""
    hidden = folder.with_name(f"{folder.name}-hidden")
    write(hidden, {"memray.py": "raise ImportError('hidden')\n"})
    return {"PYTHONPATH": str(hidden)}


def pytest_in(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> Result:
    """Run pytest in a folder, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLAIN, *words],
        cwd=folder,
        env=environment(**(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=300,
        check=False,
    )
    return Result(folder, done.stdout, done.returncode)


def leakcheck_in(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> Result:
    """Run pytest under ``--leakcheck`` in a folder."""
    return pytest_in(folder, "--leakcheck", f"--leakcheck-label={LABEL}", *words, env=env)
