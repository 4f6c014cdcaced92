"""Where the sweep's own time goes: samples of py-spy, by function, over trivial tests.

python benchmarks/sweep_profile.py              4,000 trivial tests on a heap of a million objects
python benchmarks/sweep_profile.py --quick      1,000 on a bare heap

A profiler inside the process would not do: what it makes for each call is among the survivors that
the sweep looks at, and sends it the long way round.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from overhead import SWEEP, millions, trivial
from timing import Part, Row, keep, machine, pytest_command, row_of, run_child, tell

_LOOP, _OURS = "pytest_runtestloop", "pytest_leakcheck"
#: The hook calls of one test, in which the sweep does all its work.
_WORK = re.compile(r"^Sweep\._(begin|end) ")
_LINE = re.compile(r":\d+\)$")
_PER_SECOND = 500
_LEAST_SHARE = 0.02


def sampled(tests: int, objects: int) -> list[tuple[list[str], int]]:
    """Stacks inside the test loop, outermost first and without lines, with their samples.

    Raises:
        RuntimeError: py-spy is not installed, or may not look into a process here.
    """
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        raise RuntimeError("py-spy is not installed")
    with tempfile.TemporaryDirectory() as name:
        suite = trivial(Path(name), tests)
        out = Path(name) / "stacks.txt"
        command = [spy, "record", "--rate", str(_PER_SECOND), "--format", "raw", "--output"]
        command += [str(out), "--", *pytest_command(*SWEEP)]
        cost = run_child(command, suite.folder, {"BENCH_OBJECTS": str(objects)})
        if not out.exists():
            raise RuntimeError(cost.out.strip()[-200:])
        return list(_read(out.read_text().splitlines()))


def _read(lines: Iterable[str]) -> Iterable[tuple[list[str], int]]:
    for line in lines:
        text, _, samples = line.rpartition(" ")
        frames = [_LINE.sub(")", frame) for frame in text.split(";")]
        if any(frame.startswith(_LOOP) for frame in frames):
            yield frames, int(samples)


def shares(stacks: Iterable[tuple[list[str], int]]) -> tuple[float, dict[str, float]]:
    """The sweep's share of the loop's samples; of these, function → share, callees included."""
    whole = work = 0
    inside: Counter[str] = Counter()
    for frames, samples in stacks:
        whole += samples
        at = next((n for n, frame in enumerate(frames) if _WORK.match(frame)), None)
        if at is None:
            continue
        work += samples
        for frame in set(frames[at:]):
            if _OURS in frame:
                inside[frame.partition(" (")[0]] += samples
    own = {name: samples / work for name, samples in inside.most_common()}
    return (work / whole if whole else 0.0), own


def rows_of(stacks: Iterable[tuple[list[str], int]], subject: str) -> list[Row]:
    """Shares in percent."""
    of_loop, own = shares(stacks)
    rows = [row_of(subject, "the sweep's own, of the test loop", [100 * of_loop], "%")]
    return rows + [
        row_of(subject, f"{name}, of the sweep's own", [100 * share], "%")
        for name, share in own.items()
        if share >= _LEAST_SHARE
    ]


def main(words: list[str] | None = None) -> Part:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="1,000 tests on a bare heap")
    options = parser.parse_args(words)
    tests, objects = (1_000, 0) if options.quick else (4_000, 1_000_000)
    subject = f"{tests:,} trivial tests, {millions(objects)}"
    line = machine()
    part = Part("profile")
    try:
        part.rows = rows_of(sampled(tests, objects), subject)
    except RuntimeError as error:
        part.rows = [Row(subject, "samples of py-spy", None, "%", note=str(error))]
    keep(part, line, words)
    tell(part.rows)
    return part


if __name__ == "__main__":
    main()
