"""Run LeakBench.

python -m leakbench                      every case, every tool; writes docs/accuracy.md
python -m leakbench --quick              planted and innocent cases by our tool alone
python -m leakbench --only NAME …        these cases
python -m leakbench --report             write docs/accuracy.md from the results that there are
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from .cases import FAMILIES, QUICK, SIDES, Case, SideName, load_cases
from .environments import KEPT, Environments, UnmadeEnvironmentError, measured_revision
from .instances import CASE_FILE
from .load import load
from .report import Row, faults, write_accuracy
from .score import confusion, score
from .tools import OURS, TOOLS, Answer, Job, Outcome, Tool, run_tool

NEIGHBOURS = Path(__file__).with_name("test_neighbours.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Run, score, report. Fails where our tool accuses wrongly or misses."""
    options = _parser().parse_args(argv)
    if options.report:
        write_accuracy(options.store / "results")
        return 0
    cases = _chosen(options)
    if not cases:
        print("leakbench: no case of that name", file=sys.stderr)
        return 2
    tools = [TOOLS[name] for name in options.tool or ([OURS.name] if options.quick else TOOLS)]
    runs = [
        (case, side, tool, seed)
        for case in cases
        for side in SIDES
        if side in (options.side or SIDES) and case.side(side) is not None
        for tool in tools
        for seed in range(options.seed, options.seed + (options.seeds if tool is OURS else 1))
    ]
    bench = Bench(options)
    with load(wanted=options.load), ThreadPoolExecutor(options.jobs) as pool:
        outcomes = [
            done for done in pool.map(lambda run: bench.run(*run), runs) if _tell(bench, done)
        ]
    wrong = sum(bench.wrong(outcome) for outcome in outcomes if outcome.tool == OURS.name)
    print(f"\n{len(outcomes)} runs; {wrong} with an answer of ours that is wrong")
    if not options.quick and not options.only:
        write_accuracy(options.store / "results")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="leakbench", description="Leaks whose truth is known.")
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help="these cases")
    add("--family", action="append", choices=FAMILIES, help="cases of this family")
    add("--side", action="append", choices=SIDES, help="this side of the cases")
    add("--tool", action="append", choices=list(TOOLS), help="this tool (may be repeated)")
    add("--quick", action="store_true", help="a subset, by our tool alone")
    add("--seed", type=int, default=1, help="of the order of tests (%(default)s)")
    add("--seeds", type=int, default=1, help="so many orders, from --seed on (%(default)s)")
    add("--workers", type=int, default=0, help="pytest-xdist's workers (%(default)s: none)")
    add("--load", action="store_true", help="keep another core busy meanwhile")
    add("--jobs", type=int, default=1, help="so many runs at a time (%(default)s)")
    add("--again", action="store_true", help="run also what has a result already")
    add("--here", action="store_true", help="use this interpreter; make no environments")
    add("--store", type=Path, default=KEPT, metavar="DIR", help="where results are kept")
    add("--report", action="store_true", help="only write docs/accuracy.md")
    return parser


def _chosen(options: argparse.Namespace) -> list[Case]:
    cases = load_cases(tuple(options.family or FAMILIES))
    wanted = options.only or (QUICK if options.quick else None)
    return cases if wanted is None else [case for case in cases if case.name in wanted]


class Bench:
    """Runs cases and keeps their outcomes in files."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._workers: int = options.workers
        self._loaded: bool = options.load
        self._again: bool = options.again
        self._jobs: int = options.jobs
        self._revision = measured_revision()
        self._store: Path = options.store
        self._here: bool = options.here
        self._environments = None if options.here else Environments(self._store / "environments")
        self._cases = {(case.family, case.name): case for case in load_cases()}

    def run(self, case: Case, side: SideName, tool: Tool, seed: int) -> Outcome:
        """The outcome of one run: kept from before, or made now."""
        path = self._store / "results" / f"{self._key(case, side, tool, seed)}.json"
        if path.exists() and not self._again:
            return msgspec.json.decode(path.read_bytes(), type=Outcome)
        answers, seconds, failed = self._answers(case, side, tool, seed, path.stem)
        outcome = Outcome(
            case=case.name,
            family=case.family,
            side=side,
            tool=tool.name,
            seed=seed,
            workers=self._workers,
            loaded=self._loaded,
            jobs=self._jobs,
            revision=self._revision,
            seconds=round(seconds, 2),
            answers=answers,
            failed=failed,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
        return outcome

    def _key(self, case: Case, side: str, tool: Tool, seed: int) -> str:
        words = [case.family, case.name, side, tool.name.replace(" ", "-"), str(seed)]
        words += [f"n{self._workers}"] if self._workers else []
        words += ["loaded"] if self._loaded else []
        return "--".join(words)

    def _answers(
        self, case: Case, side_name: SideName, tool: Tool, seed: int, key: str
    ) -> tuple[list[Answer], float, str]:
        side = case.side(side_name)
        assert side is not None
        try:
            python = self._python_for(case.requirements(side_name))
        except UnmadeEnvironmentError as error:
            return [], 0.0, str(error)
        folder = self._store / "work" / key
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(case.folder / CASE_FILE, folder / CASE_FILE)
        shutil.copy(NEIGHBOURS, folder / NEIGHBOURS.name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        job = Job(
            folder=folder,
            python=python,
            files=[CASE_FILE, NEIGHBOURS.name],
            tests=[name for name in (*side.tests, *side.neutral) if not name.startswith("@")],
            sizes=side.sizes,
            instances=case.instances,
            args=case.args,
            env=case.env,
            seed=seed,
            workers=self._workers,
        )
        return run_tool(tool, job)

    def _python_for(self, requirements: tuple[str, ...]) -> Path:
        if self._environments is not None:
            return self._environments.python_for(requirements)
        if requirements:
            raise UnmadeEnvironmentError("with --here no environment is made for requirements")
        return Path(sys.executable)

    def case_of(self, outcome: Outcome) -> Case:
        """The case of an outcome."""
        return self._cases[outcome.family, outcome.case]

    def row(self, outcome: Outcome) -> Row:
        """An outcome with its case, scored."""
        case = self.case_of(outcome)
        return Row(case=case, outcome=outcome, scored=score(case, outcome))

    def wrong(self, outcome: Outcome) -> bool:
        """Whether our tool accused wrongly or missed."""
        return bool(faults(self.row(outcome)))


def _tell(bench: Bench, outcome: Outcome) -> bool:
    case = bench.case_of(outcome)
    counts = confusion(score(case, outcome))
    told = outcome.failed or (
        f"found {counts.found} of {counts.found + counts.missed}, {counts.false} false"
    )
    name = f"{outcome.family}/{outcome.case} {outcome.side} {outcome.tool} #{outcome.seed}"
    print(f"{name:72} {outcome.seconds:6.1f} s  {told}", flush=True)
    if outcome.tool == OURS.name:
        for line in faults(bench.row(outcome)):
            print(f"    {line}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
