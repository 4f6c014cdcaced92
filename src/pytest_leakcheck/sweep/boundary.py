"""The freeze boundary: what was born since the last boundary and is alive after a collection.

``gc.freeze()`` moves every tracked object out of the collector's sight, so the next
``gc.get_objects()`` shows only what came after: O(what the test did), not O(heap).

Three debts come with it. A reference cycle among frozen objects is not freed until
:meth:`Boundary.collect_all`. A test that calls ``gc.collect()`` itself must find the collector as
it left it: such collections are seen through ``gc.callbacks`` and run on the whole heap. And a test
that counts objects, or asks who refers to them, must find them all: while the boundary stands,
``gc.get_objects()`` is answered by :meth:`Boundary.list_all`, ``gc.get_referrers()`` by
:meth:`Boundary.list_referrers`.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import compress
from re import finditer
from types import ModuleType

from pytest_leakcheck.sweep.gc_lists import tracked_at

# The tests under measurement may patch the `gc` module.
_collect, _freeze, _unfreeze = gc.collect, gc.freeze, gc.unfreeze
_get_objects, _get_referents = gc.get_objects, gc.get_referents
_get_referrers = gc.get_referrers
_get_freeze_count = gc.get_freeze_count
_get_count, _get_threshold, _is_enabled = gc.get_count, gc.get_threshold, gc.isenabled
_INCREMENTAL = sys.version_info >= (3, 14)

#: Finalizers may make new garbage; a boundary collects until nothing is found, at most so often.
_MOST_COLLECTIONS = 3

#: Young objects that a test may have when it collects the heap itself, before notes grow.
_ROOM_FOR_EARLY = 1 << 16


class Boundary:
    """The line between what was there before and what was born since.

    Use :meth:`start` to begin, :meth:`survivors` to look, :meth:`draw` to begin anew. Before there
    is a line, :meth:`hide` already spares automatic collections the old heap.
    """

    def __init__(self) -> None:
        self._old_mark: list[None] = []
        self._young_mark: list[None] = []
        # Kept in one block that is there from the start: what the harness notes during a test must
        # not look like the test's growth.
        self._early = array("Q", bytes(8 * _ROOM_FOR_EARLY))
        self._early_count = 0
        self._thawed = False
        # The code under test listed the heap, which is in the open since.
        self._listed = False
        # What only a collection of the whole heap finds may be the test's own garbage.
        self._mingled = False
        self._in_the_open = False
        self._own = False
        self._watching = False
        self._drawn = False
        self._list_all = self.list_all
        self._listed_by = _get_objects
        # Called from C: a generator that calls Python code shows what its variables hold.
        self._list_referrers = partial(self.list_referrers)
        self._referrers_listed_by = _get_referrers
        self.debt = 0
        """Objects frozen since the last collection of the whole heap."""
        self.user_froze = False
        """Since the last :meth:`draw`, somebody else called ``gc.freeze()``."""
        self.user_unfroze = False
        """Since the last :meth:`draw`, somebody else called ``gc.unfreeze()``."""
        self.collected = 0
        """Unreachable objects that the collector has found, whoever called it, since
        :meth:`hide`."""

    def hide(self) -> None:
        """Freeze what there is, without a line. O(1).

        Until the first line, what an automatic collection of all that came since has left alive is
        frozen too: the heap grows while tests are imported, and the next such collection would go
        over all of it again.
        """
        if self._watching:
            return
        gc.callbacks.append(self._on_collection)
        self._listed_by, gc.get_objects = gc.get_objects, self._list_all
        self._referrers_listed_by, gc.get_referrers = gc.get_referrers, self._list_referrers
        self._watching = True
        _freeze()

    def start(self, *, collect: bool = True) -> int:
        """Freeze the whole heap and draw the first line. O(heap), once.

        Args:
            collect: collect it before, in one pass: what its finalizers leave waits for the next
                collection of the whole heap, as all garbage does without this.

        Returns:
            How many objects are tracked.
        """
        if collect:
            _collect()
        self._old_mark = []
        self.hide()
        self._drawn = True
        self.draw()
        self.debt = 0
        # O(heap), and without a list of all objects.
        return _get_freeze_count()

    def stop(self) -> None:
        """Give the heap back to the collector; nothing where it was not taken."""
        if not self._watching:
            return
        gc.callbacks.remove(self._on_collection)
        if gc.get_objects is self._list_all:
            gc.get_objects = self._listed_by
        if gc.get_referrers is self._list_referrers:
            gc.get_referrers = self._referrers_listed_by
        self._watching = self._drawn = False
        _unfreeze()

    def draw(self) -> None:
        """Draw the line here: everything alive is old from now on."""
        _freeze()
        self._listed = self._mingled = self._in_the_open = False
        self._early_count = 0
        self.user_froze = self.user_unfroze = False
        self._young_mark = []

    @property
    def mark(self) -> object:
        """The harness's own young object, which :meth:`survivors` shows too."""
        return self._young_mark

    def collect(self, most: int = _MOST_COLLECTIONS) -> int:
        """Collect what is young until nothing is found, or ``most`` times.

        Returns:
            Unreachable objects found.
        """
        self._own = True
        listed, mingled = self._listed, self._mingled
        if listed or mingled:
            self._remember_young()
        if mingled:
            # Each pass is over the whole heap: what finalizers make waits for the next one.
            _unfreeze()
            most = 1
        generation = 1 if listed and not mingled else 2
        try:
            found = total = _collect(generation)
            while found and most > 1:
                found = _collect(generation)
                total += found
                most -= 1
        finally:
            if listed or mingled:
                _freeze()
            self._listed = self._mingled = self._own = False
        return total

    def collect_all(self, most: int = _MOST_COLLECTIONS) -> int:
        """Collect the whole heap, old cycles included. O(heap), up to ``most`` times.

        Returns:
            Unreachable objects found.
        """
        _unfreeze()
        found = self.collect(most)
        self.draw()
        self.debt = 0
        return found

    def tracked(self) -> int:
        """How many objects there were when the line was drawn. O(heap), and without a list of
        them."""
        return _get_freeze_count()

    def thaw(self) -> None:
        """Show the whole heap to ``gc.get_referrers``; :meth:`draw` hides it again."""
        _unfreeze()
        self._in_the_open = True

    @contextmanager
    def keeping_garbage(self) -> Iterator[Callable[[], list[object]]]:
        """Let collections keep what they find; the value calls up a list of it."""
        self.collect()
        flags, was_on, mark = gc.get_debug(), _is_enabled(), len(gc.garbage)
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            yield lambda: gc.garbage[mark:]
        finally:
            gc.set_debug(flags)
            del gc.garbage[mark:]
            if was_on:
                gc.enable()
            self.collect()

    def survivors(self) -> list[object]:
        """What was born since the line was drawn and is alive. Collect first.

        The list holds live objects: drop it soon. O(survivors), or O(heap) where the test
        unfroze the heap itself, or collected it with a thousand young objects or with threads.
        """
        # No comprehension here: its cells would be among what it looks at.
        young = _get_objects()
        ids = set(map(id, young))
        mark = id(self._young_mark)
        if id(self._old_mark) in ids:
            # Old and new can no longer be told apart; the caller reports nothing from this test.
            self.user_unfroze = True
            return []
        if not self._early_count:
            self.user_froze = mark not in ids
            return young
        early = set(self._early[: self._early_count])
        self.user_froze = mark not in ids and mark not in early
        early -= ids
        early.difference_update((id(young), id(ids), id(early)))
        if early:
            young += alive_among(early)
        return young

    def list_all(self, generation: int | None = None) -> list[object]:
        """``gc.get_objects``, for the code under test: what is frozen is listed too. O(heap).

        The heap stays in the open until the test ends or collects all of it: frozen again, the
        test's garbage would be, too, and only a collection of the whole heap would find it.
        """
        if generation is not None:
            return _get_objects(generation)
        return self._in_the_whole(_get_objects)

    def list_referrers(self, *objects: object) -> list[object]:
        """``gc.get_referrers``, for the code under test: what is frozen is asked, too. O(heap)."""
        return self._in_the_whole(partial(_referrers_but, objects))

    def _in_the_whole(self, look: Callable[[], list[object]]) -> list[object]:
        """What the code under test finds where nothing is frozen."""
        if not self._watching or self._own or self._in_the_open:
            return look()
        if not self._listed:
            self._mingled = _INCREMENTAL or bool(_get_objects(2))
            self._remember_young()
            _unfreeze()
        try:
            return look()
        finally:
            if _INCREMENTAL:
                # Its generations do not tell young from old.
                _freeze()
            else:
                self._listed = True

    def young_ids(self) -> set[int]:
        """Ids of what is alive since the line, without a collection. O(young)."""
        young = set(self._early[: self._early_count]) if self._listed else set()
        for generation in self._young_generations():
            young.update(map(id, _get_objects(generation)))
        return young

    def _young_generations(self) -> tuple[int | None, ...]:
        """Where ``gc.get_objects`` finds the young, but those that were remembered."""
        return (0, 1) if self._listed else (None,)

    def _remember_young(self) -> None:
        """Note who is young, by id, before the line is lost."""
        if not self._drawn:
            return
        for generation in self._young_generations():
            self._remember(_get_objects(generation))

    def _remember(self, objects: list[object]) -> None:
        ids = array("Q", map(id, objects))
        end = self._early_count + len(ids)
        if end > len(self._early):
            self._early.extend(ids)  # rare: only then does the block grow
        self._early[self._early_count : end] = ids
        self._early_count = end

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        """Let a collection that the code under test asked for see the whole heap."""
        generation = info["generation"]
        if phase == "stop":
            self.collected += info["collected"]
        if self._own or generation < (1 if self._listed else 2):
            return
        if self._listed:
            # The heap is in the open already.
            if phase == "start":
                self._remember_young()
            elif generation == 2:
                _freeze()
                self._listed = self._mingled = False
            else:
                self._mingled = True
        elif phase == "start" and _asked_for():
            self._remember_young()
            _unfreeze()
            self._thawed = True
        elif phase == "stop" and (self._thawed or not self._drawn):
            _freeze()
            self._thawed = False


