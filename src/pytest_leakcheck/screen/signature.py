"""What tests that are alike in the sweep have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_leakcheck.model.journal_lines import TestRecord

if TYPE_CHECKING:
    pass
from pytest_leakcheck.screen.floor import Floor
from pytest_leakcheck.screen.nodeids import function_of
from pytest_leakcheck.screen.telling import telling_files, telling_types
from pytest_leakcheck.screen.weight import grew, magnitude


def signature(test: TestRecord, floor: Floor) -> str:
    """A hash that tests share which grew alike, beyond what most tests leave.

    Types of the user's or a library's classes are telling, and so are the names of files that stay
    open: tests that leave the same ones are grouped over the whole suite. Growth without them is
    grouped within one test function only, by its size.
    """
    growth = test.growth
    telling = [*sorted(telling_types(floor.beyond(test)))[:6], *telling_files(test.opened)]
    parts = [
        *telling,
        f"fds {grew(growth.fds)}",
        f"threads {grew(growth.threads)}",
        f"children {grew(growth.children)}",
    ]
    if not telling:
        heap = (growth.heap_bytes or 0) - floor.heap_bytes
        parts.append(f"heap {magnitude(heap) if heap > floor.heap_limit else 0}")
        parts.append(function_of(test.nodeid))
    return digest(parts)


def digest(parts: Iterable[str]) -> str:
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()[:12]
