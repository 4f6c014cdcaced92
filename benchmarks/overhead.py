"""What the sweep costs, and what rival ways cost on the same tests in the same run.

    python benchmarks/overhead.py                    all suites, bare heap and a million objects
    python benchmarks/overhead.py --quick            trivial tests and one real suite, fewer rounds
    python benchmarks/overhead.py --subject          the retrieval project too (minutes)
    python benchmarks/overhead.py --heaps 0,1,5      millions of objects on the heap

Rounds are interleaved, so that other load on the machine meets all ways; a ratio is the median of
the rounds' own ratios to plain pytest, with its extremes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from timing import (
    Cost,
    Part,
    Row,
    exponent,
    keep,
    machine,
    pytest_command,
    row_of,
    run_child,
    tell,
    verdicts_of,
)

ROOT = Path(__file__).resolve().parents[1]
SUBJECT = ROOT / "benchmarks" / "rag_project"

SWEEP = (
    *("-p", "pytest_leakcheck.plugin", "--leakcheck", "--leakcheck-depth=sweep"),
    "--leakcheck-label=bench",
)


@dataclass(frozen=True)
class Way:
    """A way to watch tests."""

    name: str
    words: tuple[str, ...] = ()
    chosen: str = ""
    """For bench_plugin."""
    needs: str = ""
    """The module without which it cannot run."""
    tests: int = 250
    """So many trivial tests tell the cost of one."""


PLAIN = Way("plain pytest", tests=2500)
OURS = Way("leakcheck, sweep", SWEEP, tests=2500)
WHOLE = Way("leakcheck, candidates repeated", tuple(w for w in SWEEP if "depth" not in w))
RIVALS = (
    Way("gc.collect() per test", chosen="gc", tests=120),
    Way("tracemalloc snapshot per test", chosen="tracemalloc", tests=14),
    Way("objgraph.growth per test", chosen="objgraph", needs="objgraph", tests=34),
    Way(
        "pytest --memray",
        ("-p", "pytest_memray.plugin", "--memray"),
        needs="pytest_memray",
        tests=40,
    ),
    Way(
        "pytest-memray, limit_leaks on all",
        ("-p", "pytest_memray.plugin"),
        "limit_leaks",
        "pytest_memray",
        tests=40,
    ),
    Way(
        "pytest-monitor",
        ("-p", "pytest_monitor.pytest_monitor"),
        needs="pytest_monitor",
        tests=40,
    ),
)


@dataclass
class Suite:
    """Something to run pytest on."""

    name: str
    folder: Path
    words: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    beside_rivals: bool = False
    """Measured with every other way, too, on the first of the heaps."""


def write_suite(folder: Path, text: str) -> Path:
    """A folder with one test file."""
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_suite.py").write_text(text)
    return folder


def trivial(base: Path, tests: int) -> Suite:
    """Tests that do nothing."""
    text = (
        f"import pytest\n@pytest.mark.parametrize('n', range({tests}))\ndef test_nothing(n): pass\n"
    )
    return Suite(f"{tests:,} tests that do nothing", write_suite(base / f"trivial{tests}", text))


def allocating(base: Path, tests: int = 200) -> Suite:
    """Tests that make and drop 20,000 containers each, a thousandth of them in cycles."""
    text = (
        f"import pytest\n@pytest.mark.parametrize('n', range({tests}))\n"
        "def test_allocates(n):\n"
        "    made = [[i, {'key': [i]}] for i in range(10_000)]\n"
        "    for one in made[::1000]:\n        one.append(one)\n"
    )
    folder = write_suite(base / "allocating", text)
    return Suite(f"{tests:,} tests that allocate", folder, beside_rivals=True)


def leaving(base: Path, objects: int, tests: int = 200) -> Suite:
    """Tests that leave so many objects each."""
    text = (
        f"import pytest\nleft = []\n@pytest.mark.parametrize('n', range({tests}))\n"
        f"def test_leaves(n):\n    left.append([[] for _ in range({objects} - 1)])\n"
    )
    folder = write_suite(base / f"leaving{objects}", text)
    return Suite(f"a test that leaves {objects:,} objects, bare heap", folder)


def real_suites(base: Path, *, quick: bool) -> list[Suite]:
    """Suites of released packages: networkx and pandas from their wheels, click from its sdist."""
    empty = base / "real"
    empty.mkdir()
    (empty / "pytest.ini").write_text("[pytest]\n")
    found = []
    if find_spec("networkx"):
        parts = ("networkx.classes", "networkx.utils", "networkx.readwrite")
        # One test asks for warnings, which are off here.
        words = ("--pyargs", *parts, "-k", "not ignored_attribute")
        found.append(Suite("networkx, 3 packages", empty, words))
    if quick:
        return found
    if find_spec("pandas") and find_spec("hypothesis"):
        parts = ("pandas.tests.indexes.ranges", "pandas.tests.reshape.concat")
        found.append(Suite("pandas, 2 packages", empty, ("--pyargs", *parts)))
    click = _click(base)
    if click is not None:
        found.append(Suite("click", click, ("tests",)))
    return found


def _click(base: Path) -> Path | None:
    """click's sources, of the version that is installed."""
    if not find_spec("click") or not find_spec("pip"):
        return None
    target = base / "sdist"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"),
            *("-d", str(target), "click"),
        ],
        capture_output=True,
        check=False,
    )
    archives = list(target.glob("click-*.tar.gz"))
    if done.returncode or not archives:
        return None
    with tarfile.open(archives[0]) as archive:
        archive.extractall(target, filter="data")
    return next(path for path in target.iterdir() if path.is_dir())


