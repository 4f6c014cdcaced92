"""The catalogue of known causes: what holds, what it means, what lets it go.

The project's own is ``catalogue.toml``; users add files of the same shape
(``leakcheck_catalogue``), whose entries come first.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pytest_leakcheck.model.causes import CauseKind
from pytest_leakcheck.model.errors import UsageError

_ANY = "*"
_ITEM = "[*]"
_OPTION = "leakcheck_catalogue"


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known cause, as written in ``catalogue.toml``. All that is given has to fit."""

    id: str
    what: str
    remedy: str
    holder: list[str] = []
    """Patterns on the holder's line; ``*`` stands for anything, all else for itself. None: any."""
    head: str | list[str] = _ANY
    """Patterns on the head's type or one of its base classes; with its label: ``type (label)``."""
    through: list[str] = []
    """Patterns, as for ``head``, on the objects that the path leads through, root and head
    included; one of them has to fit."""
    state: str = _ANY
    """Pattern on why the head is stuck by itself: ``closed file``, ``replaced: *``."""
    kind: list[CauseKind] = []
    """Which kinds of cause; none means all."""
    package: str = ""
    """Distribution to which ``version`` applies."""
    version: str = ""
    """``>=1.5.2`` or ``<1.5.2``, several joined by commas; empty means any."""
    link: str = ""
    bounded: bool = False
    """Whether it grows up to a limit and no further."""
    endless: bool = False
    """Whether it grows on each time: nothing drops what it holds."""


class MatchContext(NamedTuple):
    """What is known of a cause beyond its holder's line and its head's type."""

    heads: Sequence[str] = ()
    """Other names for the head: its base classes, its type with its label."""
    through: Sequence[str] = ()
    """The same of all objects on the path, types included."""
    state: str = ""
    """Why the head is stuck by itself, or nothing."""


def match(
    holder: str,
    head: str,
    kind: CauseKind,
    versions: Mapping[str, str] | None = None,
    context: MatchContext | None = None,
    known: Sequence[Known] | None = None,
) -> Known | None:
    """The first known cause that fits, in the catalogue's order, or None. O(entries times path)."""
    seen = context or MatchContext()
    for entry in entries() if known is None else known:
        if entry.kind and kind not in entry.kind:
            continue
        if entry.holder and not _one_fits(entry.holder, [holder]):
            continue
        if not fits(entry.state, seen.state) or not _one_fits(entry.head, [head, *seen.heads]):
            continue
        if entry.through and not _one_fits(entry.through, seen.through):
            continue
        if entry.version and not in_range((versions or {}).get(entry.package), entry.version):
            continue
        return entry
    return None


def told_by(known: Known | None) -> dict[str, Any]:
    """What an entry tells of a cause that fits it, as fields of a ``Cause``."""
    if known is None:
        return {}
    return {
        "known": known.id,
        "what": known.what,
        "remedy": known.remedy,
        "link": known.link,
        "endless": known.endless,
    }


def _one_fits(patterns: str | list[str], names: Iterable[str]) -> bool:
    wanted = _listed(patterns)
    return any(fits(pattern, name) for name in names for pattern in wanted)


# --- reading -------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=8)
def entries(files: tuple[str, ...] = (), root: str = "") -> tuple[Known, ...]:
    """The entries of the user's files, then the project's own. Read once.

    Args:
        files: the user's, relative to ``root``.

    Raises:
        UsageError: a file cannot be read, or one of its entries says something impossible.
    """
    own = tuple(_parse(Path(__file__).with_name("catalogue.toml").read_bytes()))
    return sum((_read(Path(root) / file, file) for file in files), ()) + own


def check_files(files: Iterable[Path], root: Path) -> tuple[str, ...]:
    """The files as settings keep them: relative to the root folder where they lie in it.

    Raises:
        UsageError: see :func:`entries`.
    """
    names = tuple(
        str(file.relative_to(root)) if file.is_relative_to(root) else str(file) for file in files
    )
    entries(names, str(root))
    return names


def _read(path: Path, shown: str) -> tuple[Known, ...]:
    """One file of the user's."""
    try:
        return tuple(_checked(_parse(path.read_bytes())))
    except OSError as error:
        raise UsageError(
            f"{_OPTION}: {shown} cannot be read ({error.strerror}); correct the path or remove it."
        ) from None
    except ValueError as error:  # TOML, UTF-8 and shape: all of them are
        raise UsageError(
            f"{_OPTION}: {shown}: {_one_line(error)}; correct it as docs/catalogue.md shows."
        ) from None


def _checked(found: list[Known]) -> list[Known]:
    for number, entry in enumerate(found, start=1):
        wrong = _mistake(entry)
        if wrong:
            raise ValueError(f"cause {number} ({entry.id or 'no id'}) {wrong}")
    return found


def _parse(content: bytes) -> list[Known]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    table = tomllib.loads(content.decode())
    strange = sorted(table.keys() - {"cause"})
    if strange or "cause" not in table:
        raise ValueError(f"it has {' and '.join(strange) or 'nothing'} where [[cause]] should be")
    causes: Any = table["cause"]
    return msgspec.convert(causes, type=list[Known])


def _mistake(entry: Known) -> str:
    """What an entry says that cannot be meant, or nothing."""
    texts = {"id": entry.id, "what": entry.what, "remedy": entry.remedy}
    empty = [name for name, text in texts.items() if not text.strip()]
    if empty:
        return f"has an empty {empty[0]}"
    patterns = [*entry.holder, *_listed(entry.head), *entry.through, entry.state]
    if all(pattern == _ANY for pattern in patterns):
        return "fits every leak: give it a holder, head, through or state"
    if not all(_RANGE.fullmatch(part.strip()) for part in entry.version.split(",") if part):
        return f"has the version {entry.version!r}, which is no range like >=1.5,<2"
    if entry.bounded and entry.endless:
        return "is both bounded and endless"
    if bool(entry.version) != bool(entry.package):
        return "has only one of package and version"
    return ""


def _listed(patterns: str | list[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else patterns


def _one_line(error: ValueError) -> str:
    """A parser's message as part of a sentence."""
    return " ".join(str(error).split()).rstrip(".")


# --- patterns and ranges -------------------------------------------------------------------------


def fits(pattern: str, text: str) -> bool:
    """Whether a pattern fits all of a text. Only ``*`` is special, and not in ``[*]``, which is a
    container's item and nothing inside it."""
    if pattern == _ANY:
        return True
    parts = (".*".join(map(re.escape, part.split("*"))) for part in pattern.split(_ITEM))
    return re.fullmatch(re.escape(_ITEM).join(parts), text, re.DOTALL) is not None


def in_range(version: str | None, wanted: str) -> bool:
    """Whether a version satisfies all of ``>=1.5.2,<2``; an unknown one satisfies none."""
    if version is None:
        return False
    return all(_satisfies(version, part.strip()) for part in wanted.split(","))


_RANGE = re.compile(r"(>=|<=|==|<|>)\s*(\d.*)")


def _satisfies(version: str, wanted: str) -> bool:
    found = _RANGE.fullmatch(wanted)
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
