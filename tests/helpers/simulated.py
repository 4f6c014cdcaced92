"""Simulated tests: a seeded process that leaves so much on each repeat, asked by the product's own
protocol at the default settings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_leakcheck.judge.evidence import NOT_ASKED, Blank, Evidence, Held, Question
from pytest_leakcheck.judge.protocol import next_question, state_of
from pytest_leakcheck.judge.soak import next_window
from pytest_leakcheck.judge.verdict import Judgement, judge
from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import Phase, RepeatRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth

SETTINGS = Settings()


@dataclass
class Left:
    """What one repeat leaves."""

    survivors: int = 0
    """Objects that are more than before."""
    replaced: int = 0
    """New objects beside them that take the place of others."""
    blocks: int = 0
    heap_bytes: int = 0
    mapped_bytes: int = 0
    fds: int = 0
    placed: int = 0
    """Of the blocks, those allocated in one place."""


Process = Callable[[random.Random], Iterator[Left]]


class SimulatedTest:
    """Answers questions about a process.

    Args:
        causes: what holders are found, where objects stay.
        seconds: how long one repeat takes.
    """

    def __init__(
        self, process: Process, seed: int, causes: Sequence[Cause] = (), seconds: float = 0.001
    ) -> None:
        self._random = random.Random(seed)
        self._runs = process(random.Random(seed))
        self._causes = tuple(causes)
        self._seconds = seconds
        self._last: list[int] = []

    def judged(self) -> tuple[Judgement, Evidence]:
        """The verdict when nothing more would tell, and all that was asked."""
        warmups = tuple(self._record("warm-up", 1) for _ in range(SETTINGS.warmups))
        evidence = Evidence(
            warmups=warmups,
            blank=Blank(Growth(**dict.fromkeys(_SEEN, 0)), ()),
            asked=frozenset({"release", "watch", "native"}),
        )
        while (question := next_question(evidence, SETTINGS)) is not None:
            evidence = self.answer(question, evidence)
        done = replace(evidence, asked=evidence.asked | {"repeats", "soak"})
        return judge(done, SETTINGS), done

    def answer(self, question: Question, evidence: Evidence) -> Evidence:
        """What asking gives."""
        if question == "repeats":
            return replace(evidence, steady=(*evidence.steady, self._record("steady", 1)))
        if question == "soak":
            state = state_of(evidence, SETTINGS)
            number = next_window(evidence, state.grows, state.open, SETTINGS)
            return replace(evidence, soak=(*evidence.soak, self._record("window", number)))
        asked = evidence.asked | {question}
        if question == "holders":
            kept = max(0, *self._last[-2:])
            held = Held(kept, self._causes if kept else ())
            early = evidence.held is NOT_ASKED and len(evidence.steady) < SETTINGS.repeats
            return replace(evidence, held=held, asked=evidence.asked if early else asked)
        if question == "containers":
            return replace(evidence, containers=(), asked=asked)
        traces = tuple(self._trace() for _ in range(SETTINGS.traced_repeats))
        return replace(evidence, traces=traces, asked=asked)

    def _record(self, phase: Phase, number: int) -> RepeatRecord:
        """What so many repeats leave together; of single ones, new objects count."""
        left = [next(self._runs) for _ in range(number)]
        self._last += [one.survivors for one in left]
        grown = {name: sum(getattr(one, name) for one in left) for name in _SEEN}
        if phase != "window":
            grown["survivors"] = max(0, grown["survivors"]) + sum(one.replaced for one in left)
        else:  # looking itself leaves a few
            grown["survivors"] += self._random.choice((0, 0, 0, 1, -1))
            grown["blocks"] += self._random.randint(-3, 3)
        return RepeatRecord(
            nodeid="t.py::test",
            phase=phase,
            number=number,
            growth=Growth(rss_bytes=0, threads=0, children=0, **grown),
            duration_s=self._seconds,
        )

    def _trace(self) -> RepeatRecord:
        """Repeats under tracemalloc: a place shows that left a block on each of them."""
        number = SETTINGS.traced_quick_runs
        left = [next(self._runs).placed for _ in range(number)]
        sites = [Site(file="app.py", line=1, bytes=64, blocks=1)] if min(left) > 0 else []
        growth = Growth(python_bytes=sum(site.bytes for site in sites))
        return RepeatRecord(
            nodeid="t.py::test", phase="traced", number=number, growth=growth, sites=sites
        )


_SEEN = ("survivors", "blocks", "heap_bytes", "mapped_bytes", "fds")
