"""``run.json``: what was run, where, and how."""

from __future__ import annotations

from typing import Any

import msgspec

#: Version of the run folder. 1: the first.
SCHEMA = 1


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """``run.json``: what was run, where, and how."""

    schema: int
    label: str
    created: str
    """UTC, ISO 8601."""
    argv: list[str]
    rootdir: str
    """Name of the folder only, so that a run can be shown without a machine's paths."""
    started_in: str = "."
    """The folder in which pytest was started, relative to the root folder."""
    confirm_argv: list[str] = []
    """Options with which a confirming pytest collects the same tests; no files. Paths are relative
    to the folder in which pytest was started."""
    settings: dict[str, Any]
    python: str
    implementation: str
    platform: str
    machine: str
    cpu_count: int
    memory_bytes: int | None
    packages: dict[str, str]
    """Installed distributions and their versions."""
    environment: dict[str, str]
    """Environment variables that change memory or the selection of tests."""
    git_revision: str | None = None
    git_dirty: bool | None = None
    workers: int = 0
    """pytest-xdist's worker count; 0 without xdist."""
    dist: str = ""
    """How pytest-xdist gave out the tests (``load``, ``loadgroup`` …); empty without xdist."""
    probes: dict[str, str] = {}
    """Each signal and where it comes from, or why it is not seen here."""
