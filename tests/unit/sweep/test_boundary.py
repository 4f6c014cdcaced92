"""The freeze boundary: what was born since the line, and a collector left as it was found."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from gc import get_referrers as own_referrers
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.sweep import boundary as survivors
from pytest_leakcheck.sweep import gc_lists as by_address
from pytest_leakcheck.sweep.boundary import Boundary, count_types, reach, type_name


class Node:
    """An object that a test may leave."""

    def __init__(self) -> None:
        self.other: object = None


def a_cycle() -> Node:
    """Two nodes that hold each other."""
    one, other = Node(), Node()
    one.other, other.other = other, one
    return one


def nodes(objects: list[object]) -> list[Node]:
    """The nodes among some objects."""
    return [o for o in objects if type(o) is Node]


@pytest.fixture(name="line", params=["by address", "in a list"])
def _line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Boundary]:
    """A boundary that has begun, with either way to find survivors again that a collection has
    mixed with the old; the collector is as before afterwards."""
    if request.param == "in a list":
        monkeypatch.setattr(survivors, "tracked_at", lambda _: None)
    else:
        # A worker of pytest-xdist has another thread, that waits.
        monkeypatch.setattr(by_address, "_current_frames", lambda: {0: None})
    was_on = gc.isenabled()
    boundary = Boundary()
    boundary.start()
    yield boundary
    boundary.stop()
    if was_on:
        gc.enable()


def seen(line: Boundary) -> list[Node]:
    """The nodes that survive since the line."""
    line.collect()
    return nodes(line.survivors())


def test_what_is_born_after_the_line_and_alive_is_seen(line: Boundary) -> None:
    """Kept objects are survivors, dropped ones and dropped cycles are not."""
    kept = [Node(), Node()]
    Node()
    a_cycle()
    assert sorted(map(id, seen(line))) == sorted(map(id, kept))


def test_what_was_there_before_is_not_seen(line: Boundary) -> None:
    """Drawing the line again makes this test's survivors old."""
    old = Node()
    line.draw()
    young = Node()
    assert seen(line) == [young]
    assert old.other is None


def test_an_old_object_that_refers_to_a_young_one_keeps_it(line: Boundary) -> None:
    """A survivor is held from behind the line, and is a survivor all the same."""
    old = Node()
    line.draw()
    old.other = Node()
    assert seen(line) == [old.other]


def test_a_look_leaves_nothing_behind(line: Boundary) -> None:
    """Looking twice shows the same, and no object of the look itself is among it: only the test's
    own set is new."""
    first = {id(o) for o in line.survivors()}
    second = {id(o) for o in line.survivors()}
    assert second - first == {id(first)}


def test_a_cycle_that_dies_behind_the_line_waits_for_a_full_collection(line: Boundary) -> None:
    """The debt of freezing is paid by collect_all."""
    cycle = a_cycle()
    gone = weakref.ref(cycle)
    line.draw()
    line.debt = 7
    del cycle
    line.collect()
    assert gone() is not None
    assert line.collect_all() >= 2
    assert gone() is None
    assert line.debt == 0


def test_the_users_own_collection_sees_the_whole_heap(line: Boundary) -> None:
    """gc.collect() in a test frees a cycle from before the line, as it does without us."""
    cycle = a_cycle()
    gone = weakref.ref(cycle)
    line.draw()
    del cycle
    gc.collect()
    assert gone() is None


def test_the_users_own_collection_does_not_hide_survivors(line: Boundary) -> None:
    """What was young before the user's gc.collect() is still shown after it, once."""
    before = Node()
    gc.collect()
    after = Node()
    assert sorted(map(id, seen(line))) == sorted(map(id, [before, after]))
    assert not line.user_froze
    assert not line.user_unfroze


def test_several_collections_of_the_user_hide_nothing(line: Boundary) -> None:
    """Each notes what was young since the one before."""
    kept = []
    for _ in range(3):
        kept.append(Node())
        gc.collect()
    assert sorted(map(id, seen(line))) == sorted(map(id, kept))


