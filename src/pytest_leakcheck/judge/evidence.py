"""All that is known of one candidate: what was asked, and what the answers were. Frozen.

A question that was not asked is :data:`NOT_ASKED`: it never counts as an answer.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from pytest_leakcheck.model.causes import Cause
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.signals import Growth

Question: TypeAlias = Literal[
    "repeats",  # one more measured repeat, or a few
    "holders",  # who holds what a run leaves, and whether the next run replaces it
    "soak",  # a window of many repeats between two collections of the whole heap
    "containers",  # which containers grow by values that the collector does not track
    "release",  # a window in which all wider fixtures end after each repeat
    "trace",  # repeats under tracemalloc: where what stays was allocated
    "watch",  # repeats in which calls are watched: who opened what stays open
    "native",  # repeats under memray
]
QUESTIONS: tuple[Question, ...] = get_args(Question)


#: So many repeats, at least, say something together.
FEWEST_REPEATS = 3


class NotAsked(enum.Enum):
    """The type of :data:`NOT_ASKED`."""

    NOT_ASKED = "not asked"


NOT_ASKED: Final = NotAsked.NOT_ASKED


@dataclass(frozen=True, slots=True)
class Blank:
    """What the blank test leaves in the same process: pytest's own."""

    growth: Growth = field(default_factory=Growth)
    """Per repeat: the median of several."""
    windows: tuple[RepeatRecord, ...] = ()
    """Soak windows; more than one, since a cost that comes once is no rate."""
    sites: frozenset[tuple[str, int]] = frozenset()
    """File and line of what it allocates and keeps."""


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds what one repeat leaves and the next one does not replace."""

    kept: int | None
    """How many objects that is; ``None`` where only another test's holders are known."""
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was asked of one candidate, and answered."""

    steady: tuple[RepeatRecord, ...] = ()
    """Measured repeats, after the warm-ups."""
    blank: Blank = field(default_factory=Blank)
    warmups: tuple[RepeatRecord, ...] = ()
    held: Held | NotAsked = NOT_ASKED
    containers: tuple[Cause, ...] | NotAsked = NOT_ASKED
    soak: tuple[RepeatRecord, ...] = ()
    """Soak windows, one after the other; a record's number is its repeats."""
    release: tuple[RepeatRecord, ...] | NotAsked = NOT_ASKED
    """The like, with all wider fixtures but the session's ended after each repeat."""
    traces: tuple[RepeatRecord, ...] | NotAsked = NOT_ASKED
    opened: tuple[Cause, ...] = ()
    """Who opened what stays open, where nobody but nuisances holds what grows."""
    asked: frozenset[Question] = frozenset()
    """Questions that need not be asked again: they were, or cannot be asked of this test, or have
    been answered by what other tests with the same causes showed."""
    patient: bool = False
    """The test may leak on some repeats only: a few calm ones do not let it go."""

    @property
    def counted(self) -> tuple[RepeatRecord, ...]:
        """The repeats that count: where there are few, of a test that takes a while, the last
        warm-up is as good as one."""
        if not self.steady or len(self.steady) >= FEWEST_REPEATS:
            return self.steady
        return (*self.warmups[1:], *self.steady)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Who holds what grows, as far as that was asked."""
        held = () if isinstance(self.held, NotAsked) else self.held.causes
        grown = () if isinstance(self.containers, NotAsked) else self.containers
        return (*held, *grown, *self.opened)

    @property
    def soaked(self) -> int:
        """Repeats in all soak windows."""
        return sum(window.number for window in self.soak)

    @property
    def kept(self) -> int | None:
        """Objects that one repeat leaves and the next does not replace; ``None``: not asked."""
        return None if isinstance(self.held, NotAsked) else self.held.kept
