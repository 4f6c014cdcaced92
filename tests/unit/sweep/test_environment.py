"""What a run was measured on, without what only this machine knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.sweep.environment import describe_run, installed_packages


def described(root: Path, **changes: Any) -> RunInfo:
    """A run's description."""
    plain: dict[str, Any] = {
        "label": "before",
        "argv": ["--leakcheck"],
        "root": root,
        "settings": Settings(depth="full"),
        "probes": {"fds": "/proc/self/fd"},
        "workers": 2,
        "environment": {},
    }
    return describe_run(**{**plain, **changes})


def test_installed_packages_are_read_from_their_folders(tmp_path: Path) -> None:
    """Names are normalised, versions kept, the first folder on the path wins."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (
        first / "Some_Package-1.2.3.dist-info",
        second / "some_package-9.9.dist-info",
        second / "other-0.1+local.dist-info",
        second / "not_a_package",
    ):
        folder.mkdir(parents=True)
    (second / "file.py").touch()
    path = [str(first), str(tmp_path / "missing"), str(second)]
    assert installed_packages(path) == {"other": "0.1+local", "some-package": "1.2.3"}


def test_the_packages_of_this_process_are_found() -> None:
    """pytest is there, under its version."""
    assert installed_packages()["pytest"] == pytest.__version__


def test_a_run_is_described_with_its_settings(tmp_path: Path) -> None:
    """And its settings are read back as they were."""
    info = described(tmp_path)
    assert info.schema == SCHEMA
    assert (info.label, info.workers, info.probes) == ("before", 2, {"fds": "/proc/self/fd"})
    assert msgspec.convert(info.settings, Settings) == Settings(depth="full")
    assert msgspec.json.decode(msgspec.json.encode(info), type=RunInfo) == info


def test_only_telling_variables_are_stored(tmp_path: Path) -> None:
    """Secrets and paths stay at home; a variable asked for is stored."""
    environment = {
        "PYTHONHASHSEED": "0",
        "MALLOC_ARENA_MAX": "2",
        "PYTEST_ADDOPTS": "-n 2",
        "PYTEST_CURRENT_TEST": "t.py::x (call)",
        "PYTHONPATH": "src",
        "PYTHONSTARTUP": "/home/alice/.pythonrc",
        "API_TOKEN": "secret",
        "STATE": "before",
    }
    info = described(tmp_path, environment=environment, told=["STATE"])
    assert info.environment == {
        "MALLOC_ARENA_MAX": "2",
        "PYTEST_ADDOPTS": "-n 2",
        "PYTHONHASHSEED": "0",
        "STATE": "before",
    }


def test_the_command_line_is_stored_without_this_machines_folders(tmp_path: Path) -> None:
    """The root folder is a dot; of any other folder's file the name is left."""
    argv = [f"{tmp_path}/tests", "--log=/home/alice/x.log", "/srv/rag/test_a.py", "-q", "-k=a/b"]
    info = described(tmp_path, argv=argv)
    assert info.argv == ["./tests", "--log=…/x.log", "…/test_a.py", "-q", "-k=a/b"]
    assert info.rootdir == tmp_path.name


def test_without_git_there_is_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a folder outside of any repository nor a machine without git stops a run."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert described(tmp_path).git_revision is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert described(tmp_path).git_revision is None
