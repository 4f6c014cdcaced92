"""Runs of one item, measured: one by one, many together, in windows.

Repeats in a row are measured from the end of one to the end of the next: both readings are taken at
the same place, so that what the harness itself holds there is in both and cancels out. What it
notes between them goes to a :class:`RecordBuffer`.
"""

from __future__ import annotations

import os
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from pytest_leakcheck.confirm.rerun import rerun
from pytest_leakcheck.model.journal_lines import Phase, RepeatRecord
from pytest_leakcheck.model.signals import Late, Outcome, Reading
from pytest_leakcheck.sweep.boundary import Boundary, count_types
from pytest_leakcheck.sweep.forks import in_forked_child
from pytest_leakcheck.sweep.interpreter_caches import (
    clear_interpreter_caches,
    settle_warning_filters,
)
from pytest_leakcheck.sweep.ownership import drop_finished, settle_log_buffers, survivors_of
from pytest_leakcheck.sweep.settling import Grace
from pytest_leakcheck.sweep.signals import Probes, given_back, growth

_clock = time.perf_counter
_sleep = time.sleep
_sys_modules = sys.modules
_exit = os._exit

#: Grace for threads and descriptors: pauses double from the first to the longest, 127 ms in all.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.064
_MOST_VAIN_WAITS = 3
#: After so many items for which it was in vain, one wait for each further one is enough, of 15 ms.
_MOST_VAIN_ITEMS, _VAIN_PAUSE_S = 2, 0.008


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RepeatRecord).decode
_ROOM = 1 << 16
_ROOM_FOR_IDS = 1 << 14


class RecordBuffer:
    """Records of repeats, in a block of memory that is there from the start.

    As objects they would be a dozen blocks for each repeat, which looks like growth.
    """

    def __init__(self) -> None:
        self._bytes = bytearray(_ROOM)
        self._end = array("Q", [0])  # an attribute would be a new object for each number

    def rewind(self) -> None:
        """Forget what there is; the memory stays."""
        self._end[0] = 0

    def append(self, record: RepeatRecord) -> None:
        line = _encode(record) + b"\n"
        begin = self._end[0]
        end = self._end[0] = begin + len(line)
        self._bytes[begin:end] = line  # past its end it grows, which is rare

    def __len__(self) -> int:
        return self._bytes.count(b"\n", 0, self._end[0])

    def records(self) -> list[RepeatRecord]:
        return [_decode(line) for line in self._bytes[: self._end[0]].splitlines()]


class LeftIds(NamedTuple):
    """Ids of what repeats of an item left."""

    early: tuple[set[int], ...]
    """Of each of the first two, less those that a later one left, too: there lies something else by
    now. Of two, for it may leak on every second run."""
    before_last: set[int]


class IdsOfRepeats:
    """Ids of what repeats of an item left, in memory that is there from the start."""

    def __init__(self) -> None:
        # Of the first and the second repeat, and by turns of the last two.
        self._rooms = tuple(array("Q", bytes(8 * _ROOM_FOR_IDS)) for _ in range(4))
        self._counts = array("q", (0, 0, 0, 0))
        self._done = self._in_a_row = 0

    def begin(self) -> None:
        """Of another item."""
        self._done = self._in_a_row = 0

    def interrupt(self) -> None:
        """Something else comes between."""
        self._in_a_row = 0

    def keep(self, objects: list[object]) -> None:
        """Note what one more repeat left."""
        ids = array("Q", map(id, objects))
        for place in range(min(self._done, 2)):
            self._put(place, array("Q", self._got(place).difference(ids)))
        if self._done < 2:
            self._put(self._done, ids)
        self._put(2 + self._in_a_row % 2, ids)
        self._done += 1
        self._in_a_row += 1

    def told(self) -> LeftIds | None:
        """What is known; ``None`` where the last two repeats were not in a row."""
        if self._in_a_row < 2:
            return None
        return LeftIds((self._got(0), self._got(1)), self._got(2 + self._in_a_row % 2))

    def _put(self, place: int, ids: array[int]) -> None:
        self._counts[place] = len(ids)
        self._rooms[place][: len(ids)] = ids  # past its end it grows, which is rare

    def _got(self, place: int) -> set[int]:
        return set(self._rooms[place][: self._counts[place]])