def test_what_dies_after_the_users_collection_is_no_survivor(line: Boundary) -> None:
    """Objects noted as young may die before the look."""
    kept, dropped = Node(), Node()
    gc.collect()
    del dropped
    assert seen(line) == [kept]


def test_an_automatic_collection_does_not_thaw(line: Boundary) -> None:
    """Only collections that were asked for pay the price of the whole heap."""
    cycle = a_cycle()
    gone = weakref.ref(cycle)
    line.draw()
    del cycle
    threshold = gc.get_threshold()
    gc.set_threshold(10, 1, 1)
    try:
        hoard = [[] for _ in range(20_000)]  # type: ignore[var-annotated]
    finally:
        gc.set_threshold(*threshold)
    assert len(hoard) == 20_000
    assert gone() is not None


def test_the_users_own_count_of_objects_sees_the_whole_heap(line: Boundary) -> None:
    """gc.get_objects() shows what is older than the line, before and after a collection too."""
    old = Node()
    line.draw()
    young = Node()
    for _ in range(2):
        assert sorted(map(id, nodes(gc.get_objects()))) == sorted(map(id, [old, young]))
        gc.collect()


def count_objects() -> None:
    """As a test would: by the name in the module, which another function may have."""
    gc.get_objects()


def ask_for_referrers() -> None:
    """The same."""
    gc.get_referrers(None)


def test_who_refers_to_an_object_is_told_of_the_whole_heap(line: Boundary) -> None:
    """gc.get_referrers() finds holders that are older than the line, and nobody else."""
    held = Node()
    old = [held]
    line.draw()
    young = [held]
    for _ in range(2):
        holders = [holder for holder in gc.get_referrers(held) if type(holder) is not FrameType]
        assert sorted(map(id, holders)) == sorted(map(id, [old, young]))
        del holders
        gc.collect()


def test_a_generator_that_asks_is_no_referrer(line: Boundary) -> None:
    """While it runs, its variables are not shown, as without the harness."""

    def ask() -> Iterator[list[object]]:
        mine = Node()
        yield [holder for holder in gc.get_referrers(mine) if type(holder) is not FrameType]

    assert next(ask()) == []


@pytest.mark.parametrize("look", [count_objects, ask_for_referrers])
def test_a_look_at_the_heap_hides_no_survivor_and_makes_none(
    line: Boundary, look: Callable[[], object]
) -> None:
    """What is young before and after it survives; cycles that die before and after it do not."""
    before, dies = Node(), a_cycle()
    a_cycle()
    look()
    after = Node()
    del dies
    a_cycle()
    assert sorted(map(id, seen(line))) == sorted(map(id, [before, after]))
    assert not line.user_froze
    assert not line.user_unfroze
    line.draw()
    assert seen(line) == []


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="generations are others there")
def test_after_a_count_of_objects_only_the_young_are_collected(line: Boundary) -> None:
    """A collection of the whole heap would take long, and find what is none of the test's."""
    old, young = a_cycle(), a_cycle()
    gone = weakref.ref(old)
    line.draw()
    gc.get_objects()
    del old, young
    young = a_cycle()
    died = weakref.ref(young)
    del young
    assert seen(line) == []
    assert died() is None
    assert gone() is not None
    line.collect_all()


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_a_collection_beside_a_count_hides_nothing(line: Boundary, generation: int) -> None:
    """Whichever generation moves where: survivors are shown once, and dead cycles not at all."""
    kept, dies = [Node()], [a_cycle()]
    for step in (gc.get_objects, partial(gc.collect, generation)) * 2:
        kept.append(Node())
        dies.append(a_cycle())
        step()
        dies.append(a_cycle())
    del dies
    gc.collect(generation)
    assert sorted(map(id, seen(line))) == sorted(map(id, kept))
    line.draw()
    assert seen(line) == []


