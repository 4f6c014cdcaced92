"""Who allocated: from the frames of one allocation to the function that answers for it. Pure.

Frames of allocators, of the interpreter and of the C library allocate on behalf of others. The
first frame beyond them answers: a function of a library, or of Python when it comes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Frame(NamedTuple):
    """One frame of a stack."""

    function: str
    file: str
    line: int
    library: str = ""
    """Path of the shared object; empty for a frame of Python."""

    @property
    def is_python(self) -> bool:
        """Whether it is a function of Python."""
        return not self.library and self.file != UNKNOWN


UNKNOWN = "<unknown>"

_SYSTEM = re.compile(
    r"(?:python[0-9.]*|libpython[^/]*|libc[.-][^/]*|libm[.-][^/]*|ld-[^/]*|ld-linux[^/]*"
    r"|libpthread[^/]*|libdl[.-][^/]*|libffi[.-][^/]*|libstdc\+\+[^/]*|libc\+\+[^/]*|libgcc_s[^/]*"
    r"|_memray\.[^/]*|libjemalloc[^/]*|libmimalloc[^/]*|libtcmalloc[^/]*)"
)
_ALLOCATES = re.compile(
    r"(?<!de)alloc(?:ate|ator)?(?:$|[^a-z])|^operator new|^malloc|strn?dup$"
    r"|^__rust_|^__rdl_|^__rg_|^PyDataMem_",
    re.IGNORECASE,
)
_EVALUATES = ("_PyEval_EvalFrameDefault", "_TAIL_CALL_")


def is_evaluation(function: str) -> bool:
    """Whether a native frame is the interpreter's loop, in whose place Python frames stand."""
    return _EVALUATES[0] in function or function.startswith(_EVALUATES[1])


def is_system(library: str, *, python_object: bool) -> bool:
    """Whether a shared object only ever allocates on behalf of others.

    The standard library's extension modules do so for Python objects, not for C memory.
    """
    name = library.rpartition("/")[2]
    if _SYSTEM.fullmatch(name):
        return True
    return python_object and "/lib-dynload/" in library


class Author(NamedTuple):
    """Who answers for an allocation."""

    function: str
    """Empty where compiled code has no name."""
    library: str
    """Shared object of compiled code; of a Python function, the one that called it, if one did."""
    frame: Frame | None
    """The frame that answers; None where none does."""
    caller: Frame | None
    """The Python function that called the compiled code."""


def author_of(frames: Sequence[Frame], *, python_object: bool) -> Author:
    """Who answers for an allocation, from its frames, innermost first."""
    first = next((at for at, f in enumerate(frames) if f.is_python), len(frames))
    caller = frames[first] if first < len(frames) else None
    compiled = [
        frame
        for frame in frames[:first]
        if frame.library and not _allocates_for_others(frame, python_object)
    ]
    if compiled:
        library = compiled[0].library
        own = [f for f in compiled if f.library == library and f.function not in ("", UNKNOWN)]
        telling = [f for f in own if not _is_helper(f)]
        chosen = (telling or own or compiled)[0]
        name = "" if chosen.function == UNKNOWN else readable(chosen.function)
        return Author(name, "" if library == UNKNOWN else library, chosen, caller)
    if caller is None:
        return Author("", "", None, None)
    return Author(caller.function, _called_from(frames[first + 1 :]), caller, None)


def _called_from(frames: Sequence[Frame]) -> str:
    """The library whose compiled code called a Python function; empty where Python did."""
    for frame in frames:
        if frame.is_python:
            return ""
        if frame.library and not _allocates_for_others(frame, python_object=True):
            return "" if frame.library == UNKNOWN else frame.library
    return ""


_INTERPRETER = re.compile(r"(?:\./)?(?:Objects|Python|Modules|Parser|Include)/")
#: What a compiler copies into a library: Cython's own helpers, and Python's inline functions.
_COPIED = re.compile(r"__Pyx_|_?Py[A-Z][A-Za-z]*_")
_HEADERS = re.compile(r"(?:^|/)(?:include/python[0-9.]*|Include)/")


def _is_helper(frame: Frame) -> bool:
    """Whether a function of a library only serves others of it."""
    if _ALLOCATES.search(frame.function):
        return True
    if not _COPIED.match(frame.function):
        return False
    return frame.function.startswith("__Pyx_") or _HEADERS.search(frame.file) is not None


def _allocates_for_others(frame: Frame, python_object: bool) -> bool:
    if frame.library != UNKNOWN:
        return is_system(frame.library, python_object=python_object)
    # Without the shared object only names can tell.
    return (
        _INTERPRETER.match(frame.file) is not None
        or frame.function == UNKNOWN
        or re.match(r"_?Py[A-Z_]", frame.function) is not None
        or _ALLOCATES.search(frame.function) is not None
    )


_CYTHON = re.compile(r"__pyx_(?:pw|pf|f|fuse_\w+?)_(?=\d)")
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")


def readable(symbol: str) -> str:
    """A symbol as people write it: without parameters, Rust's hashes and Cython's mangling."""
    if _CYTHON.match(symbol):
        return _cython(symbol)
    name = _RUST_HASH.sub("", symbol)
    if name.endswith((")", ") const")):
        name = _without_parameters(name)
    return name if len(name) <= 120 else f"{name[:117]}..."


def _without_parameters(name: str) -> str:
    depth = 0
    for at in range(len(name) - 1, -1, -1):
        depth += (name[at] == ")") - (name[at] == "(")
        if depth == 0 and name[at] == "(":
            return name[:at] or name
    return name


def _cython(symbol: str) -> str:
    """``__pyx_pw_3pkg_6helper_5Thing_3get`` → ``pkg.helper.Thing.get``."""
    rest = _CYTHON.sub("", symbol, count=1)
    parts: list[str] = []
    while match := re.match(r"_?(\d+)", rest):
        length, tail = int(match[1]), rest[match.end() :]
        if (
            0 < length < len(tail)
            and tail[length] == "_"
            and tail[length + 1 : length + 2].isdigit()
        ):
            parts.append(tail[:length])
            rest = tail[length:]
        else:  # the last one has a number of its own in front
            parts.append(tail)
            rest = ""
    return ".".join(parts) if parts and not rest else symbol
