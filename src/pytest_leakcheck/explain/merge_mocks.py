"""A mock that outlives a test keeps its calls in several lists; that is one cause, not four."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

import msgspec

from pytest_leakcheck.explain.contents import weight
from pytest_leakcheck.explain.paths import fingerprint
from pytest_leakcheck.model.causes import Cause

_KEPT = "mock-calls-kept"
#: Where a mock's own bookkeeping begins in a holder's line, children and special methods included.
_OWN = re.compile(r"(\.__\w+__)?\.(_mock_\w+|mock_calls|method_calls|call_args\w*).*$")


def merge_mock_calls(causes: Iterable[Cause]) -> list[Cause]:
    """Make one cause of those that say that one mock keeps its calls.

    It is shown by the one that retains most; its fingerprint depends on the mock's place alone.
    """
    mine = [cause for cause in causes if cause.known == _KEPT]
    merged = [cause for cause in causes if cause.known != _KEPT]
    mine.sort(key=lambda cause: (_home(cause), -_weight(cause), cause.fingerprint))
    for home, group in groupby(mine, key=_home):
        merged.append(_one(home, list(group)))
    return merged


def _home(cause: Cause) -> str:
    return _OWN.sub("", cause.holder)


def _weight(cause: Cause) -> int:
    return max(weight(cause.contents), cause.python_bytes)


def _one(home: str, group: list[Cause]) -> Cause:
    # An argument stands in several of the lists, so none of them alone retains it.
    own = sum(cause.python_bytes for cause in group)
    largest = weight(group[0].contents)
    shared = largest if largest > own else 0
    return msgspec.structs.replace(
        group[0],
        fingerprint=fingerprint(home, [_KEPT], group[0].head),
        per_run=max(cause.per_run for cause in group),
        objects=sum(cause.objects for cause in group),
        python_bytes=own + shared,
    )
