"""The main job: measure the retrieval project in its three states and compare them.

    python benchmarks/measure_subject.py            a selection of the tests, at full depth
    python benchmarks/measure_subject.py --all      all 2,111 tests, by sweep and confirmation
    python benchmarks/measure_subject.py --demo     the selection; the pages kept in reports/demo/

Writes runs to .leakcheck/ and tables and pages to reports/.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from pytest_leakcheck import cli

ROOT = Path(__file__).resolve().parents[1]
SUBJECT = ROOT / "benchmarks" / "rag_project"
STATES = ("before", "guide", "after")

UNIT = "tests/rag/unit"
INNOCENTS = f"{UNIT}/test_innocents.py"

#: Every kind of leak in the project, and its innocents: two dozen tests.
SELECTION = (
    *(f"tests/rag/test_store_fixture.py::test_a_chunk_finds_itself[{n}]" for n in (0, 57, 199)),
    *(
        f"tests/rag/test_module_store.py::TestQuestions::test_best_hit[{question}]"
        for question in (
            "When should I prune a tomato seedling?-gardening.md",
            "Which compass for the regatta?-sailing.md",
            "How long is proofing for sourdough?-baking.md",
        )
    ),
    *(
        f"tests/rag/test_scratch_collection.py::test_pages_of_every_format_are_found[{name}]"
        for name in ("a.csv", "a.md")
    ),
    *(f"{UNIT}/test_audit.py::test_audit_gets_long_answers[{n}]" for n in (50, 100)),
    *(f"{UNIT}/test_audit.py::test_the_embedder_gets_every_chunk[{n}]" for n in (50, 100)),
    f"{UNIT}/test_started_patches.py::IngestTest",
    *(f"{UNIT}/test_llm_down.py::test_asking_again_fails_again[{n}]" for n in (1, 2)),
    f"{INNOCENTS}::test_the_suffix_cache_is_bounded[0]",
    f"{INNOCENTS}::test_the_feature_cache_is_bounded[0]",
    f"{INNOCENTS}::test_modules_are_imported_once[json.tool]",
    f"{INNOCENTS}::test_compiled_patterns_are_cached[kite]",
    f"{INNOCENTS}::test_a_mocks_payload_goes_with_it[50]",
    f"{INNOCENTS}::test_autospecs_refuse_unknown_names[VectorStore]",
)


def measure(state: str, runs: Path, words: list[str]) -> int:
    """Run the project's tests in one state under ``--leakcheck``; pytest's exit status."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *(
            "--leakcheck",
            f"--leakcheck-label={state}",
            f"--leakcheck-dir={os.path.relpath(runs, SUBJECT)}",
        ),
        "--leakcheck-env=RAG_STATE",
        *words,
    ]
    environment = {**os.environ, "RAG_STATE": state}
    return subprocess.run(command, cwd=SUBJECT, env=environment, check=False).returncode


def main() -> int:
    """Measure, compare, report. Fails when a suite failed or a table could not be made."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="all 2,111 tests")
    parser.add_argument("--demo", action="store_true", help="the selection, for reports/demo/")
    parser.add_argument("--state", action="append", choices=STATES, help="only this state")
    parser.add_argument("--workers", metavar="N", help="run under pytest-xdist with N workers")
    options = parser.parse_args()
    states = options.state or STATES
    runs = ROOT / ".leakcheck"
    out = ROOT / "reports" / ("demo" if options.demo else "")
    if options.all:
        words = ["--leakcheck-confirm-budget=1800"]
    else:
        words = ["--leakcheck-depth=full", *SELECTION]
    if options.workers:
        words += ["-n", options.workers]
    worst = 0
    for state in states:
        start = time.monotonic()
        print(f"== {state}", flush=True)
        worst = max(worst, measure(state, runs, words))
        print(f"== {state}: {time.monotonic() - start:.0f} s", flush=True)
    commands = [
        ["report", state, "--root", str(runs), "--out", str(out / f"{state}.html")]
        for state in states
    ]
    if len(states) > 1:
        commands.insert(0, ["compare", *states, "--root", str(runs), "--out", str(out)])
    for command in commands:
        worst = max(worst, cli.main(command))
    return worst


if __name__ == "__main__":
    sys.exit(main())
