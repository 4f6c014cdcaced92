"""Option and ini values → numbers and names, or one sentence that says what to write."""

from __future__ import annotations

import re
from typing import get_args

from pytest_leakcheck.model.errors import UsageError
from pytest_leakcheck.model.settings import DEPTHS, Depth

_UNITS = {
    "B": 1,
    "K": 1024,
    "KB": 1024,
    "KIB": 1024,
    "M": 1024**2,
    "MB": 1024**2,
    "MIB": 1024**2,
    "G": 1024**3,
    "GB": 1024**3,
    "GIB": 1024**3,
    "T": 1024**4,
    "TB": 1024**4,
    "TIB": 1024**4,
}
_MOST_DIGITS = 20
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_size(text: object, what: str) -> int:
    """Bytes from ``"200MB"``, ``"64 KiB"``, ``"1.5 GB"`` or a number. Units are binary.

    Args:
        what: names the option or marker in the error.

    Raises:
        UsageError: no number, or an unknown unit.
    """
    match = _SIZE.fullmatch(str(text)) if isinstance(text, (int, float, str)) else None
    if match is None or isinstance(text, bool) or len(match[1]) > _MOST_DIGITS:
        raise UsageError(f'{what}: "{text}" is not a size; write a number and a unit, as in 200MB.')
    number, unit = match.groups()
    if (unit or "B").upper() not in _UNITS:
        raise UsageError(
            f'{what}: "{unit}" is not a unit of memory; use B, KB, MB or GB, as in 200MB.'
        )
    return int(float(number) * _UNITS[(unit or "B").upper()])


def check_workers(number: int) -> int:
    """A number of processes.

    Raises:
        UsageError: there are none.
    """
    if number < 1:
        raise UsageError(
            f"--leakcheck-confirm-workers: {number} is not a number of processes; write 1 or more."
        )
    return number


def parse_depth(text: str) -> Depth:
    """A depth by its name.

    Raises:
        UsageError: there is none of that name.
    """
    for depth in get_args(Depth):
        if depth == text:
            return depth  # type: ignore[no-any-return]
    raise UsageError(
        f'--leakcheck-depth: "{text}" is not a depth; choose one of {", ".join(DEPTHS)}.'
    )
