"""Sums over many tests: whole accounts, and the spans between two readings of a slow signal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pytest_leakcheck.model.journal_lines import SpanRecord
from pytest_leakcheck.model.signals import Growth, Reading

#: Growth by every signal of the sweep, nothing of any.
ZERO = Growth(rss_bytes=0, heap_bytes=0, blocks=0, survivors=0, fds=0, threads=0, children=0)

#: Signals that may be read less often than after each test.
PACED: tuple[Literal["heap_bytes", "blocks"], ...] = ("heap_bytes", "blocks")


class Total:
    """A running sum of growths; what one of them lacks adds nothing."""

    __slots__ = ("blocks", "children", "fds", "heap", "rss", "survivors", "threads")

    def __init__(self) -> None:
        self.rss = self.heap = self.blocks = self.survivors = 0
        self.fds = self.threads = self.children = 0

    def add(self, amount: Growth) -> None:
        """One more. O(1)."""
        self.rss += amount.rss_bytes or 0
        self.heap += amount.heap_bytes or 0
        self.blocks += amount.blocks or 0
        self.survivors += amount.survivors or 0
        self.fds += amount.fds or 0
        self.threads += amount.threads or 0
        self.children += amount.children or 0

    def growth(self) -> Growth:
        """The sum so far."""
        return Growth(
            rss_bytes=self.rss,
            heap_bytes=self.heap,
            blocks=self.blocks,
            survivors=self.survivors,
            fds=self.fds,
            threads=self.threads,
            children=self.children,
        )


class Spans:
    """What slow signals grew by while they were not read after each test.

    It belongs to the tests, less what wider fixtures took of it meanwhile.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}
        self._fixtures_took: dict[str, int] = {}

    def charge(self, own: Growth, by_fixtures: Growth) -> None:
        """Remember what fixtures took during a test, of what was not read after it."""
        for name in PACED:
            if getattr(own, name) is None:
                took = getattr(by_fixtures, name) or 0
                self._fixtures_took[name] = self._fixtures_took.get(name, 0) + took

    def close(
        self, base: Reading, reading: Reading, tests_run: int, nodeid: str
    ) -> Iterator[SpanRecord]:
        """The spans that a reading ends.

        Args:
            base: the reading before it; a signal that it has ends no span.
            nodeid: the last test's.
        """
        for name in PACED:
            value: int | None = getattr(reading, name)
            before: int | None = getattr(base, name)
            if value is None and before is not None:
                # The last test is the first that is not read.
                self._last[name] = (before, tests_run - 1)
            elif value is not None and before is None and name in self._last:
                last, at = self._last.pop(name)
                took = self._fixtures_took.pop(name, 0)
                grown = value - last - took
                yield SpanRecord(nodeid=nodeid, tests=tests_run - at, signal=name, grown=grown)
