"""Growth that nothing in Python holds, named by who allocated it. Pure.

An allocation site is believed when what it left accounts for the growth: a site that does not come
near it would accuse the innocent.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import CompiledCall, WatchRecord

#: Identifier in the catalogue of what only compiled code holds.
HELD_FROM_C = "held-from-c"

#: What allocations must account for of the growth to be named …
_LEAST_SHARE = 0.5
#: … and at most, of a place that was found by the C heap before and after each call …
_MOST_SHARE = 1.5
#: … where all other places together took less than this share of the growth.
_OTHERS_SHARE = 0.5

_ABI = re.compile(r"\.(?:cpython-[^.]*|abi3|cp[0-9]+-[^.]*|pypy[^.]*)(?=\.)|-[0-9a-f]{6,}(?=[.-])")


def native_cause(
    sites: Sequence[Site],
    heap_bytes: float,
    python_bytes: float = 0.0,
    watched: WatchRecord | None = None,
) -> Cause | None:
    """The cause of growth that has no holder, or None where no place accounts for half of it.

    Args:
        sites: where memory was allocated that stayed (memray).
        heap_bytes: growth of the C heap per run; it holds Python objects of over 512 bytes too.
        python_bytes: growth of Python memory per run.
        watched: what a run in which calls were watched told.
    """
    growth = max(heap_bytes, python_bytes)
    if growth <= 0:
        return None
    weigh = _in_heap if heap_bytes > python_bytes else _requested
    chosen = _nearest(sites, growth, weigh)
    if chosen is None and watched is not None:
        if heap_bytes - python_bytes >= growth * _LEAST_SHARE:
            return _by_heap(watched, heap_bytes)
        chosen = _nearest(watched.python, growth, _requested)
    if chosen is None:
        return None
    first = chosen[0]
    if first.native:
        return _compiled(first, chosen)
    return _made_in_python(first, chosen, watched)


def _requested(sites: Sequence[Site]) -> float:
    """Bytes that were asked for."""
    return sum(site.bytes for site in sites)


def _in_heap(sites: Sequence[Site]) -> float:
    """Bytes of C heap that allocations take: glibc rounds each up to 16 and adds a header of 8."""
    total = 0.0
    for site in sites:
        each = site.bytes / site.blocks if site.blocks else site.bytes
        total += max(site.blocks, 1) * max(32.0, (each + 8 + 15) // 16 * 16)
    return total


def _nearest(
    sites: Sequence[Site], growth: float, weigh: Callable[[Sequence[Site]], float]
) -> list[Site] | None:
    """The sites of one author whose allocations come nearest to the growth, largest first; then
    the others."""
    authors: dict[tuple[str, str], list[Site]] = defaultdict(list)
    for site in sites:
        # The functions of one library share a leak; those of Python each have their own.
        key = (site.library or site.function, "") if site.native else (site.file, site.function)
        authors[key].append(site)
    believed = [found for found in authors.values() if weigh(found) >= growth * _LEAST_SHARE]
    if not believed:
        return None
    nearest = min(
        believed, key=lambda found: (abs(weigh(found) - growth), found[0].file, found[0].line)
    )
    nearest.sort(key=lambda site: (-site.bytes, site.file, site.line))
    return [*nearest, *(site for site in sites if site not in nearest)]


def _compiled(first: Site, sites: list[Site]) -> Cause:
    """Compiled code allocated it.

    Who called code without a name does not count in its fingerprint: of several allocations of one
    library another may be the largest in the next test, or have no caller in Python.
    """
    library = _name(first.library)
    function = first.function or (f"code called by {first.caller}" if first.caller else "code")
    named = first.function or ("code" if library else function)
    head = f"{function} in {library}" if library else function
    if not library and first.file != "?":
        head += f" ({first.file})"
    calling = f"called by {first.caller}" if first.caller and first.function else ""
    return Cause(
        fingerprint=_fingerprint(named, _stable(library) or first.file),
        kind="native",
        head=head,
        holder="",
        label=calling,
        sites=sites,
    )


def _made_in_python(first: Site, sites: list[Site], watched: WatchRecord | None) -> Cause:
    """Python allocated it, and a reference to it was lost in compiled code."""
    library, told = first.library, ""
    if library:
        told = f"Compiled code of {_name(library)} calls {first.function} and gets what it makes."
    elif watched is not None:
        library, told = _only_library(watched)
    return Cause(
        fingerprint=_fingerprint(
            "made in Python", first.file, first.function, _stable(_name(first.library))
        ),
        kind="native",
        head=f"{first.function} ({first.file})" if first.function else f"{first.file}:{first.line}",
        holder="",
        label=_name(library) or first.source,
        what=told,
        sites=sites,
    )


def with_compiled_code(cause: Cause, watched: WatchRecord | None) -> Cause:
    """A cause that only compiled code holds, with what is known of the code that the test calls."""
    if cause.known != HELD_FROM_C or watched is None:
        return cause
    _, told = _only_library(watched)
    return msgspec.structs.replace(cause, what=f"{told} {cause.what}") if told else cause


def _only_library(watched: WatchRecord) -> tuple[str, str]:
    """The extension that has lost a reference, where there is one only; else what is known."""
    used = {*watched.libraries, *(call.library for call in watched.calls)}
    if len(used) == 1 and "" not in used:
        (library,) = used
        return library, (
            f"{_name(library)} is the only extension module outside the standard library that the "
            "tests use."
        )
    called = sorted({_of(call) for call in watched.calls})
    if not called:
        return "", ""
    some = ", ".join(called[:4]) + (" …" if len(called) > 4 else "")
    return "", f"Compiled code that the test calls: {some}."


def _of(call: CompiledCall) -> str:
    return f"{call.name} in {_name(call.library)}" if call.library else call.name


def _by_heap(watched: WatchRecord, growth: float) -> Cause | None:
    """The one place where the C heap grew by so much while it ran; None where others took and gave
    back as well, for then nobody can tell whose stayed."""
    for site in watched.heap:
        others = sum(abs(s.bytes) for s in watched.heap if s is not site)
        if (
            growth * _LEAST_SHARE <= site.bytes <= growth * _MOST_SHARE
            and others < growth * _OTHERS_SHARE
        ):
            break
    else:
        return None
    place = f"{site.file}:{site.line}"
    library = next((c.library for c in watched.calls if c.name == site.function), "")
    function = site.function or f"compiled code called at {place}"
    return Cause(
        fingerprint=_fingerprint(site.function or site.file, _stable(_name(library))),
        kind="native",
        head=f"{function} in {_name(library)}" if library else function,
        holder="",
        label=f"called at {place}" if site.function else site.source,
        sites=[site],
    )


def _name(library: str) -> str:
    """A shared object's file name."""
    return library.rpartition("/")[2]


def _stable(library: str) -> str:
    """The same without what a build of Python or a wheel puts into it."""
    return _ABI.sub("", library)


def _fingerprint(*parts: str) -> str:
    text = "\n".join(("native", *parts))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:12]
