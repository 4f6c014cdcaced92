"""The whole way on real chromadb: a leak, a fix that releases nothing, and one that does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pytest_leakcheck.cli import main
from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.store.reader import load_run

pytest.importorskip("chromadb")
pytestmark = pytest.mark.chroma

REGISTRY = "chromadb.api.shared_system_client.SharedSystemClient._identifier_to_system[*]"
SUITE = """
    import gc
    import os

    import chromadb
    import pytest

    STATE = os.environ["STATE"]

    class Store:
        def __init__(self, path):
            self.client = chromadb.PersistentClient(str(path))
            self.docs = self.client.get_or_create_collection("docs", embedding_function=None)

        def close(self):
            if STATE == "after":
                self.client.close()
            self.client = self.docs = None
            gc.collect()

    @pytest.fixture
    def store(tmp_path):
        store = Store(tmp_path)
        yield store
        if STATE != "before":
            store.close()

    @pytest.mark.parametrize("count", [40, 41, 42, 43])
    def test_counts(store, count):
        store.docs.add(
            ids=[str(n) for n in range(count)],
            embeddings=[[float(n), 1.0, 0.5] for n in range(count)],
        )
        assert store.docs.count() == count

    def test_nothing_wrong():
        assert sorted([2, 1]) == [1, 2]
"""


@pytest.fixture(name="runs", scope="module")
def _runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite measured in its three states, once for the module."""
    folder = tmp_path_factory.mktemp("chroma")
    (folder / "test_store.py").write_text(textwrap.dedent(SUITE))
    (folder / "pytest.ini").write_text("[pytest]\n")
    for state in ("before", "guide", "after"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--leakcheck", f"--leakcheck-label={state}"],
            cwd=folder,
            env={**os.environ, "STATE": state, "ANONYMIZED_TELEMETRY": "False"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / ".leakcheck"


def judged(runs: Path, state: str) -> JudgedRun:
    """A state's verdicts."""
    return judge_run(load_run(runs / state))


@pytest.mark.parametrize("state", ["before", "guide"])
def test_the_registry_is_named_with_what_it_costs(runs: Path, state: str) -> None:
    """Without a fix and with the one that sets the client to None, the same cause is told."""
    run = judged(runs, state)
    leaking = {test.nodeid for test in run.tests if test.verdict == "leak"}
    assert leaking == {f"test_store.py::test_counts[{count}]" for count in (40, 41, 42, 43)}
    first = run.causes[0]
    assert first.cause.holder == REGISTRY
    assert first.cause.head == "chromadb.config.System"
    assert first.cause.known == "chroma-system-registry"
    assert len(first.witnesses) == 4
    assert first.slopes["heap_bytes"].per_run > 1_000_000
    assert first.slopes["fds"].per_run >= 5
    assert first.slopes["threads"].per_run >= 3


#: What chromadb 1.5 itself keeps of each client that was closed, in its compiled code: 128 bytes
#: (findings/chromadb-closed-client.sh).
CHROMAS_OWN = 200


def test_the_fix_that_closes_leaves_nothing_of_the_clients(runs: Path) -> None:
    """With client.close() no test leaves an object, descriptor or thread; what chromadb's compiled
    code keeps may be told, and is not Python's."""
    run = judged(runs, "after")
    for test in run.tests:
        if test.verdict in ("leak", "unconfirmed"):
            grown = {name for name, slope in test.slopes.items() if (slope.low or 0) > 0}
            assert not grown & {"survivors", "fds", "threads", "children"}, test
            assert test.slopes["heap_bytes"].per_run < CHROMAS_OWN, test
    assert {summary.cause.kind for summary in run.causes} <= {"native"}


def test_the_cause_is_the_same_in_both_states(runs: Path) -> None:
    """The fingerprint does not depend on the run."""
    prints = [judged(runs, state).causes[0].cause.fingerprint for state in ("before", "guide")]
    assert prints[0] == prints[1]


def test_compare_says_what_each_fix_did(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of the three states: the guide's fix changed nothing, the other one fixed it."""
    words = ["compare", "before", "guide", "after", "--root", str(runs), "--out", str(tmp_path)]
    assert main(words) == 0
    told = " ".join(capsys.readouterr().out.split())
    # What chromadb's compiled code keeps of a closed client may be told beside it.
    assert re.search(r"1 cause unchanged[^;]* between before and guide", told), told
    assert re.search(r"1 (cause )?fixed between before and after", told), told
    text = (tmp_path / "compare.md").read_text()
    assert REGISTRY.replace("_", "\\_") in text or REGISTRY in text
    assert "fixed" in text
    page = (tmp_path / "compare.html").read_text()
    assert "Content-Security-Policy" in page


def test_the_journal_is_plain_json(runs: Path) -> None:
    """Every line of every journal is one JSON object with its kind."""
    for path in (runs / "before").glob("journal-*.jsonl"):
        for line in path.read_text().splitlines():
            assert json.loads(line)["kind"]
