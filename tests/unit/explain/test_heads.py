"""Heads: culprits among survivors, and what they retain."""

from __future__ import annotations

import gc
import time
from typing import Any

from graphs import graph, root
from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.explain.heads import find_heads, heads_of, strong_components
from pytest_leakcheck.explain.introspect import Sizes
from pytest_leakcheck.explain.subgraph import Subgraph, survey


@st.composite
def references(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(min_value=1, max_value=12))
    nodes = st.integers(min_value=0, max_value=count - 1)
    return draw(st.lists(st.lists(nodes, max_size=4), min_size=count, max_size=count))


def reachable(edges: list[list[int]], starts: list[int]) -> set[int]:
    seen, work = set(starts), list(starts)
    while work:
        for target in edges[work.pop()]:
            if target not in seen:
                seen.add(target)
                work.append(target)
    return seen


@given(references())
def test_every_survivor_is_reachable_from_some_head_and_no_head_from_another(
    edges: list[list[int]],
) -> None:
    heads = heads_of(Subgraph(edges, [1] * len(edges)))
    assert reachable(edges, [h.representative for h in heads]) == set(range(len(edges)))
    for head in heads:
        below = reachable(edges, [head.representative])
        others = {m for h in heads if h is not head for m in h.members}
        assert not below & others


@given(references())
def test_a_head_owns_exactly_what_no_other_head_reaches(edges: list[list[int]]) -> None:
    sizes = [3**n for n in range(len(edges))]
    heads = heads_of(Subgraph(edges, sizes))
    for head in heads:
        others = [h.representative for h in heads if h is not head]
        own = reachable(edges, [head.representative]) - reachable(edges, others)
        assert set(head.owned) == own
        assert head.objects == len(own)
        assert head.bytes == sum(sizes[n] for n in own)


@given(references())
def test_components_are_the_classes_of_mutual_reachability(edges: list[list[int]]) -> None:
    reach = [reachable(edges, [n]) for n in range(len(edges))]
    expected = {frozenset(m for m in reach[n] if n in reach[m]) for n in range(len(edges))}
    found = strong_components(edges)
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    position = {node: at for at, component in enumerate(found) for node in component}
    assert all(position[t] <= position[n] for n in range(len(edges)) for t in edges[n])


def test_components_of_a_deep_chain_need_no_recursion() -> None:
    deep = [[n + 1] for n in range(50_000)] + [[0]]
    assert len(strong_components(deep)) == 1


def test_the_language_of_graphs_gives_the_same_heads() -> None:
    g = graph(
        root("app").attr("a").holds("A").attr("b").holds("B").attr("shared").holds("S"),
        root("app").attr("c").holds("C").attr("shared").holds("S"),
    )
    nodes = [g[name] for name in ("B", "A", "S", "C")]
    heads = heads_of(g.subgraph(nodes))
    assert [(h.representative, h.owned, h.bytes) for h in heads] == [
        (1, [0, 1], 200),
        (3, [3], 100),
    ]


class Held:
    """Refers to anything, by an ordinary attribute."""

    def __init__(self, *held: object) -> None:
        self.held = list(held)


def survivors_of(*roots: Any) -> list[Any]:
    """The tracked objects below these, as the measuring room would find them."""
    found: list[Any] = []
    work = list(roots)
    while work:
        o = work.pop()
        if gc.is_tracked(o) and type(o) is not type and not any(o is f for f in found):
            found.append(o)
            work += gc.get_referents(o)
    return found


def test_a_live_head_retains_its_victims_and_the_values_only_it_refers_to() -> None:
    payload = bytearray(10_000)
    size = payload.__sizeof__()
    head = Held(payload)
    del payload
    found = find_heads(survivors_of(head))
    assert len(found) == 1
    assert size < found[0].bytes < size + 1_000


def test_values_that_others_share_are_not_charged() -> None:
    shared = bytearray(10_000)
    found = find_heads(survivors_of(Held(shared)))
    assert found[0].bytes < 1_000


def test_values_shared_within_one_head_are_charged_once() -> None:
    payload = bytearray(10_000)
    size = payload.__sizeof__()
    head = Held(Held(payload), Held(payload))
    del payload
    found = find_heads(survivors_of(head))
    assert size < found[0].bytes < size + 2_000


def test_values_shared_between_two_heads_are_charged_to_none() -> None:
    payload = bytearray(10_000)
    one, two = Held(payload), Held(payload)
    del payload
    assert max(h.bytes for h in find_heads(survivors_of(one, two))) < 1_000


def test_untracked_containers_below_a_head_are_followed() -> None:
    head = Held({"text": "".join(map(str, range(3_000)))})
    assert find_heads(survivors_of(head))[0].bytes > 10_000


def test_a_cycle_is_one_head_represented_by_the_member_held_from_outside() -> None:
    one, two = Held(), Held()
    one.held.append(two)
    two.held.append(one)
    keep = [two, two, two]
    survivors = survivors_of(one)
    del one
    found = find_heads(survivors)
    assert len(found) == 1
    assert survivors[found[0].representative] is two
    del keep


def test_a_weak_reference_goes_with_what_it_points_to() -> None:
    import weakref

    class Listener:
        pass

    listener = Listener()
    weak = weakref.ref(listener)
    found = find_heads([weak, listener])
    assert [h.representative for h in found] == [1]
    assert found[0].objects == 2


def test_heads_of_ten_thousand_survivors_stay_within_their_budget() -> None:
    survivors: list[Any] = []
    for _ in range(2_500):
        head = Held({"x": [1]})
        survivors += survivors_of(head)
    best = min(timed(survivors) for _ in range(5))
    assert best < 0.25, "about 30 ms on a machine of its own"


def timed(survivors: list[object]) -> float:
    began = time.process_time()
    assert len(find_heads(survivors)) == 2_500
    return time.process_time() - began


def test_the_survey_keeps_nothing() -> None:
    import sys

    o = Held()
    before = sys.getrefcount(o)
    subgraph = survey(survivors_of(o), Sizes())
    assert sys.getrefcount(o) == before
    assert subgraph.references[0]
