"""What a run was measured on: versions, platform, revision, variables. Standard library only."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.model.settings import Settings

#: Variables that change memory, or which tests run. Their values are stored; no others are.
_TELLING_PREFIXES = ("PYTHON", "PYTEST_", "MALLOC_")
_TELLING = frozenset({"LD_PRELOAD", "OMP_NUM_THREADS", "GLIBC_TUNABLES", "COVERAGE_CORE"})
_UNTOLD = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"})


def installed_packages(path: list[str] | None = None) -> dict[str, str]:
    """Installed distributions and their versions, by the names of their metadata folders.

    Reads directory listings only: parsing the metadata costs a hundred times as much.
    """
    found: dict[str, str] = {}
    for folder in sys.path if path is None else path:
        try:
            entries = [entry.name for entry in Path(folder or ".").iterdir()]
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".dist-info"):
                name, _, version = entry.removesuffix(".dist-info").partition("-")
                found.setdefault(name.replace("_", "-").lower(), version)
    return dict(sorted(found.items()))


def describe_run(  # noqa: PLR0913 - the record's own fields
    *,
    label: str,
    argv: list[str],
    root: Path,
    settings: Settings,
    probes: Mapping[str, str],
    workers: int,
    dist: str = "",
    environment: Mapping[str, str],
    told: Collection[str] = (),
    started_in: Path | None = None,
    confirm_argv: Sequence[str] = (),
) -> RunInfo:
    """Collect a run's :class:`RunInfo`.

    Args:
        told: further environment variables whose values may be stored.
        started_in: the folder in which pytest was started.
        confirm_argv: options with which a confirming pytest starts.
    """
    started_in = started_in or root
    revision, dirty = revision_of(root)
    return RunInfo(
        schema=SCHEMA,
        label=label,
        created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        argv=[_without_home(word, root) for word in argv],
        rootdir=root.name,
        started_in=_from(root, started_in),
        confirm_argv=[_without_home(word, root, _from(started_in, root)) for word in confirm_argv],
        settings=_plain(settings),
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=_platform(),
        machine=platform.machine(),
        cpu_count=os.cpu_count() or 1,
        memory_bytes=_memory(),
        packages=installed_packages(),
        environment=_telling(environment, told),
        git_revision=revision,
        git_dirty=dirty,
        workers=workers,
        dist=dist,
        probes=dict(probes),
    )


def _platform() -> str:
    """System, its version and the C library; not the build's own name, which tells a machine."""
    release = ".".join(platform.release().split("-")[0].split(".")[:2])
    library = " ".join(filter(None, platform.libc_ver()))
    return ", ".join(filter(None, (f"{platform.system()} {release}", library)))


def _plain(settings: Settings) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    return plain


def _telling(environment: Mapping[str, str], told: Collection[str]) -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(environment.items())
        if name in told
        or (
            (name in _TELLING or name.startswith(_TELLING_PREFIXES))
            and name not in _UNTOLD
            and os.sep not in value
        )
    }


def _from(start: Path, path: Path) -> str:
    """``path`` as seen from ``start``; ``.`` where there is no way (another drive)."""
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:
        return "."


def _without_home(word: str, root: Path, shown: str = ".") -> str:
    """A command-line word without the folders of this machine.

    Args:
        shown: stands for the root folder.
    """
    word = word.replace(str(root), shown)
    name, equals, value = word.rpartition("=")
    if Path(value).is_absolute():
        value = f"…/{Path(value).name}"
    return f"{name}{equals}{value}"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def revision_of(root: Path) -> tuple[str | None, bool | None]:
    """The commit of a working copy, and whether its files differ; None where git cannot tell."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "-uno"))
    except (OSError, subprocess.SubprocessError):
        return None, None
