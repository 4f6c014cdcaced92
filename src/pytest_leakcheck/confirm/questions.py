"""The questions that a candidate is asked, each a small class: ask, and add the answer.

Which one comes next is not decided here: :func:`pytest_leakcheck.judge.protocol.next_question` is
pure, and the loop in ``confirm/repeater.py`` asks it after every answer.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import pytest

from pytest_leakcheck.confirm.probes import Inspector
from pytest_leakcheck.confirm.repeats import RecordBuffer, Runs
from pytest_leakcheck.confirm.shared_findings import (
    Endured,
    Likeness,
    Opened,
    Repeated,
    SharedFindings,
    Traced,
)
from pytest_leakcheck.explain.paths import fingerprint
from pytest_leakcheck.judge.evidence import NOT_ASKED, Evidence, NotAsked, Question
from pytest_leakcheck.judge.known import fingerprints, goes_on, made_up_of
from pytest_leakcheck.judge.ledger import RESOURCES, rises_always
from pytest_leakcheck.judge.nuisances import nuisances_of, own_causes
from pytest_leakcheck.judge.protocol import (
    HELD_FROM_C,
    container_repeats,
    has_native_growth,
    is_quick,
    is_unseen,
    next_question,
    release_window,
    state_of,
)
from pytest_leakcheck.judge.soak import next_window
from pytest_leakcheck.judge.verdict import judge
from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import (
    AlikeRecord,
    AskedRecord,
    CauseRecord,
    JournalRecord,
    RepeatRecord,
)
from pytest_leakcheck.model.signals import Growth
from pytest_leakcheck.screen.nodeids import function_of
from pytest_leakcheck.sweep.signals import heap_probe, mapped_probe

if TYPE_CHECKING:
    from pytest_leakcheck.model.settings import Settings

Write = Callable[[JournalRecord], None]


class Target(NamedTuple):
    """What is asked about."""

    item: pytest.Item
    name: str
    """Under which it is recorded: a node id, or a wider fixture's name."""
    nextitem: Any
    """What pytest is told to run next: decides which fixtures end after each repeat."""


@dataclass(frozen=True, slots=True)
class Asker:
    """What the questions are asked with."""

    settings: Settings
    runs: Runs
    inspector: Inspector
    write: Write
    """Takes each record, in order."""
    buffer: RecordBuffer

    def state(self, evidence: Evidence) -> Any:
        """The evidence, weighed."""
        return state_of(evidence, self.settings)


class Ask(Protocol):
    """A question."""

    def __call__(self, asker: Asker, about: Target, evidence: Evidence) -> Evidence:
        """Ask it; the evidence with the answer."""


def answered(evidence: Evidence, *questions: Question, **answers: Any) -> Evidence:
    """Evidence with some answers, and with these questions done."""
    return replace(evidence, asked=evidence.asked.union(questions), **answers)