def _referrers_but(objects: tuple[object, ...]) -> list[object]:
    """Who refers to any of the objects, but the tuple that they are in."""
    return [holder for holder in _get_referrers(*objects) if holder is not objects]


def _having(objects: list[object], ids: set[int]) -> list[object]:
    """Those of the objects with these ids. O(objects).

    Where the ids lie close together, most of a heap is passed over by three bytes of its
    addresses, in a few passes of C over all of them, and few objects are asked for their id.
    """
    addresses = _addresses(objects)
    if addresses is not None:
        near = -1
        for place in _TELLING:
            theirs = bytearray(256)
            for key in ids:
                theirs[key >> 8 * place & 255] = 1
            near &= int.from_bytes(addresses[place::_POINTER].translate(theirs), "little")
        if near.bit_count() * _FEW < len(objects):
            places = finditer(b"\1", near.to_bytes(len(objects), "little"))
            objects = [objects[place.start()] for place in places]
    return list(compress(objects, map(ids.__contains__, map(id, objects))))


#: The bytes of an address that tell most, in little-endian order: below are the places within a
#: page, above what a whole heap shares.
_TELLING = (1, 2, 3)
#: Picking one object out takes as long as passing over a few.
_FEW = 16
_POINTER = ctypes.sizeof(ctypes.c_void_p)
#: Where a list keeps the address of its items: the last field but one.
_ITEMS_AT = list.__basicsize__ - 2 * _POINTER