#: A suite that plain pytest runs in less is run so many times as often: one interruption of a
#: machine that does other work is a tenth of such a round.
_SHORT_S, _MORE_ROUNDS = 6.0, 3

#: How pytest ends where the run took place: tests may fail, in all ways.
_TOOK_PLACE = (0, 1)


def run_way(suite: Suite, way: Way, objects: int) -> Cost:
    """One run of a suite in one way."""
    extra = {**suite.environment, "BENCH_OBJECTS": str(objects), "BENCH_WAY": way.chosen}
    cost = run_child(pytest_command(*way.words, *suite.words), suite.folder, extra)
    shutil.rmtree(suite.folder / ".leakcheck", ignore_errors=True)
    return cost


def compare_suite(
    suite: Suite, objects: int, rounds: int, others: tuple[Way, ...] = ()
) -> list[Row]:
    """Plain pytest against the sweep on one suite, in more rounds where these are short; against
    others in the first round only, which take minutes, rivals up to an hour where a suite's modules
    fill the heap."""
    subject = f"{suite.name}, {millions(objects)}"
    cpu: dict[str, list[float]] = defaultdict(list)
    wall: dict[str, list[float]] = defaultdict(list)
    refused: dict[str, str] = {}
    last: dict[str, str] = {}
    verdicts = ""
    others = tuple(way for way in others if not way.needs or find_spec(way.needs))
    for number in range(_MORE_ROUNDS * rounds):
        if number >= rounds and next(iter(wall[PLAIN.name]), _SHORT_S) >= _SHORT_S:
            break
        for way in (PLAIN, OURS, *(() if number else others)):
            cost = run_way(suite, way, objects)
            if cost.status in _TOOK_PLACE:
                cpu[way.name].append(cost.cpu_s)
                wall[way.name].append(cost.wall_s)
                last[way.name] = _outcome(cost)
                verdicts = verdicts_of(cost) if way is WHOLE else verdicts
            else:
                refused[way.name] = _outcome(cost)
    plain = cpu[PLAIN.name]
    rows = [row_of(subject, PLAIN.name, plain, "CPU s")]
    for way in (OURS, *others):
        name = way.name
        if name in refused or PLAIN.name in refused:
            told = f"does not run: {refused.get(name) or refused[PLAIN.name]}"
            rows.append(Row(subject, name, None, "CPU s", note=told))
            continue
        same = last[PLAIN.name] == last[name]
        note = last[name] if same else f"differs: {last[PLAIN.name]} / {last[name]}"
        note += f"; {verdicts}" if way is WHOLE else ""
        rows.append(row_of(subject, name, cpu[name], "CPU s", plain[: len(cpu[name])], note))
    if wall[PLAIN.name] and len(wall[OURS.name]) == len(wall[PLAIN.name]):
        rows.append(row_of(subject, PLAIN.name, wall[PLAIN.name], "wall s"))
        for name in (OURS.name, WHOLE.name):
            plain = wall[PLAIN.name][: len(wall[name])]
            if plain:
                rows.append(row_of(subject, name, wall[name], "wall s", plain))
    return rows


def _outcome(cost: Cost) -> str:
    """pytest's own count of outcomes, without the time."""
    lines = [line for line in cost.out.splitlines() if " in " in line and "s" in line]
    return lines[-1].strip("= ").partition(" in ")[0] if lines else f"status {cost.status}"


def millions(objects: int) -> str:
    """The heap, in words."""
    return f"heap of {objects / 1e6:g} M more objects" if objects else "bare heap"


def cost_of_trivial(base: Path, way: Way, objects: int) -> tuple[float, str]:
    """Of one trivial test: see :func:`cost_per_test`."""
    folder = base / f"trivial{way.tests}"
    suite = Suite("", folder) if folder.exists() else trivial(base, way.tests)
    return cost_per_test(suite, way, objects)


