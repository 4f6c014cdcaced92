"""The run folder ``.leakcheck/<label>/``: labels, ``run.json``, where a run lies."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from pytest_leakcheck.model.errors import RunError
from pytest_leakcheck.model.run_info import SCHEMA, RunInfo
from pytest_leakcheck.store.journal import cannot_write

RUN_FILE = "run.json"


def write_info(folder: Path, info: RunInfo) -> None:
    """Write ``run.json``.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data = msgspec.json.format(msgspec.json.encode(info), indent=2)
        (folder / RUN_FILE).write_bytes(data + b"\n")
    except OSError as error:
        raise RunError(cannot_write(folder / RUN_FILE, error)) from None


def fresh_label(root: Path, wanted: str | None, now: datetime | None = None) -> str:
    """A label that names a new folder under ``root``: the wanted one, or the time."""
    if wanted:
        return wanted
    stamp = (now or datetime.now(timezone.utc)).strftime("%Y%m%d-%H%M%S")
    label, number = stamp, 1
    while (root / label).exists():
        number += 1
        label = f"{stamp}-{number}"
    return label


#: Ends the name of the folder in which the run before of the same label is kept.
PREVIOUS = ".previous"


def valid_label(label: str) -> bool:
    """Whether a label can be a folder's name on every platform."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}", label))


def find_run(name: str, root: Path) -> Path:
    """The folder of a run: a path to it, or a label under ``root``.

    Raises:
        RunError: there is none; the sentence lists the labels that exist.
    """
    for candidate in (Path(name), root / name):
        if (candidate / RUN_FILE).is_file():
            return candidate
    labels = sorted(p.parent.name for p in root.glob(f"*/{RUN_FILE}")) if root.is_dir() else []
    if Path(name).is_dir() or (root / name).is_dir():
        raise RunError(f"{name} is a folder without {RUN_FILE}, so it is not a run of leakcheck.")
    if labels:
        raise RunError(f"There is no run called {name}; {root} has: {', '.join(labels)}.")
    raise RunError(
        f"There is no run called {name} and none in {root}: "
        f"make one with pytest --leakcheck --leakcheck-label={name}."
    )


def read_info(folder: Path) -> RunInfo:
    """Read ``run.json``.

    Raises:
        RunError: missing, damaged, or written by another version of the schema.
    """
    path = folder / RUN_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}).") from None
    try:
        schema = msgspec.json.decode(data, type=_OnlySchema).schema
        if schema != SCHEMA:
            raise RunError(
                f"{folder} was written with schema {schema} and this version of pytest-leakcheck "
                f"reads schema {SCHEMA}: measure again, or use the version that wrote it."
            )
        return msgspec.json.decode(data, type=RunInfo)
    except msgspec.DecodeError as error:
        raise RunError(f"{path} is damaged ({error}): the run has to be measured again.") from None


class _OnlySchema(msgspec.Struct):
    schema: int