def _addresses(objects: list[object]) -> bytes | None:
    """The ids of a list's objects as they stand in memory, a pointer each; ``None`` where this
    Python keeps them differently."""
    if sys.implementation.name != "cpython" or sys.byteorder != "little" or not objects:
        return None
    items = ctypes.c_void_p.from_address(id(objects) + _ITEMS_AT).value
    if items is None:
        return None
    found = ctypes.string_at(items, _POINTER * len(objects))
    first, last = (id(objects[end]).to_bytes(_POINTER, "little") for end in (0, -1))
    return found if found.startswith(first) and found.endswith(last) else None


def _asked_for() -> bool:
    """Whether a full collection was called for, not started by the allocation counters."""
    if _INCREMENTAL or not _is_enabled():
        return True
    count, threshold = _get_count(), _get_threshold()
    return not (count[0] > threshold[0] and count[2] > threshold[2])


def alive_among(ids: set[int]) -> list[object]:
    """The tracked objects with these ids, frozen or not. O(ids).

    O(heap) where they have to be looked for in a list of all objects; then the heap is in the open
    until the next :meth:`Boundary.draw`.
    """
    found = tracked_at(ids)
    if found is None:
        # Listed before anything else is made: a new object may have the id of a dead one.
        _unfreeze()
        found = _having(_get_objects(), ids)
    return found


def reach(roots: Iterable[object], young: dict[int, object]) -> set[int]:
    """Ids of the ``young`` objects that ``roots`` reach through young objects only.

    O(references of what is reached). Calls no code of the objects.
    """
    seen: set[int] = set()
    frontier: list[object] = list(roots)
    while frontier:
        new = young.keys() & map(id, _get_referents(*frontier))
        new -= seen
        seen |= new
        # Modules are passed over: see `referents` in explain/introspect.py for what they may show.
        frontier = [o for o in (young[key] for key in new) if type(o) is not ModuleType]
    return seen


_QUALNAME = type.__dict__["__qualname__"].__get__
_MODULE = type.__dict__["__module__"].__get__


def type_name(kind: type) -> str:
    """``module.QualName`` of a type; builtins without their module. Runs no user code."""
    name = _QUALNAME(kind)
    if type(name) is not str:  # a subclass of str may have a __format__ of its own
        name = "?"
    try:
        module = _MODULE(kind)
    except AttributeError:
        module = None
    if type(module) is not str or module == "builtins":
        return name
    return f"{module}.{name}"


def count_types(objects: Iterable[object], most: int = 12) -> dict[str, int]:
    """Objects by type name, the most frequent first; ties by name."""
    counts: dict[int, int] = {}
    kinds: dict[int, type] = {}
    for o in objects:
        kind = type(o)
        key = id(kind)
        counts[key] = counts.get(key, 0) + 1
        kinds[key] = kind
    named: dict[str, int] = {}
    for key, count in counts.items():
        name = type_name(kinds[key])
        named[name] = named.get(name, 0) + count
    ranked = sorted(named.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(ranked[:most])
