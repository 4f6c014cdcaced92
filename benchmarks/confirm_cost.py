"""What it takes to repeat and explain the candidates of a run, in one process, and in two where the
suite runs in one or in two.

    python benchmarks/confirm_cost.py               2,000 tests with 20 causes
    python benchmarks/confirm_cost.py --subject     the retrieval project too, as its owner had it
    python benchmarks/confirm_cost.py --quick       4 causes only

The time is that of the whole run, less that of a run without confirmation. What is found is told
beside it: a quick answer that misses a cause would be none.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from overhead import OURS, SUBJECT, WHOLE, Suite, Way, run_way, write_suite
from timing import Part, Row, keep, machine, row_of, tell, verdicts_of

_BUDGET = "--leakcheck-confirm-budget=3600"
_WAYS = {
    "one process": (),
    "one process, repeating in two": ("--leakcheck-confirm-workers=2",),
    "two processes, -n 2": ("-p", "xdist.plugin", "-n2"),
}

#: One cause each; what leaks is of a class of its own, so that no two are taken for one.
_CAUSES = (
    "KEPT{n}.append(Thing{n}())",
    "Thing{n}.registry[len(Thing{n}.registry)] = Thing{n}()",
    "Thing{n}().cached()",
    "logging.getLogger('shop.{n}').addHandler(Handler{n}())",
    "KEPT{n}.append(lambda thing=Thing{n}(): thing)",
    "KEPT{n}.append(os.pipe()); Thing{n}()",
    "threading.Thread(target=END.wait, args=(), daemon=True).start()",
    "KEPT{n}.append(ctypes.pythonapi.PyMem_RawMalloc(ctypes.c_size_t(20_000)))",
    "KEPT{n}.append(bytes(bytearray(9_000)))",
    "MOCK{n}(Thing{n}())",
)
_HEAD = """
import ctypes, functools, logging, os, threading
from unittest import mock
import pytest
END = threading.Event()
"""
_EACH = """
KEPT{n} = []
MOCK{n} = mock.Mock()
class Thing{n}:
    registry = {{}}
    def __init__(self): self.payload = bytearray(3_000)
    @functools.lru_cache(None)
    def cached(self): return 1
class Handler{n}(logging.Handler): pass
def test_leaks_{n}():
    {cause}
"""
_REST = "@pytest.mark.parametrize('n', range({tests}))\ndef test_keeps_nothing(n): [[]]\n"


def causes(base: Path, number: int, tests: int) -> Suite:
    """A suite with so many causes, each shown by one test, among tests that keep nothing."""
    each = (_EACH.format(n=n, cause=_CAUSES[n % len(_CAUSES)].format(n=n)) for n in range(number))
    text = _HEAD + "".join(each) + _REST.format(tests=tests - number)
    return Suite(f"{tests:,} tests with {number} causes", write_suite(base / "causes", text))


def retrieval() -> Suite:
    """The retrieval project with all its leaks."""
    words = ("-p", "anyio.pytest_plugin")
    return Suite("the retrieval project, 2,111 tests", SUBJECT, words, {"RAG_STATE": "before"})


def measure_suite(suite: Suite) -> list[Row]:
    """The sweep, and what confirming adds to it, in one process and in two."""
    rows = []
    for name, extra in _WAYS.items():
        sweep = run_way(suite, Way("", (*OURS.words, *extra)), objects=0)
        whole = run_way(suite, Way("", (*WHOLE.words, _BUDGET, *extra)), objects=0)
        added = whole.wall_s - sweep.wall_s
        rows += [
            row_of(suite.name, f"sweep, {name}", [sweep.wall_s], "s"),
            row_of(suite.name, f"confirming, {name}", [added], "s more", note=verdicts_of(whole)),
        ]
    return rows


def main(words: list[str] | None = None) -> Part:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="4 causes only")
    parser.add_argument("--subject", action="store_true", help="the retrieval project too")
    options = parser.parse_args(words)
    line = machine()
    part = Part("confirm")
    with tempfile.TemporaryDirectory() as name:
        number, tests = (4, 200) if options.quick else (20, 2_000)
        suites = [causes(Path(name), number, tests)]
        if options.subject:
            suites.append(retrieval())
        for suite in suites:
            rows = measure_suite(suite)
            tell(rows)
            part.rows += rows
    keep(part, line, words)
    return part


if __name__ == "__main__":
    main()