@pytest.mark.parametrize("incremental", [False, True])
def test_counts_in_a_row_see_the_whole_heap(
    line: Boundary, monkeypatch: pytest.MonkeyPatch, incremental: bool
) -> None:
    """Where generations do not tell young from old, too."""
    monkeypatch.setattr(survivors, "_INCREMENTAL", incremental)
    old = Node()
    line.draw()
    kept = []
    for _ in range(3):
        kept.append(Node())
        a_cycle()
        assert {id(old), *map(id, kept)} <= set(map(id, nodes(gc.get_objects())))
    assert sorted(map(id, seen(line))) == sorted(map(id, kept))


def test_who_is_young_is_known_while_the_heap_is_open(line: Boundary) -> None:
    """A fixture that lists the heap is not charged with all of it."""
    old = Node()
    line.draw()
    before = Node()
    gc.get_objects()
    after = Node()
    gc.collect(1)
    assert {id(before), id(after)} <= line.young_ids()
    assert id(old) not in line.young_ids()


def test_a_look_at_one_generation_is_the_interpreters(line: Boundary) -> None:
    """gc.get_objects(generation=0) shows the young, and does not move them."""
    old = Node()
    line.draw()
    young = Node()
    shown = nodes(gc.get_objects(0))
    assert young in shown
    assert old not in shown


def test_an_open_heap_is_listed_as_it_is(line: Boundary) -> None:
    """While the harness itself has thawed the heap, listing it does not freeze it again."""
    target = Node()
    holder = [target]
    line.draw()
    line.thaw()
    assert target in nodes(gc.get_objects())
    assert any(o is holder for o in gc.get_referrers(target))
    line.draw()


@pytest.mark.parametrize("generation", [0, 1])
def test_a_users_young_collection_does_not_thaw(line: Boundary, generation: int) -> None:
    """gc.collect(0) looks at the young only, with or without us."""
    kept = Node()
    gc.collect(generation)
    assert seen(line) == [kept]


def test_a_users_freeze_is_noticed(line: Boundary) -> None:
    """gc.freeze() in a test hides its survivors: the boundary says so."""
    kept = Node()
    gc.freeze()
    assert seen(line) == []
    assert line.user_froze
    assert not line.user_unfroze
    assert kept.other is None


def test_a_users_unfreeze_is_noticed(line: Boundary) -> None:
    """gc.unfreeze() in a test takes the line away: nothing is reported, and it is said."""
    kept = Node()
    gc.unfreeze()
    assert seen(line) == []
    assert line.user_unfroze
    assert kept.other is None


@pytest.mark.parametrize("disturb", [gc.freeze, gc.unfreeze])
def test_a_disturbance_ends_with_the_test(line: Boundary, disturb: Any) -> None:
    """The next line stands again."""
    disturb()
    line.collect()
    line.survivors()
    line.draw()
    kept = Node()
    assert seen(line) == [kept]
    assert not line.user_froze
    assert not line.user_unfroze


def test_a_quiet_test_disturbs_nothing(line: Boundary) -> None:
    """No false alarm without a call of the user's."""
    Node()
    assert seen(line) == []
    assert not line.user_froze
    assert not line.user_unfroze


@pytest.mark.parametrize("enabled", [True, False])
def test_stop_gives_the_collector_back_as_it_was(enabled: bool) -> None:
    """Callbacks, thresholds, flags, the switch, and nothing left frozen."""
    (gc.enable if enabled else gc.disable)()
    try:
        callbacks, threshold, flags = list(gc.callbacks), gc.get_threshold(), gc.get_debug()
        listing = gc.get_objects, gc.get_referrers
        boundary = Boundary()
        boundary.start()
        Node()
        boundary.collect()
        boundary.survivors()
        boundary.draw()
        boundary.stop()
        assert gc.get_freeze_count() == 0
        assert gc.callbacks == callbacks
        assert (gc.get_objects, gc.get_referrers) == listing
        assert gc.get_threshold() == threshold
        assert gc.get_debug() == flags
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


