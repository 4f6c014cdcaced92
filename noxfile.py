"""The tasks of this project. ``nox -s leakcheck`` is the main job, ``nox -s tests`` the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "lint"]
nox.options.error_on_missing_interpreters = False
# A Python that is not installed is skipped with a line that says so, not fetched.
nox.options.download_python = "never"

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
SUBJECT = ROOT / "benchmarks" / "rag_project"
STATES = ("before", "guide", "after")


def _group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PYPROJECT, name))


@nox.session
def leakcheck(session: nox.Session) -> None:
    """Measure the retrieval project before and after its fixes; write tables and pages.

    Takes a selection at full depth (about five and a half minutes on 2 cores). With
    ``-- --all``: every test, by sweep and confirmation.
    """
    session.install("-e.[all]", *_group("subject"))
    session.run("python", "benchmarks/measure_subject.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests on the current Python. Arguments go to pytest."""
    _run_tests(session)


@nox.session(name="tests-all", python=PYTHONS)
def tests_all(session: nox.Session) -> None:
    """Run the tests on every supported Python that is installed."""
    _run_tests(session)


def _run_tests(session: nox.Session) -> None:
    session.install("-e.[all]", *_group("test"), *_group("subject"))
    # Most tests wait for a pytest of their own: two at a time take half as long.
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines the tests run, child processes included."""
    session.install("-e.[all]", *_group("test"), *_group("subject"))
    session.run("python", "-m", "coverage", "erase")
    session.run("python", "-m", "coverage", "run", "-m", "pytest", *session.posargs)
    session.run("python", "-m", "coverage", "combine")
    session.run("python", "-m", "coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, the rooms' import contracts, spelling."""
    session.install("-e.[all]", *_group("lint"), *_group("test"), "nox")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    session.run("codespell", "src", "tests", "docs", "README.md", "CHANGELOG.md", "noxfile.py")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What measuring costs, beside other tools: results and docs/performance.md.

    Arguments choose parts (overhead, profile, confirm, footprint, explain, report); ``--quick``
    takes a few minutes.
    """
    session.install("-e.[all]", *_group("subject"), *_group("bench"))
    session.run("python", "benchmarks/bench.py", *session.posargs)


@nox.session(default=False)
def leakbench(session: nox.Session) -> None:
    """How often leaks are found and innocents accused, beside the rivals. Writes docs/accuracy.md.

    ``-- --quick``: a subset that ends in minutes, by our tool alone.
    """
    session.install("-e.[all]", *_group("leakbench"))
    session.chdir("benchmarks")
    session.run("python", "-m", "leakbench", *session.posargs)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Write the small demo pages in reports/demo/ anew."""
    session.install("-e.[all]", *_group("subject"))
    shutil.rmtree(ROOT / "reports" / "demo", ignore_errors=True)
    session.run("python", "benchmarks/measure_subject.py", "--demo")
