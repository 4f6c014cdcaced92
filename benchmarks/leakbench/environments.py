"""One environment for each set of requirements, made by uv and kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

from pytest_leakcheck.sweep.environment import revision_of

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".leakbench"

#: What every environment has beside a case's own requirements: the tools that are compared.
TOOLS = ("pytest-memray", "psleak", "objgraph", "psutil", "pytest-xdist")


class UnmadeEnvironmentError(Exception):
    """An environment cannot be made, in one sentence."""


class Environments:
    """Interpreters with a case's requirements. Each is made once and used by all tools."""

    def __init__(self, folder: Path = KEPT / "environments", python: str = sys.executable) -> None:
        self._folder = folder
        self._python = python
        self._uv = _find_uv()
        self._making = threading.Lock()

    def python_for(self, requirements: tuple[str, ...]) -> Path:
        """The interpreter of the environment with these requirements.

        Raises:
            UnmadeEnvironmentError: it cannot be installed.
        """
        words = "\n".join((*requirements, *TOOLS, sys.version))
        key = hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()[:12]
        folder = self._folder / key
        python = folder / "bin" / "python"
        done = folder / "requirements.txt"
        # Both sides of a case may be run at a time, and want the same.
        with self._making:
            if not done.exists():
                self._make(folder, python, requirements)
                done.write_text("\n".join(requirements) + "\n")
        return python

    def _make(self, folder: Path, python: Path, requirements: tuple[str, ...]) -> None:
        self._run("venv", "--quiet", "--clear", "--python", self._python, str(folder))
        # A case pins what it is about, also where one of the tools asks for a newer version.
        overrides = folder / "overrides.txt"
        overrides.write_text("\n".join(r for r in requirements if "==" in r) + "\n")
        self._run(
            *("pip", "install", "--quiet", "--python", str(python)),
            *("--overrides", str(overrides), "-e", f"{ROOT}[memray]", *TOOLS, *requirements),
        )

    def _run(self, *words: str) -> None:
        done = subprocess.run([self._uv, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            told = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UnmadeEnvironmentError(f"uv {words[0]} failed: {told}")


def measured_revision() -> str:
    """The commit that is measured; with a ``+`` where files differ from it."""
    revision, dirty = revision_of(ROOT)
    return (revision or "")[:7] + ("+" if dirty else "")


def _find_uv() -> str:
    from uv import find_uv_bin

    return str(find_uv_bin())