@pytest.fixture(name="hidden")
def _hidden() -> Iterator[Boundary]:
    """A boundary before its first line, as while tests are collected."""
    boundary = Boundary()
    boundary.hide()
    yield boundary
    boundary.stop()


def test_what_is_hidden_is_collected_when_asked_for(hidden: Boundary) -> None:
    """Before the first line as well, code that collects the heap finds it whole, and the heap is
    out of sight again afterwards."""
    gc.disable()
    try:
        gone = weakref.ref(a_cycle())
        hidden.stop()
        hidden.hide()  # the garbage, too
        kept = [Node() for _ in range(1000)]
        frozen = gc.get_freeze_count()
        gc.collect()
    finally:
        gc.enable()
    assert gone() is None
    assert gc.get_freeze_count() >= frozen + len(kept) // 2


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="no automatic collection is of everything")
def test_what_an_automatic_collection_leaves_before_the_first_line_is_hidden(
    hidden: Boundary,
) -> None:
    """The heap that grows meanwhile is gone over once."""
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.set_threshold(10, 1, 1)
    try:
        kept = [Node() for _ in range(100_000)]
    finally:
        gc.set_threshold(*threshold)
    assert gc.get_freeze_count() > frozen
    hidden.start(collect=False)
    assert nodes(hidden.survivors()) == []
    assert len(kept) == 100_000


def test_nobody_is_young_before_the_first_line(hidden: Boundary) -> None:
    """What is alive when the first line is drawn is old, also where the heap was listed and
    collected before."""
    early = [Node() for _ in range(100)]
    assert any(o is early[0] for o in gc.get_objects())
    gc.collect()
    hidden.start(collect=False)
    late = Node()
    assert seen(hidden) == [late]
    assert not hidden.user_froze
    assert not hidden.user_unfroze


def test_stop_without_start_takes_nothing_away() -> None:
    """A boundary that never began has no callback to remove, and no heap to give back."""
    callbacks = list(gc.callbacks)
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        Boundary().stop()
        assert gc.get_freeze_count() >= frozen > 0
    finally:
        gc.unfreeze()
    assert gc.callbacks == callbacks


@given(st.lists(st.integers(0, 3000), max_size=40), st.booleans())
def test_objects_are_found_by_id_however_a_list_keeps_them(places: list[int], hidden: bool) -> None:
    """By the addresses in a list and without them, the same objects in the same order; an id of
    nothing in the list finds nothing."""
    heap: list[object] = [Node() if n % 3 else [n] for n in range(3001)]
    other = Node()
    ids = {id(heap[place]) for place in places} | {id(other)}
    wanted = [o for o in heap if id(o) in ids]
    with pytest.MonkeyPatch.context() as patch:
        if hidden:
            patch.setattr(survivors, "_addresses", lambda _: None)
        found = survivors._having(heap, ids)
    assert len(found) == len(set(places))
    assert all(a is b for a, b in zip(found, wanted, strict=True))


@pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.byteorder != "little",
    reason="elsewhere a list keeps its items differently",
)
def test_addresses_are_ids() -> None:
    """The bytes are those of the ids, in order; an empty list has none."""
    heap: list[object] = [Node(), "text", Node(), 7]
    told = survivors._addresses(heap)
    assert told is not None
    assert list(memoryview(told).cast("P")) == list(map(id, heap))
    assert survivors._addresses([]) is None


def test_a_thaw_shows_old_objects_to_the_collector(line: Boundary) -> None:
    """gc.get_referrers finds holders from before the line only then."""
    target = Node()
    holder = [target]
    line.draw()
    assert not any(o is holder for o in own_referrers(target))
    line.thaw()
    assert any(o is holder for o in own_referrers(target))
    line.draw()