def cost_per_test(suite: Suite, way: Way, objects: int) -> tuple[float, str]:
    """Milliseconds of CPU of one test: from a tenth of the tests to the end of the last.
    And how the run ended, where it ended with more than tests that passed.

    Raises:
        RuntimeError: pytest does not run in this way.
    """
    cost = run_way(suite, way, objects)
    told = re.search(r"^one test: ([\d.]+) ms", cost.out, re.MULTILINE)
    if cost.status not in _TOOK_PLACE or told is None:
        raise RuntimeError(cost.out.strip().splitlines()[-1][:120])
    return float(told[1]), _outcome(cost) if cost.status else ""


def compare_rivals(base: Path, objects: int, rounds: int) -> list[Row]:
    """What each way adds to one trivial test."""
    subject = f"one trivial test, {millions(objects)}"
    pairs = [
        [cost_of_trivial(base, way, objects)[0] for way in (PLAIN, OURS)] for _ in range(rounds)
    ]
    plain = [pair[0] for pair in pairs]
    ours = [pair[1] - pair[0] for pair in pairs]
    rows = [
        row_of(subject, PLAIN.name, plain, "ms a test"),
        row_of(subject, OURS.name, ours, "ms added"),
    ]
    for way in RIVALS:
        if way.needs and not find_spec(way.needs):
            rows.append(Row(subject, way.name, None, "ms added", note="not installed"))
            continue
        try:
            cost, ended = cost_of_trivial(base, way, objects)
        except RuntimeError as error:
            rows.append(Row(subject, way.name, None, "ms added", note=f"does not run: {error}"))
            continue
        added = cost - statistics.median(plain)
        note = f"{added / statistics.median(ours):,.0f} times ours"
        note += f"; ends with {ended}" if ended else ""
        rows.append(row_of(subject, way.name, [added], "ms added", note=note))
    return rows


def compare_survivors(base: Path, rounds: int) -> list[Row]:
    """What the sweep adds to a test, by how many objects the test leaves; and the growth law."""
    rows = []
    sizes = (10, 100, 1_000, 10_000)
    for left in sizes:
        suite = leaving(base, left)
        both = [[cost_per_test(suite, w, 0)[0] for w in (PLAIN, OURS)] for _ in range(rounds)]
        added = [ours - plain for plain, ours in both]
        rows.append(row_of(suite.name, OURS.name, added, "ms more"))
    law = exponent(sizes, [row.value or 0.0 for row in rows])
    subject = "growth law, what a test leaves: cost ~ objects ** b"
    return [*rows, Row(subject, OURS.name, law, "b")]


#: Objects of a process that has imported pytest, about.
_BARE = 50_000


def growth_laws(rows: list[Row], heaps: list[int]) -> list[Row]:
    """How what each way adds to a trivial test grows with the heap."""
    added: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.unit == "ms added" and row.value is not None:
            added[row.way].append(row.value)
    sizes = [_BARE + objects for objects in heaps]
    laws = {w: exponent(sizes, values) for w, values in added.items() if len(values) == len(sizes)}
    subject = "growth law, one trivial test: cost ~ heap ** b"
    return [Row(subject, way, law, "b") for way, law in laws.items() if law is not None]


def measure(*, quick: bool, rounds: int, heaps: list[int], subject: bool) -> Part:
    """All rows."""
    part = Part("overhead")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        suites = [trivial(base, 2000), *([] if quick else [allocating(base)])]
        suites += real_suites(base, quick=quick)
        if subject:
            state, words = {"RAG_STATE": "after"}, ("-p", "anyio.pytest_plugin")
            suites.append(Suite("the retrieval project, 2,111 tests", SUBJECT, words, state))
        for objects in heaps:
            # A round takes a second or two.
            rows = compare_rivals(base, objects, _MORE_ROUNDS * rounds)
            tell(rows)
            part.rows += rows
            for suite in suites:
                others = (WHOLE, *(RIVALS if suite.beside_rivals else ()))
                beside = others if objects == heaps[0] else ()
                rows = compare_suite(suite, objects, rounds, beside)
                tell(rows)
                part.rows += rows
        laws = growth_laws(part.rows, heaps)
        if not quick:
            laws += compare_survivors(base, rounds)
    tell(laws)
    part.rows += laws
    return part


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    parser.add_argument("--subject", action="store_true", help="the retrieval project too")
    parser.add_argument("--rounds", type=int, help="rounds (default 3, quick 2)")
    parser.add_argument("--heaps", default="0,1", help="millions of objects, with commas between")


def main(words: list[str] | None = None) -> Part:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer suites and rounds")
    add_options(parser)
    options = parser.parse_args(words)
    line = machine()
    heaps = [int(float(word) * 1_000_000) for word in options.heaps.split(",")]
    rounds = options.rounds or (2 if options.quick else 3)
    part = measure(quick=options.quick, rounds=rounds, heaps=heaps, subject=options.subject)
    keep(part, line, words)
    return part


if __name__ == "__main__":
    main()
