"""The tools that are compared: how each is started, and how its answers are read."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from pytest_leakcheck.conclude.evidence import causes_of
from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.errors import LeakcheckError
from pytest_leakcheck.model.results import TestVerdict
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.store.reader import load_run

from .instances import INSTANCES, ORDER, SIZES, TESTS

HERE = Path(__file__).resolve().parent
LABEL = "run"


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a tool says of one test."""

    nodeid: str
    accused: bool
    verdict: str = ""
    """Ours: the verdict's name."""
    reason: str = ""
    score: float = 0.0
    """A rival's figure, in its own unit."""
    growth: dict[str, float] = {}
    """Ours: signal → growth per run."""
    fingerprints: list[str] = []
    named: list[str] = []
    """Ours: everything by which a cause is named (holder, head, frames)."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of one side of a case by one tool."""

    case: str
    family: str
    side: str
    tool: str
    seed: int = 0
    workers: int = 0
    loaded: bool = False
    jobs: int = 1
    """How many runs there were at a time on the machine."""
    revision: str = ""
    """The commit of this repository that the run was made on; with a ``+`` where files differed."""
    seconds: float = 0.0
    answers: list[Answer] = []
    failed: str = ""
    """Why there are no answers, in one sentence."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """How the tests of one side are run."""

    folder: Path
    python: Path
    files: list[str]
    tests: list[str]
    sizes: list[int] = []
    instances: int = 1
    args: list[str] = []
    env: dict[str, str] = {}
    seed: int = 0
    workers: int = 0
    timeout_s: float = 600.0


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A way to run a suite that yields answers."""

    name: str
    args: list[str]
    env: dict[str, str] = {}


OURS = Tool(name="leakcheck", args=["-p", "leakcheck", "--leakcheck", f"--leakcheck-label={LABEL}"])
RIVALS = (
    Tool(name="limit_leaks 1 KB", args=["-p", "memray", "-p", "rivals.memray_leaks"]),
    Tool(name="psleak", args=["-p", "rivals.psleak_execute"], env={"PYTHONMALLOC": "malloc"}),
    Tool(name="tracemalloc snapshot", args=["-p", "rivals.tracemalloc_snapshot"]),
    Tool(name="objgraph growth", args=["-p", "rivals.objgraph_growth"]),
    Tool(name="RSS delta", args=["-p", "rivals.rss_delta"]),
)

TOOLS = {tool.name: tool for tool in (OURS, *RIVALS)}


def run_tool(tool: Tool, job: Job) -> tuple[list[Answer], float, str]:
    """Run a suite under a tool.

    Returns:
        The answers, the seconds it took, and why there are none (empty where there are).
    """
    out = job.folder / "answers.jsonl"
    out.unlink(missing_ok=True)
    command = [
        *(str(job.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "instances"),
        *(("-p", "xdist", "-n", str(job.workers)) if job.workers else ()),
        *(*tool.args, *job.args, *job.files),
    ]
    start = time.monotonic()
    status, text = _finish(command, job, _environment(tool, job, out))
    seconds = time.monotonic() - start
    (job.folder / "output.txt").write_text(text, encoding="utf-8", errors="replace")
    if status is None:
        return [], seconds, f"it did not end within {job.timeout_s:g} s"
    try:
        answers = _ours(job.folder) if tool is OURS else _rivals(out)
    except (LeakcheckError, OSError, ValueError) as error:
        return [], seconds, f"no answers ({type(error).__name__}: {error}); pytest ended {status}"
    return answers, seconds, "" if answers else f"no test was judged; pytest ended {status}"


def _environment(tool: Tool, job: Job, out: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COV_", "LEAKBENCH_")) and name not in ("CI",)
    }
    return {
        **kept,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(HERE),
        "LEAKBENCH_OUT": str(out),
        TESTS: "\n".join(job.tests),
        INSTANCES: str(job.instances),
        SIZES: " ".join(map(str, job.sizes)),
        ORDER: str(job.seed or ""),
        **job.env,
        **tool.env,
    }


#: A tool may let a suite grow without end: beyond so much it gets a MemoryError, not the machine.
_MOST_BYTES = 8 << 30


def _limit_memory(pid: int) -> None:
    if sys.platform == "linux":
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))


def _finish(command: Sequence[str], job: Job, env: dict[str, str]) -> tuple[int | None, str]:
    """Wait for a process and its children; all of them are ended where they take too long."""
    with (job.folder / "raw.txt").open("wb") as raw:
        process = subprocess.Popen(
            command,
            cwd=job.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=raw,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _limit_memory(process.pid)
        status: int | None
        try:
            status = process.wait(job.timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            # Leaked children live on otherwise.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    text = (job.folder / "raw.txt").read_bytes().decode(errors="replace")
    (job.folder / "raw.txt").unlink()
    return status, text


# --- reading answers -----------------------------------------------------------------------------


def _rivals(out: Path) -> list[Answer]:
    return [
        Answer(nodeid=told["nodeid"], accused=told["accused"], score=told["score"])
        for told in map(json.loads, out.read_text(encoding="utf-8").splitlines())
    ]


def _ours(folder: Path) -> list[Answer]:
    run = load_run(folder / ".leakcheck" / LABEL)
    return [_answer(run, test) for test in judge_run(run).tests]


def _answer(run: Run, test: TestVerdict) -> Answer:
    causes = {cause.fingerprint: cause for cause in causes_of(run, test.like or test.nodeid)}
    mine = [causes[f] for f in test.fingerprints if f in causes]
    return Answer(
        nodeid=test.nodeid,
        accused=test.verdict == "leak",
        verdict=test.verdict,
        reason=test.reason,
        growth=_growth(test, mine),
        fingerprints=list(test.fingerprints),
        named=[name for cause in mine for name in names_of(cause)],
    )


def _growth(test: TestVerdict, causes: list[Cause]) -> dict[str, float]:
    """Growth per run as the report gives it; what the causes retain counts as Python memory."""
    growth = {name: slope.per_run for name, slope in test.slopes.items()}
    held = sum(cause.python_bytes for cause in causes)
    if held:
        growth["python_bytes"] = float(held)
    return growth


def names_of(cause: Cause) -> list[str]:
    """Everything by which a cause is named."""
    frames = [f"{site.function} {site.file}".strip() for site in cause.sites]
    return [name for name in (cause.holder, cause.head, cause.label, *frames) if name]
