"""What the journals hold of one test: repeats, causes, the growth of the empty test. Pure."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from pytest_leakcheck.judge.net_growth import maps_more
from pytest_leakcheck.judge.repeats import Repeats, floor_of
from pytest_leakcheck.judge.statistics import median_growth
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth
from pytest_leakcheck.native.causes import native_cause, with_compiled_code


def settings_of(run: Run) -> Settings:
    """How a run was measured, thresholds included."""
    return msgspec.convert(run.info.settings, Settings)


def causes_of(run: Run, nodeid: str) -> list[Cause]:
    """The causes of a test: who holds what stays; else who allocated it, where memray saw that."""
    nodeid = run.alike.get(nodeid, nodeid)
    watched = run.watched.get(nodeid)
    causes = [with_compiled_code(record.cause, watched) for record in run.causes.get(nodeid, [])]
    if causes:
        return causes
    steady = [r for r in run.repeats.get(nodeid, []) if r.phase == "steady"]
    traced = [r for r in run.repeats.get(nodeid, []) if r.phase == "traced"]
    if not steady:
        return []
    null = null_floor(run)
    heap = statistics.median(r.growth.heap_bytes or 0 for r in steady) - (null.heap_bytes or 0)
    # The first traced run fills caches that tracing itself needs.
    left = min((r.growth.python_bytes or 0 for r in traced), default=0)
    python = float(left - (null.python_bytes or 0))
    if statistics.median(r.growth.blocks or 0 for r in steady) <= floor_of(null, "blocks"):
        # Python objects that stay are in the C heap then; the others were there for that run.
        python = min(python, heap)
    sites = [site for record in run.captures.get(nodeid, []) for site in record.sites]
    if maps_more(Repeats(steady, null), settings_of(run).thresholds):
        heap = statistics.median(r.growth.mapped_bytes or 0 for r in steady)
    cause = native_cause(sites, heap, python, watched)
    return [] if cause is None else [cause]


def read_repeats(run: Run, nodeid: str) -> Repeats:
    """What the confirming process recorded of one test, sorted by phase."""
    records = run.repeats.get(nodeid, [])
    by_phase: dict[str, list[RepeatRecord]] = defaultdict(list)
    for record in records:
        by_phase[record.phase].append(record)
    net_of_null, runs_of_null = null_net(run)
    return Repeats(
        steady=by_phase["steady"],
        null=null_floor(run),
        traced=by_phase["traced"],
        release=by_phase["release"],
        release_net=by_phase["release-net"][-1] if by_phase["release-net"] else None,
        causes=causes_of(run, nodeid),
        net=by_phase["net"][-1].growth if by_phase["net"] else None,
        net_runs=by_phase["net"][-1].number if by_phase["net"] else 0,
        null_net=net_of_null,
        null_net_runs=runs_of_null,
        kept=by_phase["kept"][-1].growth.survivors if by_phase["kept"] else None,
        windows=by_phase["long"],
        dropped_of=run.dropped.get(nodeid, ""),
    )


def null_floor(run: Run) -> Growth:
    """Growth of the empty test in the confirming process: the median of its repeats."""
    return median_growth([r.growth for r in _of_the_empty_test(run) if r.phase == "null"])


def null_net(run: Run) -> tuple[Growth, int]:
    """Net growth of the empty test in the last confirming process, and over how many runs."""
    nets = [r for r in _of_the_empty_test(run) if r.phase == "null-net"]
    return (nets[-1].growth, nets[-1].number) if nets else (Growth(), 0)


def _of_the_empty_test(run: Run) -> list[RepeatRecord]:
    """Its records in all confirming processes. O(1) in most runs, where it comes first: every
    test that is judged asks for them."""
    return next((found for found in run.repeats.values() if is_empty_tests(found)), [])


def is_empty_tests(records: Sequence[RepeatRecord]) -> bool:
    return records[0].phase in ("null", "null-net")