def repeats(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Measured repeats, until that is no more the next question. Meanwhile they lie in the buffer,
    the first of them behind the warm-ups: as objects, those of one repeat would be there when the
    next one begins."""
    buffer, first = asker.buffer, not evidence.steady
    warmups = asker.settings.warmups if first else 0
    if not first:
        asker.runs.pause()
        buffer.rewind()
    while True:
        number = len(evidence.steady) + len(buffer) - warmups
        buffer.append(
            asker.runs.repeat(
                about.item, about.name, "steady", number, about.nextitem, keep_ids=True
            )
        )
        records = tuple(buffer.records())
        found = replace(
            evidence,
            warmups=records[:warmups] or evidence.warmups,
            steady=(*evidence.steady, *records[warmups:]),
        )
        if next_question(found, asker.settings) != "repeats":
            break
        del records, found
    for record in records:
        asker.write(record)
    return found


def holders(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Who holds what one repeat leaves and the next one does not replace. Asked before there are
    all repeats, it is asked again after them: what the last few repeats left may be dropped yet."""
    held = asker.inspector.holders(about.item, about.nextitem, asker.runs.take_ids())
    kept = Growth(survivors=held.kept)
    asker.write(RepeatRecord(nodeid=about.name, phase="kept", number=0, growth=kept))
    found = replace(evidence, held=held)
    again = evidence.held is NOT_ASKED and next_question(found, asker.settings) == "repeats"
    return found if again else answered(found, "holders")


def soak(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Windows of many repeats, until that is no more the next question."""
    settings, buffer = asker.settings, asker.buffer
    buffer.rewind()
    while True:
        # What is known of the windows before is gone when the next one begins: it would look like
        # growth.
        found = replace(evidence, soak=(*evidence.soak, *buffer.records()))
        if next_question(found, settings) != "soak":
            break
        state = state_of(found, settings)
        number = next_window(found, state.grows, state.open, settings)
        del state, found
        buffer.append(asker.runs.window(about.item, about.name, "window", number, about.nextitem))
    for record in found.soak[len(evidence.soak) :]:
        asker.write(record)
    return found


def containers(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Which containers grow by values that the collector does not track."""
    between = container_repeats(state_of(evidence, asker.settings))
    found = asker.inspector.containers(about.item, about.nextitem, between)
    return answered(evidence, "containers", containers=tuple(found))


def release(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Windows in which every fixture but the session's ends after each repeat: does it still
    grow?"""
    item, state = about.item, state_of(evidence, asker.settings)
    number = release_window(state)
    del state
    # The first one ends the fixtures that the repeats before have set up.
    asker.runs.run_once(item, item.session)
    asker.buffer.rewind()
    for _ in range(asker.settings.release_windows):
        asker.buffer.append(
            asker.runs.window(item, about.name, "release-window", number, item.session)
            if number > 1
            else msgspec.structs.replace(
                asker.runs.repeat(item, about.name, "release-window", 0, item.session), number=1
            )
        )
    windows = tuple(asker.buffer.records())
    for window in windows:
        asker.write(window)
    return answered(evidence, "release", release=windows)


def trace(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Repeats under tracemalloc, less what the blank test leaves too."""
    settings = asker.settings
    quick = is_quick(evidence.steady, settings)
    number = settings.traced_quick_runs if quick else 1
    # Where a holder is known, a trace tells where it was filled and decides nothing.
    known = bool(evidence.causes)
    traced: list[RepeatRecord] = []
    for _ in range(1 if known else settings.traced_repeats):
        seen = asker.inspector.traced(
            about.item,
            about.name,
            "traced",
            number,
            about.nextitem,
            least=2 if known else number,
            seconds=settings.traced_held_s if known else settings.traced_s,
        )
        if seen is not None:
            own = [s for s in seen.sites if (s.file, s.line) not in evidence.blank.sites]
            traced.append(msgspec.structs.replace(seen, sites=own))
            asker.write(traced[-1])
    return answered(evidence, "trace", traces=tuple(traced))


def watch(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Who opened what stays open, and which compiled code made what nobody is seen to hold."""
    state = state_of(evidence, asker.settings)
    opened = any(name in RESOURCES for name in state.grows)
    probe = None
    if is_unseen(evidence, asker.settings.policy) and has_native_growth(state):
        probe = mapped_probe() if "mapped_bytes" in state.grows else heap_probe()
    seen = asker.inspector.watched(
        about.item,
        about.name,
        about.nextitem,
        opened=opened,
        probe=probe,
        python=sites_of(evidence),
    )
    # Where somebody holds it, that is the cause; who opened it stands beside.
    nobody = not own_causes(evidence.causes, asker.settings.policy, evidence.soaked)
    return answered(evidence, "watch", opened=tuple(seen.causes) if nobody else ())


def native(asker: Asker, about: Target, evidence: Evidence) -> Evidence:
    """Repeats under memray; the capture is read later, elsewhere."""
    asker.inspector.native(about.item, about.name, about.nextitem)
    return answered(evidence, "native")


QUESTIONS: dict[Question, Ask] = {
    "repeats": repeats,
    "holders": holders,
    "soak": soak,
    "containers": containers,
    "release": release,
    "trace": trace,
    "watch": watch,
    "native": native,
}


def sites_of(evidence: Evidence) -> list[Any]:
    """Where what stays was allocated, by the last trace."""
    if isinstance(evidence.traces, NotAsked) or not evidence.traces:
        return []
    return list(evidence.traces[-1].sites)


# --- what other tests have shown -----------------------------------------------------------------


class Elsewhere:
    """Spares a candidate the questions that tests with the same causes have answered, and tells
    those who come after.

    Args:
        findings: what was found here and in other processes.
    """

    def __init__(self, asker: Asker, findings: SharedFindings) -> None:
        self._asker = asker
        self.findings = findings

    def spare(self, about: Target, evidence: Evidence) -> Evidence:
        """The evidence after holders or containers were asked, with what is known elsewhere."""
        self.findings.refresh()
        causes = evidence.causes
        if causes or "containers" in evidence.asked:
            return self._with_known_causes(evidence, causes)
        likeness = self._likeness(about.name, evidence)
        if likeness is None:
            return evidence
        other = self.findings.instance_like(likeness) or self._opens_like(about, likeness)
        if not other:
            return evidence
        self._asker.write(AlikeRecord(nodeid=about.name, of=other))
        return answered(
            evidence, "repeats", "holders", "soak", "containers", "trace", "watch", "native"
        )

    def _with_known_causes(self, evidence: Evidence, causes: Sequence[Cause]) -> Evidence:
        policy = self._asker.settings.policy
        if any(not found.nuisance.certain for found in nuisances_of(causes, policy)):
            # Whether a claim holds has to be seen of each test anew.
            return evidence
        causes = own_causes(causes, policy)
        if any(cause.known == HELD_FROM_C for cause in causes):
            # Whatever compiled code holds looks alike until it is known where it was made.
            return evidence
        early = len(evidence.steady) < self._asker.settings.repeats
        lasting = [*self.findings.endured, *(self.findings.repeated if early else ())]
        if goes_on(causes, lasting):
            evidence = answered(evidence, "repeats", "holders", "soak")
        if made_up_of(fingerprints(causes), self.findings.traced):
            # Tracing says where memory was allocated: once for each cause is enough.
            evidence = answered(evidence, "trace", "watch", "native")
        return evidence

    def _opens_like(self, about: Target, likeness: Likeness) -> str:
        """A test of any function that opens all that stays open where a repeat of this one does."""
        others = self.findings.tests_like(likeness)
        left = self._asker.inspector.opened_by(about.item, about.nextitem) if others else []
        for other in others:
            if left and all(not places.isdisjoint(other.places) for places in left):
                return other.nodeid
        return ""

    def _likeness(self, name: str, evidence: Evidence) -> Likeness | None:
        """What tests share that leave as many descriptors, threads and children open on each
        repeat; ``None`` where none stays."""
        policy = self._asker.settings.policy
        growing = [signal for signal in RESOURCES if rises_always(signal, evidence, policy)]
        opened = [(signal, usual_amount(evidence.steady, signal)) for signal in growing]
        amounts = tuple((signal, amount) for signal, amount in opened if amount is not None)
        if not amounts or len(amounts) < len(opened):
            return None
        return Likeness(function_of(name), amounts, frozenset(evidence.steady[-1].types))

    def tell(self, about: Target, evidence: Evidence) -> None:
        """Tell those who come after what was found."""
        verdict = judge(evidence, self._asker.settings).verdict
        policy = self._asker.settings.policy
        own = own_causes(evidence.causes, policy, evidence.soaked)
        prints = fingerprints(own if all(c.known != HELD_FROM_C for c in own) else ())
        if prints and verdict in ("leak", "held"):
            if evidence.soak:
                self.findings.add(Endured(prints))
            elif len(evidence.steady) >= self._asker.settings.repeats:
                self.findings.add(Repeated(prints))
            if evidence.traces:
                self.findings.add(Traced(prints))
        likeness = self._likeness(about.name, evidence)
        if likeness is not None and verdict == "leak" and not prints_held(evidence):
            places = sorted(self._asker.inspector.places_of(about.name))
            self.findings.add(Opened(about.name, likeness, places))


def fingerprint_of_place(cause: Cause) -> str:
    """The fingerprint of what only compiled code holds: by its type, and by the line that made it,
    wherever that has moved to in its file."""
    site = cause.sites[0]
    return fingerprint(cause.holder, [site.file, site.source or str(site.line)], cause.head)


def prints_held(evidence: Evidence) -> bool:
    """Whether somebody in Python is known to hold what grows."""
    return any(cause.kind != "resource" for cause in evidence.causes)


def usual_amount(steady: Sequence[RepeatRecord], name: str) -> int | None:
    """What a signal grew by on all repeats but one at most; ``None`` where they differ more.

    A thread that ends late takes what it holds over to the next repeat.
    """
    amounts = [getattr(record.growth, name) for record in steady]
    usual: int | None = statistics.mode(amounts) if amounts else None
    return usual if amounts.count(usual) >= len(amounts) - 1 else None


def write_answers(asker: Asker, about: Target, evidence: Evidence) -> None:
    """The causes, with where they were allocated, and that all has been asked."""
    own = own_causes(evidence.causes, asker.settings.policy, evidence.soaked)
    sites = sites_of(evidence)
    for cause in evidence.causes:
        # Where growth was allocated belongs to a cause only when there is one, and none of its own.
        placed = own == [cause] and not cause.sites
        told = msgspec.structs.replace(cause, sites=sites) if placed else cause
        if told.known == HELD_FROM_C and told.sites:
            told = msgspec.structs.replace(told, fingerprint=fingerprint_of_place(told))
        asker.write(CauseRecord(nodeid=about.name, cause=told))
    asker.write(AskedRecord(nodeid=about.name, asked=sorted(evidence.asked | {"repeats", "soak"})))
