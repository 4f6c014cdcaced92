"""What the journals hold of one test, as evidence: repeats, causes, the blank test. Pure."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from pytest_leakcheck.judge.evidence import (
    NOT_ASKED,
    QUESTIONS,
    Blank,
    Evidence,
    Held,
    NotAsked,
    Question,
)
from pytest_leakcheck.judge.ledger import LARGEST_BLOCK, weigh
from pytest_leakcheck.judge.nuisances import own_causes
from pytest_leakcheck.judge.statistics import median_growth
from pytest_leakcheck.judge.strength import TRACED_REPEATS
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import Phase, RepeatRecord
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.settings import Policy, Settings
from pytest_leakcheck.model.signals import Growth
from pytest_leakcheck.native.causes import native_cause, with_compiled_code


def settings_of(run: Run) -> Settings:
    """How a run was measured, the numbers of the rules included."""
    return msgspec.convert(run.info.settings, Settings)


def evidence_of(run: Run, nodeid: str) -> Evidence:
    """What the confirming process recorded of one test."""
    by_phase: dict[Phase, list[RepeatRecord]] = defaultdict(list)
    for record in run.repeats.get(nodeid, []):
        by_phase[record.phase].append(record)
    told = run.asked.get(nodeid)
    # Journals of older versions do not tell what was asked; what was cut off is known of them, too.
    asked = QUESTIONS if told is None else cast("list[Question]", told.asked)
    found = [record.cause for record in run.causes.get(run.alike.get(nodeid, nodeid), [])]
    kept = by_phase["kept"][-1].growth.survivors if by_phase["kept"] else None
    holders = tuple(c for c in found if c.kind not in ("container", "resource"))
    containers = tuple(cause for cause in found if cause.kind == "container")
    blank = blank_of(run)
    return Evidence(
        steady=tuple(by_phase["steady"]),
        blank=blank,
        warmups=tuple(by_phase["warm-up"]),
        held=NOT_ASKED if kept is None and not holders else Held(kept, holders),
        containers=containers if containers or "containers" in asked else NOT_ASKED,
        soak=(*by_phase["window"], *_older_windows((*by_phase["net"], *by_phase["long"]), blank)),
        release=_release(by_phase),
        traces=tuple(by_phase["traced"]) or NOT_ASKED,
        opened=tuple(cause for cause in found if cause.kind == "resource"),
        asked=frozenset(asked),
    )


def _release(by_phase: Mapping[Phase, list[RepeatRecord]]) -> tuple[RepeatRecord, ...] | NotAsked:
    """Windows in which wider fixtures ended; older versions measured single repeats."""
    windows = [*by_phase["release-window"], *by_phase["release-net"]]
    if not windows and by_phase["release"]:
        single = by_phase["release"]
        middle = median_growth([record.growth for record in single])
        times = len(single)
        grown = {n: v and v * times for n, v in msgspec.structs.asdict(middle).items()}
        windows = [msgspec.structs.replace(single[-1], number=times, growth=Growth(**grown))]
    return tuple(windows) or NOT_ASKED


def _older_windows(records: Sequence[RepeatRecord], blank: Blank) -> list[RepeatRecord]:
    """Windows of older versions, which counted the objects that were new and not those that were
    more: no more of them stayed than there are blocks more, or bytes for larger ones."""
    per_repeat = [w.growth.blocks / w.number for w in blank.windows if w.growth.blocks is not None]
    own = max(0.0, statistics.median(per_repeat)) if per_repeat else 0.0
    found = []
    for record in records:
        growth = record.growth
        if growth.survivors is not None and growth.blocks is not None:
            room = max(0.0, growth.blocks - own * record.number)
            room += max(0, growth.heap_bytes or 0) / LARGEST_BLOCK
            growth = msgspec.structs.replace(growth, survivors=min(growth.survivors, int(room)))
        elif record.phase == "net":
            few = (growth.blocks or 0) <= Policy().window_noise("blocks") + record.number / 2
            growth = msgspec.structs.replace(growth, survivors=0 if few else growth.blocks)
        found.append(msgspec.structs.replace(record, growth=growth))
    return found


def causes_of(run: Run, nodeid: str) -> list[Cause]:
    """The causes of a test: who holds what stays; else who allocated it, where memray saw that."""
    nodeid = run.alike.get(nodeid, nodeid)
    watched = run.watched.get(nodeid)
    causes = [with_compiled_code(record.cause, watched) for record in run.causes.get(nodeid, [])]
    policy = settings_of(run).policy
    evidence = evidence_of(run, nodeid)
    if own_causes(causes, policy, evidence.soaked):
        return causes
    if not evidence.steady:
        return causes
    accounts = weigh(evidence, policy)
    grown = {name: account.rate.per_run for name, account in accounts.items()}
    heap = grown.get("heap_bytes", 0.0)
    python = _traced_bytes(evidence, policy)
    if grown.get("blocks", 0.0) <= 0:
        # Python objects that stay are in the C heap then; the others were there for that repeat.
        python = min(python, heap)
    mapped = accounts.get("mapped_bytes")
    if mapped is not None and mapped.trend == "grows":
        heap = max(heap, grown["mapped_bytes"])
    if python < heap / 2 and heap < policy.native_least_bytes:
        return causes  # of so little C heap another place matches by chance
    sites = [site for record in run.captures.get(nodeid, []) for site in record.sites]
    cause = native_cause(sites, heap, python, watched)
    return causes if cause is None else [*causes, cause]


def _traced_bytes(evidence: Evidence, policy: Policy) -> float:
    """Python memory that stays of a repeat, as traces saw it."""
    traces = () if isinstance(evidence.traces, NotAsked) else evidence.traces
    # The first traced repeat fills caches that tracing itself needs; of few repeats a little says
    # nothing.
    noise = policy.noise_python_bytes
    told = [
        record.growth.python_bytes or 0
        for record in traces
        if record.number >= TRACED_REPEATS or (record.growth.python_bytes or 0) > noise
    ]
    left = min(told, default=0)
    return float(left - (evidence.blank.growth.python_bytes or 0))


def blank_of(run: Run) -> Blank:
    """The blank test, as the confirming processes saw it."""
    records = next((found for found in run.repeats.values() if is_blank_tests(found)), [])
    return Blank(
        growth=median_growth([r.growth for r in records if r.phase in ("blank", "null")]),
        windows=tuple(r for r in records if r.phase in ("blank-window", "null-net")),
    )


def is_blank_tests(records: Sequence[RepeatRecord]) -> bool:
    """Whether records are of the blank test."""
    return records[0].phase in ("blank", "blank-window", "null", "null-net")
