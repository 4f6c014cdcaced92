"""Of the types and files that a test leaves, those that tell tests apart."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: A file whose name, up to its suffix, has two letters in a row that chance did not choose.
_NAMED_FILE = re.compile(r"(?:deleted )?file \.?(?!tmp\*)[^.]*[^\W\d_]{2}")

#: Modules whose types stand for the interpreter's own bookkeeping rather than for a cause.
_PLUMBING = frozenset(
    (
        *("abc", "_abc", "_collections_abc", "collections", "enum", "functools", "inspect"),
        *("_frozen_importlib", "_frozen_importlib_external", "_io", "itertools", "operator"),
        *("pathlib", "re", "types", "typing", "weakref", "_weakrefset"),
    )
)


def telling_types(types: Iterable[str]) -> set[str]:
    """The names among these that stand for a class of the user's or a library's."""
    return {name for name in types if _is_telling(name)}


def telling_files(opened: Iterable[str]) -> list[str]:
    """The names among these of files whose names are not left to chance, sorted."""
    return sorted({what for what in opened if _NAMED_FILE.match(what)})


def _is_telling(type_name: str) -> bool:
    return "." in type_name and type_name.partition(".")[0] not in _PLUMBING
