"""Whole test suites of released packages, as their authors wrote them, under leakcheck.

python -m leakbench.suites                     every suite
python -m leakbench.suites click attrs         these
python -m leakbench.suites click --workers 2   under pytest-xdist
python -m leakbench.suites click --seed 1      in a random order
python -m leakbench.suites click --load        beside a process that is busy all the time

Each suite runs twice, plain and measured, in an environment of its own. Sources and environments
are kept in ``.leakbench/`` at the top of the repository, results in ``.leakbench/results/suites/``,
from where ``python -m leakbench --report`` takes them. Every accusation is printed with its
cause, and with what an examination by hand has found of it (``[[examined]]`` in ``case.toml``).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_leakcheck.conclude.evidence import causes_of
from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.errors import LeakcheckError, RunError
from pytest_leakcheck.model.results import TestVerdict, VerdictName
from pytest_leakcheck.store.reader import load_run

from .environments import KEPT, Environments, UnmadeEnvironmentError, measured_revision
from .load import load

HERE = Path(__file__).resolve().parent
SUITES = HERE / "cases" / "suites"
RESULTS = KEPT / "results" / "suites"

#: The label of a run in one process and in the suite's own order.
OWN_ORDER = "plain-order"

_OUTCOMES = "passed|failed|error|skipped|xfailed|xpassed|deselected|warning"
_LAST_LINE = re.compile(rf"^=*\s*(\d+ (?:{_OUTCOMES}).*?) in [\d.]+s", re.MULTILINE)

#: Verdicts that somebody has to look at.
ACCUSING: tuple[VerdictName, ...] = ("leak", "unconfirmed")


class Examined(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an examination by hand found of an accusation."""

    nodeid: str = ""
    """Of the test; of all parameters of a test function without the bracket."""
    fingerprint: str = ""
    """Of the cause, where many tests show it."""
    verdict: VerdictName = "leak"
    holder: str = ""
    real: bool
    """Whether the test does leave it behind on each run."""
    note: str
    """One or two sentences: what stays, and why."""
    upstream: str = ""
    """The issue, where there is one."""

    def covers(self, accusation: Accusation) -> bool:
        """Whether this examination is of that accusation."""
        if self.verdict != accusation.verdict:
            return False
        if self.fingerprint:
            return self.fingerprint in accusation.fingerprints
        return self.nodeid in (accusation.nodeid, accusation.nodeid.partition("[")[0])


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A suite's ``case.toml``."""

    what: str
    package: str
    """Requirement with its version: ``click==8.1.8``."""
    sdist: bool = True
    """Whether the tests are in the source distribution; else in the installed package."""
    requires: list[str] = []
    """What the tests need besides."""
    tests: list[str]
    """Paths in the source distribution, or in the folder of installed packages."""
    args: list[str] = []
    """Further arguments of pytest."""
    env: dict[str, str] = {}
    seconds: float = 0.0
    """About how long it takes, plain and measured."""
    examined: list[Examined] = []


class Accusation(msgspec.Struct, frozen=True, kw_only=True):
    """A test whose verdict says that something may stay."""

    nodeid: str
    verdict: VerdictName
    reason: str
    fingerprints: list[str]
    causes: list[str]
    """Each cause's fingerprint, holder and head, in one line."""
    examined: Examined | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One suite, run plain and measured."""

    name: str
    workers: int = 0
    """Of pytest-xdist; 0 for none."""
    seed: int | None = None
    """Of a random order; ``None`` for the suite's own."""
    loaded: bool = False
    """Whether another process was busy meanwhile."""
    tests: int
    plain_s: float
    measured_s: float
    verdicts: dict[str, int]
    accusations: list[Accusation]
    same_outcome: bool
    """Whether pytest's last line says the same with and without measuring."""
    last_line: str
    """pytest's last line of the measured run, without the time."""
    revision: str = ""
    """The commit that was measured."""


def load_suite(folder: Path) -> Suite:
    """Read a ``case.toml``."""
    return msgspec.toml.decode((folder / "case.toml").read_bytes(), type=Suite)


