"""The catalogue of known causes: what holds, what it means, what lets it go."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pytest_leakcheck.records import CauseKind


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A known cause, as written in ``catalogue.toml``."""

    id: str
    holder: list[str]
    """Patterns on the holder's line; ``*`` stands for anything, all else for itself."""
    what: str
    remedy: str
    head: str = "*"
    """Pattern on the head's type."""
    kind: list[CauseKind] = []
    """Which kinds of cause; none means all."""
    package: str = ""
    """Distribution to which ``version`` applies."""
    version: str = ""
    """``>=1.5.2`` or ``<1.5.2``, several joined by commas; empty means any."""
    link: str = ""
    bounded: bool = False
    """Whether it grows up to a limit and no further."""


def match(
    holder: str, head: str, kind: CauseKind, versions: Mapping[str, str] | None = None
) -> Known | None:
    """The first known cause that fits, in the catalogue's order, or None. O(catalogue)."""
    for known in entries():
        if known.kind and kind not in known.kind:
            continue
        if not fits(known.head, head):
            continue
        if not any(fits(pattern, holder) for pattern in known.holder):
            continue
        if known.version and not in_range((versions or {}).get(known.package), known.version):
            continue
        return known
    return None


@functools.lru_cache(maxsize=1)
def entries() -> tuple[Known, ...]:
    """The catalogue; read once."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    text = Path(__file__).with_name("catalogue.toml").read_bytes().decode()
    return tuple(msgspec.convert(tomllib.loads(text)["cause"], type=list[Known]))


def fits(pattern: str, text: str) -> bool:
    """Whether a pattern fits all of a text; only ``*`` is special, so ``[*]`` is itself."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def in_range(version: str | None, wanted: str) -> bool:
    """Whether a version satisfies all of ``>=1.5.2,<2``; an unknown one satisfies none."""
    if version is None:
        return False
    return all(_satisfies(version, part.strip()) for part in wanted.split(","))


def _satisfies(version: str, wanted: str) -> bool:
    found = re.fullmatch(r"(>=|<=|==|<|>)\s*(.+)", wanted)
    if found is None:
        return False
    have, need = _numbers(version), _numbers(found[2])
    width = max(len(have), len(need))
    have += (0,) * (width - len(have))
    need += (0,) * (width - len(need))
    return {
        ">=": have >= need,
        "<=": have <= need,
        "==": have == need,
        "<": have < need,
        ">": have > need,
    }[found[1]]


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``1.5.2rc1`` is (1, 5, 2)."""
    leading = re.match(r"\d+(?:\.\d+)*", version.strip().removeprefix("v"))
    return tuple(int(part) for part in leading[0].split(".")) if leading else ()
