"""Watched runs → records: what stays open and where it was opened, and the cause that it makes.

Where two runs do not agree on where a resource was opened, nobody is named: a thread of compiled
code may have opened it while something else ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from pytest_leakcheck.explain.paths import fingerprint
from pytest_leakcheck.measure.compiled import loaded_libraries
from pytest_leakcheck.records import Cause, CompiledCall, ResourceRecord, Site, WatchRecord

if TYPE_CHECKING:
    from pytest_leakcheck.measure.watching import Left, Watch

_MOST_SITES = 8

_Key = tuple[str, str, str, int, str]


def agree(nodeid: str, runs: Sequence[Sequence[Left]]) -> list[ResourceRecord]:
    """What stays open per run, most first, with the place on which all the runs agree."""
    sites: dict[_Key, Site] = {}
    counts: list[Counter[_Key]] = []
    for run in runs:
        found: Counter[_Key] = Counter()
        for left in run:
            key = _key(left)
            found[key] += 1
            if left.site is not None:
                sites.setdefault(key, left.site)
        counts.append(found)
    whole: Counter[_Key] = Counter()
    for found in counts:
        for key, number in found.items():
            common = key in sites and all(key in other for other in counts)
            whole[key if common else (*key[:2], "", 0, "")] += number
    records = [
        ResourceRecord(
            nodeid=nodeid,
            signal=cast(Literal["fds", "threads", "children"], key[0]),
            what=key[1],
            count=number / len(runs),
            site=sites.get(key),
        )
        for key, number in whole.items()
    ]
    return sorted(records, key=lambda r: (r.signal, -r.count, r.what, _place(r)))


def _key(left: Left) -> _Key:
    site = left.site
    if site is None:
        return left.signal, left.what, "", 0, ""
    return left.signal, left.what, site.file, site.line, site.function


def _place(record: ResourceRecord) -> tuple[str, int, str]:
    site = record.site
    return ("", 0, "") if site is None else (site.file, site.line, site.function)


def resource_causes(records: Sequence[ResourceRecord]) -> list[Cause]:
    """A cause for each place that opens what stays: file and function name it, no number does."""
    causes: dict[str, Cause] = {}
    for record in records:
        site = record.site
        if site is None:
            continue
        what = record.what
        function = site.function.rpartition(".")[2]
        key = fingerprint("resource", [site.file, function], "opened")
        known = causes.get(key)
        if known is not None:
            same = what in known.head.split(", ")
            causes[key] = msgspec.structs.replace(
                known,
                head=known.head if same else f"{known.head}, {what}",
                per_run=known.per_run + record.count,
            )
            continue
        causes[key] = Cause(
            fingerprint=key,
            kind="resource",
            head=what,
            holder="",
            label=f"{site.function} ({site.file})",
            per_run=record.count,
            sites=[site],
        )
    return sorted(causes.values(), key=lambda c: (-c.per_run, c.label))


def told_by(nodeid: str, watches: Sequence[Watch], root: str, python: list[Site]) -> WatchRecord:
    """What the runs called, and where their C heap stayed."""
    calls: dict[CompiledCall, None] = {}
    heap: Counter[tuple[str, int, str]] = Counter()
    for watch in watches:
        calls.update(dict.fromkeys(watch.calls()))
        heap.update(watch.heap())
    sites = [
        Site(file=file, line=line, function=name, bytes=round(amount / len(watches)), native=True)
        for (file, line, name), amount in heap.items()
    ]
    sites.sort(key=lambda site: (-abs(site.bytes), site.file, site.line, site.function))
    return WatchRecord(
        nodeid=nodeid,
        calls=list(calls),
        libraries=loaded_libraries(root),
        heap=sites[:_MOST_SITES],
        python=python,
    )