# --- sources and environments --------------------------------------------------------------------


def source_of(suite: Suite) -> Path:
    """The unpacked source distribution, downloaded where it is not there yet."""
    name, _, version = suite.package.partition("==")
    folder = KEPT / "sources" / f"{_file_name(name)}-{version}"
    if folder.is_dir():
        return folder
    downloads = KEPT / "downloads" / folder.name
    _run(
        sys.executable,
        *("-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"),
        *("--dest", str(downloads), suite.package),
    )
    archive = next(downloads.glob("*.tar.gz"))
    unpacking = folder.with_name(f"{folder.name}.unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(archive) as packed:
        packed.extractall(unpacking, filter="data")
    next(unpacking.iterdir()).rename(folder)
    unpacking.rmdir()
    return folder


def _file_name(project: str) -> str:
    return re.sub(r"[-_.]+", "_", project).lower()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


# --- running -------------------------------------------------------------------------------------


def run_suite(
    name: str, suite: Suite, *, workers: int = 0, seed: int | None = None, loaded: bool = False
) -> Result:
    """Run a suite plain, then measured, and judge it.

    Args:
        workers: of pytest-xdist; 0 for none.
        seed: of a random order; ``None`` for the suite's own.
        loaded: keep another process busy meanwhile.
    """
    python = Environments().python_for(tuple(sorted({suite.package, *suite.requires})))
    folder = source_of(suite) if suite.sdist else _packages_of(python)
    (KEPT / "pytest.ini").touch()  # no suite is to find this repository's own settings
    words = [*suite.tests, *suite.args, "-q", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    if workers:
        words += ["-n", str(workers)]
    if seed is not None:
        words += ["-p", "shuffled", f"--shuffle-seed={seed}"]
    runs = KEPT / "runs" / name
    label = label_of(workers, seed, loaded)
    measuring = [
        *("--leakcheck", f"--leakcheck-dir={runs}", f"--leakcheck-label={label}"),
        "--leakcheck-confirm-budget=3600",  # every candidate has its say, also on a busy machine
    ]
    with load(wanted=loaded):
        plain_s, plain = _pytest(python, folder, [*words, "-p", "no:leakcheck"], suite.env)
        measured_s, measured = _pytest(python, folder, [*words, *measuring], suite.env)
    runs.mkdir(parents=True, exist_ok=True)
    (runs / f"{label}.out").write_text(measured, encoding="utf-8")
    try:
        run = load_run(runs / label)
    except RunError as error:
        raise RunError(f"{error}\n{measured[-2000:]}") from None
    judged = judge_run(run)
    return Result(
        name=name,
        workers=workers,
        seed=seed,
        loaded=loaded,
        tests=len(judged.tests),
        plain_s=plain_s,
        measured_s=measured_s,
        verdicts=dict(Counter(test.verdict for test in judged.tests)),
        accusations=[
            accusation(test, [describe(cause) for cause in causes_of(run, test.nodeid)], suite)
            for test in judged.tests
            if test.verdict in ACCUSING
        ],
        same_outcome=last_line(plain) == last_line(measured),
        last_line=last_line(measured),
        revision=measured_revision(),
    )


def label_of(workers: int, seed: int | None, loaded: bool = False) -> str:
    """The name of a run: how it was run."""
    parts = [
        f"n{workers}" if workers else "",
        "" if seed is None else f"seed{seed}",
        "loaded" if loaded else "",
    ]
    return "-".join(filter(None, parts)) or OWN_ORDER


def store(result: Result, folder: Path = RESULTS) -> Path:
    """Write a result where the report reads it; it takes the place of an older one."""
    label = label_of(result.workers, result.seed, result.loaded)
    name = result.name if label == OWN_ORDER else f"{result.name}-{label}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    return path


def _packages_of(python: Path) -> Path:
    """The folder of an environment's installed packages."""
    return next((python.parents[1] / "lib").glob("python*/site-packages"))


def _pytest(
    python: Path, folder: Path, words: Sequence[str], env: Mapping[str, str]
) -> tuple[float, str]:
    """Run pytest there; seconds and output."""
    kept = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith("PYTEST_")}
    start = time.monotonic()
    done = subprocess.run(
        [str(python.with_name("pytest")), *words],
        cwd=folder,
        # Tests that are made from sets come in one order in every process.
        env={**kept, "PYTHONHASHSEED": "0", "PYTHONPATH": str(HERE), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return time.monotonic() - start, done.stdout


# --- reading -------------------------------------------------------------------------------------


def last_line(output: str) -> str:
    """pytest's own last line, without the time that it took: ``3 passed, 1 skipped``."""
    found = _LAST_LINE.findall(output)
    counts = found[-1].split(", ") if found else []
    return ", ".join(count for count in counts if "warning" not in count)


def describe(cause: Cause) -> str:
    """A cause in one line: fingerprint, what holds it, and what."""
    bounded = " (bounded)" if cause.bounded else ""
    return f"{cause.fingerprint} {cause.holder or cause.kind}: {cause.head}{bounded}"


def accusation(test: TestVerdict, causes: list[str], suite: Suite) -> Accusation:
    """A test's accusation with what the suite's file says of it."""
    found = Accusation(
        nodeid=test.nodeid,
        verdict=test.verdict,
        reason=test.reason,
        fingerprints=test.fingerprints,
        causes=causes,
    )
    return examine(found, suite)


def examine(found: Accusation, suite: Suite) -> Accusation:
    """An accusation with what the suite's file says of it now."""
    known = next((entry for entry in suite.examined if entry.covers(found)), None)
    return msgspec.structs.replace(found, examined=known)


def tell(result: Result) -> list[str]:
    """A result, in lines for the terminal."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(result.verdicts.items()))
    seconds = f"{result.plain_s:.1f} s plain, {result.measured_s:.1f} s measured"
    lines = [
        f"{result.name}: {result.tests} tests, {seconds}: {counts}",
        f"    pytest: {result.last_line}" + ("" if result.same_outcome else " (NOT as without)"),
    ]
    for accused in groups_of(result.accusations):
        first = accused[0]
        known = first.examined
        mark = "not examined" if known is None else ("real" if known.real else "FALSE")
        more = f" and {len(accused) - 1} more" if len(accused) > 1 else ""
        lines.append(f"  {first.verdict} [{mark}] {first.nodeid}{more}")
        lines.append(f"      {first.reason}")
        lines += [f"      {line}" for line in first.causes]
    return lines


def groups_of(accusations: Sequence[Accusation]) -> list[list[Accusation]]:
    """Accusations of one verdict, causes and examination together; a repeated one first."""
    groups: dict[tuple[object, ...], list[Accusation]] = {}
    for accused in sorted(accusations, key=lambda a: not a.causes):
        # Without a cause each speaks for itself.
        shared = tuple(sorted(accused.fingerprints)) or accused.nodeid
        groups.setdefault((accused.verdict, shared, accused.examined), []).append(accused)
    return list(groups.values())


def main() -> int:
    """Run the named suites. Fails where an accusation was not found real by examination."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = sorted(path.parent.name for path in SUITES.glob("*/case.toml"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--workers", type=int, default=0, help="of pytest-xdist")
    parser.add_argument("--seed", type=int, help="of a random order")
    parser.add_argument("--load", action="store_true", help="keep another core busy meanwhile")
    options = parser.parse_args()
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    worst = 0
    for name in options.names or names:
        suite = load_suite(SUITES / name)
        try:
            result = run_suite(
                name, suite, workers=options.workers, seed=options.seed, loaded=options.load
            )
        except (LeakcheckError, UnmadeEnvironmentError, subprocess.CalledProcessError) as error:
            print(f"{name}: could not be run: {error}", flush=True)
            worst = 1
            continue
        store(result)
        print("\n".join(tell(result)), flush=True)
        leaks = [a for a in result.accusations if a.verdict == "leak"]
        if any(a.examined is None or not a.examined.real for a in leaks):
            worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main())