def test_garbage_can_be_kept_to_be_looked_at(line: Boundary) -> None:
    """Inside the block collections keep what they find; afterwards it is gone and so are the
    flags."""
    flags, was_on, before = gc.get_debug(), gc.isenabled(), len(gc.garbage)
    with line.keeping_garbage() as garbage:
        a_cycle()
        line.collect()
        assert len(nodes(garbage())) == 2
    assert nodes(gc.get_objects()) == []
    assert (gc.get_debug(), gc.isenabled(), len(gc.garbage)) == (flags, was_on, before)


def test_the_collectors_total_counts_what_it_freed(line: Boundary) -> None:
    """Late garbage is the difference of two totals."""
    before = line.collected
    for _ in range(5):
        a_cycle()
    line.collect()
    assert line.collected - before >= 10


# --- reach ---------------------------------------------------------------------------------------


class Linked:
    """Holds its attribute without a dict between, which 3.10 would show as an object."""

    __slots__ = ("other",)

    other: Linked


def test_reach_goes_through_young_objects_only() -> None:
    """An old object on the way ends the walk."""
    deep, old, direct = Linked(), Linked(), Linked()
    old.other = deep
    root = [direct, old]
    young = {id(direct): direct, id(deep): deep}
    assert reach([root], dict(young)) == {id(direct)}
    young[id(old)] = old
    assert reach([root], dict(young)) == set(young)


def test_reach_ends_on_cycles() -> None:
    """Objects that hold each other are seen once."""
    one, two = Linked(), Linked()
    one.other, two.other = two, one
    young: dict[int, object] = {id(o): o for o in (one, two)}
    assert reach([one], young) == set(young)


# --- types ---------------------------------------------------------------------------------------


class Hostile(type):
    """A metaclass that answers nothing."""

    def __getattribute__(cls, name: str) -> Any:
        raise AssertionError(f"the user's code was run for {name}")

    def __eq__(cls, other: object) -> bool:
        raise AssertionError("the user's code was run for ==")

    def __hash__(cls) -> int:
        raise AssertionError("the user's code was run for hash()")

    def __repr__(cls) -> str:
        raise AssertionError("the user's code was run for repr()")


def test_a_hostile_metaclass_is_named_without_being_asked() -> None:
    """Neither naming nor counting runs a line of the user's code."""
    kind: Any = Hostile("Trap", (), {"__module__": "app.traps"})
    assert type_name(kind) == "app.traps.Trap"
    assert count_types([object.__new__(kind), object.__new__(kind)]) == {"app.traps.Trap": 2}


class Loud(str):
    """A str that must not be formatted."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        raise AssertionError("the user's code was run for format()")

    def __str__(self) -> str:
        raise AssertionError("the user's code was run for str()")


@pytest.mark.parametrize("module", [None, 3, "builtins", Loud("x")])
def test_odd_modules_leave_the_bare_name(module: object) -> None:
    """A type whose __module__ is no plain text is named by its name alone."""
    assert type_name(type("Odd", (), {"__module__": module})) == "Odd"


def test_a_qualified_name_of_an_odd_type_is_not_formatted() -> None:
    """A str subclass as __qualname__ does not get to run code, nor into a record."""
    name = type_name(type("Odd", (), {"__module__": "app", "__qualname__": Loud("Odd")}))
    assert type(name) is str


def test_builtins_have_no_module_and_others_have() -> None:
    """Short where it is clear, full where it is not."""
    assert type_name(dict) == "dict"
    assert type_name(weakref.WeakSet) == "_weakrefset.WeakSet"
    assert type_name(Node) == f"{__name__}.Node"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, "a", 2.0, (), None, b""]), max_size=30), st.integers(1, 6))
def test_types_are_counted_most_frequent_first(objects: list[object], most: int) -> None:
    """Counts fall, none is invented, and no more than asked for are told."""
    counts = count_types(objects, most)
    kinds = [type_name(type(o)) for o in objects]
    assert counts == {name: kinds.count(name) for name in counts}
    assert len(counts) == min(most, len(set(kinds)))
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
