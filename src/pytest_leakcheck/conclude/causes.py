"""Each cause over a whole run, with the tests that show it and the growth that is its own. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from pytest_leakcheck.conclude.evidence import causes_of
from pytest_leakcheck.judge.nuisances import SMALLEST_BLOCK
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import ResourceRecord
from pytest_leakcheck.model.results import CauseSummary, TestVerdict
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.signals import Slope


def ordered(causes: Sequence[Cause]) -> list[Cause]:
    """Causes of one test, the one that carries its native growth first."""
    return sorted(causes, key=lambda c: (not c.extension, -c.python_bytes, -c.objects, c.holder))


def summarise_causes(run: Run, tests: Sequence[TestVerdict]) -> list[CauseSummary]:
    """Each cause of leaking tests with its witnesses, worst first."""
    shown: dict[str, list[TestVerdict]] = defaultdict(list)
    for test in tests:
        if test.verdict in ("leak", "held"):
            for fingerprint in test.fingerprints:
                shown[fingerprint].append(test)
    summaries = [
        _summarise(run, fingerprint, witnesses) for fingerprint, witnesses in shown.items()
    ]
    return sorted(summaries, key=lambda s: (-_worst(s.total), s.cause.fingerprint))


def _summarise(run: Run, fingerprint: str, witnesses: list[TestVerdict]) -> CauseSummary:
    causes: dict[str, Cause] = {}
    for witness in witnesses:
        for cause in causes_of(run, witness.nodeid):
            if cause.fingerprint == fingerprint:
                causes[witness.nodeid] = cause
    explained = [w for w in witnesses if w.nodeid in causes]
    best = _typical(explained, causes, fingerprint) or witnesses[0]
    cause = _with_all_evidence(causes.get(best.nodeid), list(causes.values()))
    total: dict[str, float] = defaultdict(float)
    for witness in witnesses:
        for name, value in moves_with(causes.get(witness.nodeid, cause), witness).items():
            total[name] += value.per_run
    return CauseSummary(
        cause=cause,
        witnesses=[best.nodeid, *(w.nodeid for w in witnesses if w is not best)],
        slopes=moves_with(cause, best),
        total=dict(total),
        opened=_opened(run, [best, *witnesses], fingerprint),
        shared=_shared(run, best),
        unexplained=_unexplained(run, best),
    )


def _with_all_evidence(best: Cause | None, all_: Sequence[Cause]) -> Cause:
    """A cause as its best witness shows it, with what only another one shows: where it was
    allocated, and by which compiled code."""
    cause = best or all_[0]
    if not cause.sites:
        sites = next((other.sites for other in all_ if other.sites), [])
        cause = msgspec.structs.replace(cause, sites=sites)
    longest = max((other.what for other in all_), key=len)
    return msgspec.structs.replace(cause, what=longest)


def _unexplained(run: Run, witness: TestVerdict) -> dict[str, float]:
    """What a witness leaves per run that none of its causes accounts for, where that is more than
    what they do."""
    causes = causes_of(run, witness.nodeid)
    seen = all(cause.kind in ("held", "container") and not cause.extension for cause in causes)
    if witness.basis != "repeated" or not causes or not seen:
        return {}  # what compiled code or the system has is not in Python's own sizes
    bytes_ = sum(cause.python_bytes for cause in causes)
    most = {
        "heap_bytes": (bytes_, _LEAST_HEAP),
        "blocks": (max(bytes_ / SMALLEST_BLOCK, sum(c.per_run for c in causes)), _LEAST_BLOCKS),
    }
    found: dict[str, float] = {}
    for name, (explained, least) in most.items():
        grown = witness.slopes.get(name, _NONE).per_run
        left = grown - explained
        if left > max(least, grown / 2):
            found[name] = left
    return found


#: Less than this per run is what a container's own table and the allocator take.
_LEAST_HEAP, _LEAST_BLOCKS = 1024.0, 8.0


def _shared(run: Run, witness: TestVerdict) -> int:
    """Objects that stay after each run beside those that each of several causes keeps alone."""
    causes = causes_of(run, witness.nodeid)
    if witness.basis != "repeated" or len(causes) < 2:
        return 0
    stay = witness.slopes.get("survivors", _NONE).per_run
    return max(0, round(stay - sum(cause.objects for cause in causes)))


def _opened(run: Run, witnesses: list[TestVerdict], fingerprint: str) -> list[ResourceRecord]:
    """What the first watched witness opens and leaves open, where the cause carries its growth."""
    carried = (w.nodeid for w in witnesses if w.fingerprints[:1] == [fingerprint])
    return next(filter(None, map(run.opened_by, carried)), [])


def _typical(
    witnesses: Sequence[TestVerdict], causes: Mapping[str, Cause], fingerprint: str
) -> TestVerdict | None:
    """The repeated witness with the fewest other causes; of equal ones the middle by the objects
    of this cause, then by C heap: objects are the same in the next run."""
    if not witnesses:
        return None

    def rank(witness: TestVerdict) -> tuple[bool, int]:
        return witness.fingerprints[0] != fingerprint, len(witness.fingerprints)

    lowest = min(map(rank, witnesses))
    alike = [w for w in witnesses if rank(w) == lowest]
    alike.sort(
        key=lambda w: (
            causes[w.nodeid].objects,
            w.slopes.get("heap_bytes", _NONE).per_run,
            w.nodeid,
        )
    )
    return alike[len(alike) // 2]


def moves_with(cause: Cause, witness: TestVerdict) -> dict[str, Slope]:
    """The growth of a witness that is this cause's: all of it where the cause comes first."""
    own = {
        "survivors": Slope(per_run=cause.objects, runs=1),
        "python_bytes": Slope(per_run=cause.python_bytes, runs=1),
    }
    if witness.fingerprints[:1] != [cause.fingerprint]:
        return own
    carried = {
        name: value
        for name, value in witness.slopes.items()
        if name not in ("survivors", "python_bytes")
    }
    return {**carried, **own}


_NONE = Slope(per_run=0.0)


def _worst(total: dict[str, float]) -> float:
    return max(total.get("heap_bytes", 0.0), total.get("python_bytes", 0.0))