class Runs:
    """Runs items again and reads the signals around them.

    Args:
        forget: called after each run, to drop what a reporter keeps of it.
    """

    def __init__(self, probes: Probes, boundary: Boundary, forget: Callable[[], None]) -> None:
        self._probes = probes
        self._boundary = boundary
        self._forget = forget
        self._hopeless = self._vain_items = 0
        self._longest_pause = _LONGEST_PAUSE_S
        self._last: tuple[pytest.Item, Reading] | None = None
        self._window_end: tuple[pytest.Item, Reading, int] | None = None
        self._grace = Grace(probes.threads, probes.elapsed)
        self._left = IdsOfRepeats()
        self._wider: dict[int, pytest.FixtureDef[Any]] = {}

    def begin(self) -> None:
        """Another item: waiting for its threads and descriptors may help again."""
        self._vain_items += self._hopeless >= _MOST_VAIN_WAITS
        vain = self._vain_items >= _MOST_VAIN_ITEMS
        self._hopeless = _MOST_VAIN_WAITS - 1 if vain else 0
        self._longest_pause = _VAIN_PAUSE_S if vain else _LONGEST_PAUSE_S
        self.pause()
        self._left.begin()

    def pause(self) -> None:
        """Something else comes between two repeats: the next one is measured from its own start."""
        self._last = self._window_end = None
        self._left.interrupt()

    def saw_fixture(self, definition: pytest.FixtureDef[Any]) -> None:
        """Know a wider fixture that has been set up."""
        if definition.scope != "function":
            self._wider[id(definition)] = definition

    def run_once(self, item: pytest.Item, nextitem: Any = None) -> Outcome:
        """The item's whole protocol; wider fixtures stay up unless ``nextitem`` says otherwise."""
        self.pause()
        return self._run(item, nextitem)

    def _run(self, item: pytest.Item, nextitem: Any) -> Outcome:
        try:
            outcome = rerun(item, nextitem)
        finally:
            if in_forked_child():
                # The test forked, and its child came back here: what is measured is the parent.
                _exit(0)
        drop_finished(self._wider.values())
        self._forget()
        settle_warning_filters()
        clear_interpreter_caches()
        return outcome

    def repeat(
        self,
        item: pytest.Item,
        name: str,
        phase: Phase,
        number: int,
        nextitem: Any = None,
        *,
        keep_ids: bool = False,
    ) -> RepeatRecord:
        """One measured run: draw the line, run, collect, look.

        Args:
            keep_ids: of what it leaves, for :meth:`take_ids`.
        """
        self._window_end = None
        self._boundary.draw()
        modules = len(_sys_modules)
        base = self._base_of(item)
        collected = self._boundary.collected
        start = _clock()
        outcome = self._run(item, nextitem)
        duration = _clock() - start
        settle_log_buffers(item)
        # What threads give back that are about to end is no garbage.
        self._grace.wait(base.threads)
        before = self._probes.read(peak=False)
        self._boundary.collect()
        after = self._read_settled(base)
        mine = survivors_of(item, self._boundary, self)
        types, count = count_types(mine), len(mine)
        unseen = self._boundary.user_froze or self._boundary.user_unfroze
        if keep_ids and not unseen:
            self._left.keep(mine)
        else:
            self._left.interrupt()
        del mine
        self._last = (item, after)
        return RepeatRecord(
            nodeid=name,
            phase=phase,
            number=number,
            growth=growth(base, after, None if unseen else count),
            late=Late(
                objects=self._boundary.collected - collected,
                heap_bytes=given_back(before.heap_bytes, after.heap_bytes),
                blocks=given_back(before.blocks, after.blocks),
            ),
            types=types,
            outcome=outcome,
            duration_s=round(duration, 6),
            module_count=max(0, len(_sys_modules) - modules),
        )

    def take_ids(self) -> LeftIds | None:
        """Ids of what the repeats left whose ids were kept; ``None`` where that is not known of the
        last two, or something else has run since. The next repeat is measured from its own start.
        """
        left = self._left.told()
        self.pause()
        return left

    def _base_of(self, item: pytest.Item) -> Reading:
        """Where a repeat starts from: the end of the last one, when nothing else has run since. A
        reading is a few blocks of its own: it takes the place of one that was there when it was
        taken."""
        if self._last is not None and self._last[0] is item:
            return self._last[1]
        # All readings follow a collection: it also empties the interpreter's free lists.
        place = self._probes.read(peak=False)
        self._boundary.collect()
        base = self._probes.read(peak=False)
        del place
        return base

    def _read_settled(self, base: Reading) -> Reading:
        """The signals, after a moment's grace for threads and descriptors that are on their way.

        A library may end its threads a little after it has returned. Where waiting did not help
        in several runs, it is not tried again for this test.
        """
        reading = self._probes.read(peak=False)
        pause = _FIRST_PAUSE_S
        while self._hopeless < _MOST_VAIN_WAITS and _has_more(base, reading):
            if pause > self._longest_pause:
                self._hopeless += 1
                break
            _sleep(pause)
            pause *= 2
            reading = self._probes.read(peak=False)
        else:
            if pause > _FIRST_PAUSE_S:
                self._vain_items = 0
        return reading

    def window(
        self, item: pytest.Item, name: str, phase: Phase, repeats: int, nextitem: Any = None
    ) -> RepeatRecord:
        """Growth over many repeats between two collections of the whole heap. O(heap).

        A cycle that was alive at one boundary and dropped later waits among the frozen objects:
        each repeat alone seems to grow by it, all together do not. A window begins where the one
        before has ended, if nothing else has run since. It ends with a repeat that does not pass.
        """
        base, objects = self._base_of_window(item)
        outcome: Outcome = "passed"
        done, start = 0, _clock()
        while done < repeats and outcome == "passed":
            outcome = self._run(item, nextitem)
            settle_log_buffers(item)
            done += 1
        duration = _clock() - start
        # Threads that are on their way out hold what they run on: they end before the line.
        self._read_settled(base)
        self._boundary.collect_all()
        after, now = self._read_settled(base), self._boundary.tracked()
        self.pause()
        self._window_end = (item, after, now)
        return RepeatRecord(
            nodeid=name,
            phase=phase,
            number=done,
            growth=growth(base, after, now - objects),
            outcome=outcome,
            duration_s=round(duration, 6),
        )

    def _base_of_window(self, item: pytest.Item) -> tuple[Reading, int]:
        """Where a window starts from: the signals, and how many objects are tracked."""
        end = self._window_end
        if end is not None and end[0] is item:
            return end[1], end[2]
        # What goes with the first repeat goes now: what is known of the last one, and what the
        # interpreter's caches keep of a search for holders.
        self.pause()
        self._boundary.collect_all()
        clear_interpreter_caches()
        # What the repeats before have left goes before the base, all of it: one collection less
        # lets a dozen blocks go with the window, now and then.
        self._boundary.collect_all()
        clear_interpreter_caches()
        place = self._probes.read()
        self._boundary.collect_all()
        base, objects = self._probes.read(), self._boundary.tracked()
        del place
        return base, objects


def _has_more(base: Reading, reading: Reading) -> bool:
    pairs = ((base.threads, reading.threads), (base.fds, reading.fds))
    return any(a is not None and b is not None and b > a for a, b in pairs)
