"""Costs of child processes, ratios within one run, and what they were measured on."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


@dataclass(frozen=True)
class Cost:
    """What one child process took, with all that it waited for."""

    cpu_s: float
    wall_s: float
    peak_bytes: int
    status: int
    out: str


@dataclass(frozen=True)
class Row:
    """One measured line of a table. ``ratio`` is the median over the rounds of one run."""

    subject: str
    way: str
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    note: str = ""


@dataclass
class Part:
    """The results of one part of the benchmarks."""

    name: str
    command: str = ""
    rows: list[Row] = field(default_factory=list)


def command_of(part: str, words: Sequence[str] | None) -> str:
    """The command that makes a part's rows, with the options that were given."""
    return " ".join(("nox -s bench --", part, *(sys.argv[1:] if words is None else words)))


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of every measured child: no plugin but those named, bytecode kept."""
    environment = {**os.environ, **extra}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS", "CI"):
        environment.pop(name, None)
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    path = [str(HERE), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return environment


def run_child(command: Sequence[str], folder: Path, extra: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end. CPU is user and system time of the child and its children."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=child_environment(extra or {}),
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    return Cost(
        cpu_s=used.ru_utime + used.ru_stime,
        wall_s=wall,
        peak_bytes=used.ru_maxrss * 1024,
        status=process.returncode,
        out=text,
    )


def pytest_command(*words: str) -> list[str]:
    """The command that runs pytest on the current interpreter, without its cache."""
    return [
        *(sys.executable, "-W", "ignore", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("-p", "bench_plugin", *words),
    ]


def paired_ratios(costs: Sequence[float], base: Sequence[float]) -> list[float]:
    """Each round's cost over the same round's base."""
    return [cost / plain for cost, plain in zip(costs, base, strict=True) if plain]


def verdicts_of(cost: Cost) -> str:
    """pytest-leakcheck's own count of verdicts."""
    pattern = r"^(?:leakcheck: )?[\d,]+ tests.* measured: (.*?\.)"
    found = re.search(pattern, cost.out, re.MULTILINE)
    return found[1] if found else f"does not run: status {cost.status}"


def row_of(
    subject: str,
    way: str,
    values: Sequence[float],
    unit: str,
    base: Sequence[float] | None = None,
    note: str = "",
) -> Row:
    """The medians and extremes of some rounds."""
    ratios = paired_ratios(values, base) if base else []
    return Row(
        subject=subject,
        way=way,
        value=statistics.median(values),
        unit=unit,
        low=min(values),
        high=max(values),
        ratio=statistics.median(ratios) if ratios else None,
        ratio_low=min(ratios, default=None),
        ratio_high=max(ratios, default=None),
        note=note,
    )


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """The exponent ``b`` of ``cost = a * size ** b``, by least squares on the logarithms.

    ``None`` for fewer than two sizes; costs that are not positive are left out.
    """
    points = [
        (math.log(size), math.log(cost))
        for size, cost in zip(sizes, costs, strict=True)
        if size > 0 and cost > 0
    ]
    if len({x for x, _ in points}) < 2:
        return None
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def machine() -> str:
    """What the numbers were measured on, in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GiB, load {load:.1f} at the start"
    )


def versions(*names: str) -> dict[str, str]:
    """Versions of those distributions that are installed."""
    known = {item.name.lower().replace("_", "-"): item.version for item in metadata.distributions()}
    return {name: known[name] for name in names if name in known}


#: Distributions whose versions stand beside the tables.
NAMED = (
    *("pytest", "pytest-leakcheck", "memray", "pytest-memray", "pytest-monitor", "objgraph"),
    *("guppy3", "pympler", "networkx", "click", "pandas", "pytest-xdist"),
)


def store(part: Part, line: str, folder: Path = RESULTS) -> Path:
    """Write a part's results."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part.name}.json"
    data = {
        "part": part.name,
        "command": part.command,
        "machine": line,
        "versions": versions(*NAMED),
        "rows": [asdict(row) for row in part.rows],
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return path


def keep(part: Part, line: str, words: Sequence[str] | None) -> None:
    """Store a part's results with the command that made them."""
    part.command = command_of(part.name, words)
    store(part, line)


def tell(rows: Sequence[Row]) -> None:
    """Print rows, a line each."""
    for row in rows:
        value = "-" if row.value is None else f"{row.value:,.3f}"
        ratio = "" if row.ratio is None else f" ratio {row.ratio:.3f}"
        print(
            f"{row.subject}: {row.way}: {value} {row.unit}{ratio} {row.note}".rstrip(), flush=True
        )


def load(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """Read a part's results back: what stands around the rows, and the rows."""
    data = json.loads(path.read_text())
    return data, [Row(**row) for row in data["rows"]]
