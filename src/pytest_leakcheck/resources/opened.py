"""Watched runs → records: what stays open and where it was opened, and the cause that it makes.

Where no two runs agree on where a resource was opened, nobody is named: a thread of compiled
code may have opened it while something else ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from pytest_leakcheck.explain.paths import fingerprint
from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import CompiledCall, ResourceRecord, WatchRecord
from pytest_leakcheck.native.allocations import source_line
from pytest_leakcheck.native.compiled import loaded_libraries

if TYPE_CHECKING:
    from pytest_leakcheck.resources.watch import Left, Watch

_MOST_SITES = 8

#: A place that opens something is believed when so many runs name it.
AGREE = 2

#: Signal, what it is, and the file, line and function that opened it.
OpenedAt = tuple[str, str, str, int, str]


def agree(nodeid: str, runs: Sequence[Sequence[Left]]) -> list[ResourceRecord]:
    """What stays open per run, most first, with the place on which runs agree."""
    sites = {opened_at(left, site): site for run in runs for left in run for site in left.sites}
    seen = Counter(key for run in runs for key in {opened_at(o, s) for o in run for s in o.sites})
    trusted = {key for key in sites if seen[key] >= AGREE}
    whole: Counter[OpenedAt] = Counter()
    for left in (left for run in runs for left in run):
        whole[_believed(left, seen, trusted)] += 1
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


def _believed(left: Left, seen: Counter[OpenedAt], trusted: set[OpenedAt]) -> OpenedAt:
    """The place that most runs name, where it is one; a run that knows none contradicts nobody."""
    named = {opened_at(left, site) for site in left.sites} & trusted
    if not left.sites:
        named = {key for key in trusted if key[:2] == (left.signal, left.what)}
    most = max((seen[key] for key in named), default=0)
    best = [key for key in named if seen[key] == most]
    return best[0] if len(best) == 1 else (left.signal, left.what, "", 0, "")


def opened_at(left: Left | ResourceRecord, site: Site) -> OpenedAt:
    """One of the places where something may have been opened."""
    return left.signal, left.what, site.file, site.line, site.function


def places_of(records: Iterable[ResourceRecord]) -> set[OpenedAt]:
    """Where what stays open is opened, as far as that is known."""
    return {opened_at(record, record.site) for record in records if record.site is not None}


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


def told_by(
    nodeid: str,
    watches: Sequence[Watch],
    root: str,
    python: list[Site],
    plugins: Collection[str] = (),
) -> WatchRecord:
    """What the runs called, and where their C heap stayed: in those in which it was read.

    Args:
        plugins: what pytest's plugins bring along: that it is loaded says nothing of the tests.
    """
    calls: dict[CompiledCall, None] = {}
    heap: Counter[tuple[str, int, str]] = Counter()
    read = [watch for watch in watches if watch.reads_heap]
    for watch in watches:
        calls.update(dict.fromkeys(watch.calls()))
    for watch in read:
        heap.update(watch.heap())
    if any(watch.heap_refused for watch in watches):
        heap.clear()  # of the other runs alone it would look like less
    sites = [
        Site(
            file=file,
            line=line,
            function=name,
            bytes=round(amount / len(read)),
            source="" if name else source_line(str(Path(root) / file), line),
            native=True,
        )
        for (file, line, name), amount in heap.items()
    ]
    sites.sort(key=lambda site: (-abs(site.bytes), site.file, site.line, site.function))
    return WatchRecord(
        nodeid=nodeid,
        calls=list(calls),
        libraries=loaded_libraries(root, plugins),
        heap=sites[:_MOST_SITES],
        python=python,
    )
