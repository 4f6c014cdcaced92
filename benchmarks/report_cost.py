"""Time and size of reports and comparisons of runs of many tests.

python benchmarks/report_cost.py              1,000, 10,000 and 100,000 tests
python benchmarks/report_cost.py --quick      1,000 and 10,000
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from timing import Part, Row, exponent, keep, machine, row_of, run_child, tell

from pytest_leakcheck.model.journal_lines import EndRecord, StartRecord, TestRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth, Reading
from pytest_leakcheck.store.folder import write_info
from pytest_leakcheck.store.journal import Journal
from pytest_leakcheck.sweep.environment import describe_run


def write_run(folder: Path, tests: int, seed: int) -> None:
    """A run of so many tests; one in fifty leaves something."""
    chance = random.Random(seed)
    info = describe_run(
        label=folder.name,
        argv=[],
        root=folder,
        settings=Settings(),
        probes={},
        workers=0,
        environment={},
    )
    write_info(folder, info)
    journal = Journal(folder, "main")
    for index in range(tests):
        nodeid = f"tests/test_part{index // 200}.py::TestThing::test_case[{index}]"
        left = chance.randrange(5) if index % 50 == 0 else 0
        journal.append(StartRecord(nodeid=nodeid, at_s=index * 0.01, rss_bytes=10**8))
        journal.append(
            TestRecord(
                nodeid=nodeid,
                index=index,
                outcome="passed",
                duration_s=chance.random() / 10,
                reading=Reading(at_s=index * 0.01, rss_bytes=10**8, heap_bytes=5 * 10**7),
                growth=Growth(
                    rss_bytes=4096 * chance.randrange(3),
                    heap_bytes=1200 + 20_000 * left,
                    blocks=30 + left,
                    survivors=left,
                    fds=0,
                    threads=0,
                    children=0,
                ),
                types={"shop.Session": left} if left else {},
            )
        )
    journal.append(EndRecord(tests_run=tests, at_s=tests * 0.01))
    journal.close()


def leakcheck(folder: Path, *words: str) -> float:
    """CPU seconds of a command."""
    cost = run_child([sys.executable, "-m", "pytest_leakcheck.cli", *words], folder)
    if cost.status not in (0, 1):
        raise RuntimeError(cost.out[-400:])
    return cost.cpu_s


#: Milliseconds from the navigation's start to the first paint and to the table's rows, and from a
#: click on a column's head to the frame that shows the table sorted by it.
_IN_THE_PAGE = """(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame(); await frame();
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const [ready] = performance.getEntriesByName("ready");
    const start = performance.now();
    document.querySelectorAll(".vt-head button")[0].click();
    await frame(); await frame();
    return [paint?.startTime ?? null, ready.startTime, performance.now() - start];
})()"""
_SEEN = ("first paint", "table there", "table sorted by a click")


def paint_rows(pages: dict[str, Path], rounds: int = 5) -> list[Row]:
    """How soon a page can be read in headless Chromium."""
    # The tests' own Chromium, which needs nothing installed beside it.
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "unit" / "report"))
    from browser import CHROMIUM, Browser

    if CHROMIUM is None:
        return [Row(name, "in Chromium", None, "ms", note="no Chromium here") for name in pages]
    rows = []
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        try:
            for name, page in pages.items():
                seen = [browser.visit(page.as_uri(), _IN_THE_PAGE).result for _ in range(rounds)]
                for at, what in enumerate(_SEEN):
                    known = [times[at] for times in seen if times[at] is not None]
                    if known:
                        rows.append(row_of(name, f"{what}, in Chromium", known, "ms"))
        finally:
            browser.close()
    return rows


def measure(sizes: list[int]) -> Part:
    """All rows."""
    part = Part("report")
    built, compared = [], []
    pages: dict[str, Path] = {}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        write_run(base / "first" / "run", 10, 0)
        where = ("--root", str(base / "first"), "--out", str(base / "first.html"))
        leakcheck(base, "report", "run", *where)  # the first one writes the bytecode
        for tests in sizes:
            root = base / str(tests)
            for seed, label in enumerate(("before", "after")):
                write_run(root / label, tests, seed)
            subject = f"{tests:,} tests"
            page, table = base / f"{tests}.html", base / f"{tests}-compare.html"
            where = ("--root", str(root), "--out")
            built.append(leakcheck(base, "report", "before", *where, str(page)))
            part.rows.append(row_of(subject, "report", built[-1:], "CPU s"))
            pages[subject] = page
            size = page.stat().st_size / 1e6
            part.rows.append(row_of(subject, "report", [size], "MB of HTML"))
            compared.append(leakcheck(base, "compare", "before", "after", *where, str(table)))
            part.rows.append(row_of(subject, "compare", compared[-1:], "CPU s"))
        part.rows += paint_rows(pages)
    for way, costs in (("report", built), ("compare", compared)):
        law = exponent(sizes, costs)
        part.rows.append(Row("growth law, cost ~ tests ** b", way, law, "b"))
    return part


def main(words: list[str] | None = None) -> Part:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="without 100,000")
    options = parser.parse_args(words)
    line = machine()
    sizes = [1_000, 10_000] if options.quick else [1_000, 10_000, 100_000]
    part = measure(sizes)
    keep(part, line, words)
    tell(part.rows)
    return part


if __name__ == "__main__":
    main()
