"""What docs/accuracy.md is made from, kept in the repository.

``.leakbench/results/`` has what was run in this clone. ``benchmarks/results/leakbench.json.gz`` has
every outcome behind the page as it stands, wherever it was run, with the commit that it was run on:
one tool, case or suite can be run again without the rest.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from .environments import ROOT
from .suites import Result
from .tools import Outcome

T = TypeVar("T")

FILE = ROOT / "benchmarks" / "results" / "leakbench.json.gz"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The outcomes of cases and the results of whole suites, each run once."""

    outcomes: list[Outcome] = []
    suites: list[Result] = []


def gather(results: Path, file: Path = FILE) -> Kept:
    """What is kept, and what was run in this clone, which takes the place of the same run."""
    kept = load(file)
    outcomes = [*kept.outcomes, *_read(results, Outcome)]
    suites = [*kept.suites, *_read(results / "suites", Result)]
    return Kept(
        outcomes=list({run_of(outcome): outcome for outcome in outcomes}.values()),
        suites=list({suite_run_of(result): result for result in suites}.values()),
    )


def load(file: Path = FILE) -> Kept:
    """What is kept; nothing where there is no such file.

    Raises:
        ValueError: the file is damaged; ``git checkout`` brings it back.
    """
    if not file.exists():
        return Kept()
    try:
        return msgspec.json.decode(gzip.decompress(file.read_bytes()), type=Kept)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"{file} is damaged ({error}); bring it back with git checkout") from error


def save(kept: Kept, file: Path = FILE) -> None:
    """Keep these. The same outcomes make the same file."""
    kept = Kept(
        outcomes=sorted(kept.outcomes, key=run_of),
        suites=sorted(kept.suites, key=suite_run_of),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(msgspec.json.encode(kept), mtime=0))


def run_of(outcome: Outcome) -> tuple[str, str, str, str, int, int, bool]:
    """What tells a run from others, and their order on the page."""
    o = outcome
    return o.family, o.case, o.side, o.tool, o.seed, o.workers, o.loaded


def suite_run_of(result: Result) -> tuple[str, int, int, bool]:
    """What tells a run of a suite from others, and their order; its own order comes first."""
    order = -1 if result.seed is None else result.seed
    return result.name, result.workers, order, result.loaded


def _read(folder: Path, kind: type[T]) -> list[T]:
    return [
        msgspec.json.decode(path.read_bytes(), type=kind) for path in sorted(folder.glob("*.json"))
    ]
