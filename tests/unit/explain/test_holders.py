"""The search for holders on graphs of a few lines."""

from __future__ import annotations

import ctypes
import sys
import weakref
from typing import Any

import _pytest
import pytest
from graphs import NEVER, Chain, Graph, graph, loose, root

from pytest_leakcheck.explain import holders
from pytest_leakcheck.explain.graph import LiveGraph, ObjectGraph
from pytest_leakcheck.explain.holders import find_holder, find_holders
from pytest_leakcheck.explain.paths import Path, holder_line


def line(path: Path | None) -> str:
    assert path is not None
    return holder_line(path.root.name, path.hops)


def held(g: Graph, head: str, *ignore: str) -> str:
    seam: ObjectGraph = g
    return line(find_holder(seam, [g[head]], [id(g[name]) for name in ignore]))


def test_the_holder_is_a_path_with_keys_collapsed() -> None:
    g = graph(root("app").attr("cache").key("x").holds("Session"))
    assert held(g, "Session") == "app.cache[*]"


def test_the_shortest_path_wins() -> None:
    g = graph(
        root("far").attr("a").key(1).key(2).holds("Session"),
        root("near").attr("pool").key(3).holds("Session"),
    )
    assert held(g, "Session") == "near.pool[*]"


def test_the_harness_is_asked_last() -> None:
    g = graph(
        root("_pytest.runner", toll=1000).key("x").holds("Session"),
        root("app").attr("a").key(1).key(2).key(3).holds("Session"),
    )
    assert held(g, "Session") == "app.a[*][*][*]"


def test_the_harness_is_named_where_it_alone_holds() -> None:
    g = graph(root("_pytest.runner", toll=1000).attr("items").key(0).holds("Session"))
    assert held(g, "Session") == "_pytest.runner.items[*]"


def test_barred_objects_are_no_holders() -> None:
    g = graph(
        root("pytest_leakcheck", toll=NEVER).key("x").holds("Session"),
        root("app").attr("a").key(1).holds("Session"),
    )
    assert held(g, "Session") == "app.a[*]"


def test_ignored_objects_are_no_holders() -> None:
    g = graph(
        root("list of survivors").key(0).holds("Session"),
        root("app").attr("a").key(1).holds("Session"),
    )
    assert held(g, "Session", "list of survivors") == "app.a[*]"


def test_the_module_under_test_comes_before_the_test_that_imports_it() -> None:
    g = graph(
        root("test_app", rank=1).attr("REG").holds("list", name="reg"),
        root("zz_app").attr("REG").holds("list", name="reg").key(0).holds("Session"),
    )
    assert held(g, "Session") == "zz_app.REG[*]"


def test_a_container_is_a_better_answer_than_an_attribute_that_is_replaced() -> None:
    g = graph(
        root("app").attr("last_call").holds("Call"),
        root("app").attr("calls").key(0).holds("Call"),
    )
    assert held(g, "Call") == "app.calls[*]"


def test_an_attribute_is_the_answer_where_nothing_else_is_near() -> None:
    g = graph(root("app").attr("last_call").holds("Call"))
    assert held(g, "Call") == "app.last_call"


def test_an_aliased_home_is_worse_than_the_home() -> None:
    g = graph(
        root("asyncio").attr("logger").holds("logging.Manager", name="m"),
        root("logging")
        .attr("manager")
        .holds("logging.Manager", name="m")
        .attr("d")
        .key(1)
        .holds("L"),
    )
    assert held(g, "L") == "logging.manager.d[*]"


def test_what_nothing_visible_refers_to_is_held_from_c() -> None:
    g = graph(loose("list").key(0).holds("Callback"))
    assert held(g, "Callback") == "(list held from C)[*]"


def test_a_head_that_nothing_holds_names_itself() -> None:
    g = graph(loose("method"))
    assert line(find_holder(g, [g["loose method"]], ())) == "(method held from C)"


@pytest.mark.parametrize("first", [0, 1])
def test_of_a_cycle_that_only_c_holds_the_member_of_a_compiled_type_is_named(first: int) -> None:
    """The other member may have been referred to for a moment only: by name it would come first."""
    g = graph(loose("app.Handler"), loose("libev.watcher", compiled=True))
    members = [g["loose app.Handler"], g["loose libev.watcher"]]
    assert line(find_holder(g, members[first:] + members[:first], ())) == (
        "(libev.watcher held from C)"
    )


def test_a_cycle_of_survivors_is_entered_by_the_member_that_is_held() -> None:
    g = graph(
        root("app").attr("registry").key("p").holds("System"),
        loose("Part").attr("system").holds("System").attr("part").holds("Part", name="loose Part"),
    )
    path = find_holder(g, [g["loose Part"], g["System"]], ())
    assert line(path) == "app.registry[*]"
    assert path is not None
    assert path.head is g["System"]


def test_several_heads_share_one_walk() -> None:
    g = graph(
        root("app").attr("a").key(1).holds("A"),
        root("app").attr("b").key(1).holds("B"),
    )
    paths = find_holders(g, [[g["A"]], [g["B"]]], ())
    assert [line(p) for p in paths] == ["app.a[*]", "app.b[*]"]
    assert g.asked[0] == ["A", "B"]


def test_a_way_that_one_head_did_not_need_is_open_to_another() -> None:
    """What holds the first head as well was passed over when that had its root."""
    g = graph(
        root("near").key(1).holds("A"),
        root("far").attr("p").holds("P").key("a").holds("A"),
        root("far").attr("p").holds("P").attr("x").attr("y").key(1).holds("B"),
    )
    paths = find_holders(g, [[g["A"]], [g["B"]]], ())
    assert [line(path) for path in paths] == ["near[*]", "far.p.x.y[*]"]


def nodes(length: int, name: str = "node") -> Chain:
    """A linked list that an attribute of the module refers to, up to its last node."""
    chain = root("app").attr("first")
    for n in range(length):
        chain = chain.holds("Node", name=f"{name} {n}").attr("next")
    return chain


def test_a_linked_list_is_passed_in_one_leap() -> None:
    g = graph(nodes(50).holds("Node", name="last"))
    path = find_holder(g, [g["last"]], [])
    assert path is not None
    assert (path.root.name, len(path.chain)) == ("app", 52)
    assert len(g.asked) < 12


def test_a_leap_does_not_pass_by_what_holds_a_node_on_the_way() -> None:
    g = graph(
        nodes(50).holds("Node", name="last"),
        root("near").attr("recent").key(1).holds("Node", name="node 30"),
    )
    path = find_holder(g, [g["last"]], [])
    assert line(path).startswith("near.recent[*].next")


def test_a_linked_list_that_ends_in_c_is_held_from_c() -> None:
    chain = loose("Node").attr("next")
    for n in range(50):
        chain = chain.holds("Node", name=f"node {n}").attr("next")
    g = graph(chain.holds("Node", name="last"))
    assert held(g, "last").startswith("(Node held from C).next")


def fanned_out(number: int = 5) -> list[Chain]:
    """A session with so many holders in one container."""
    return [root("app").attr("hub").key(n).attr("x").holds("Session") for n in range(number)]


def test_of_a_level_that_fans_out_some_nodes_stand_for_all() -> None:
    g = graph(*fanned_out())
    path = find_holders(g, [[g["Session"]]], (), width=3)[0]
    assert line(path) == "app.hub[*].x"
    assert [len(asked) for asked in g.asked[:2]] == [1, 4]


def test_the_nodes_that_stand_for_all_are_of_several_types() -> None:
    same = [loose("Reader").attr("of").holds("Session", name="s") for _ in range(8)]
    for n, reader in enumerate(same):
        reader.start.name = f"reader {n}"
    other = root("app").attr("hub").key(0).holds("Pool").attr("x").holds("Session", name="s")
    g = graph(*same, other)
    path = find_holders(g, [[g["s"]]], (), width=3)[0]
    assert line(path) == "app.hub[*].x"
    assert "Pool" in g.asked[1]


def test_where_those_lead_nowhere_a_forward_walk_finds_the_rest() -> None:
    lost = [loose(f"Reader {n}").attr("of").holds("Session") for n in range(5)]
    g = graph(*lost, root("app").attr("hub").key(0).attr("x").holds("Session"))
    path = find_holders(g, [[g["Session"]]], (), width=3)[0]
    assert line(path) == "app.hub[*].x"


def test_before_the_harness_is_asked_a_forward_walk_looks_for_others() -> None:
    lost = [
        root(f"_pytest.{n}", toll=1000).attr("x").holds(f"R {n}").attr("of").holds("Session")
        for n in range(5)
    ]
    g = graph(*lost, root("app").attr("hub").key(0).attr("x").holds("Session"))
    path = find_holders(g, [[g["Session"]]], (), width=3)[0]
    assert line(path) == "app.hub[*].x"


def test_where_a_look_past_the_harness_finds_nothing_the_harness_is_searched_through() -> None:
    """What stands for a wide level is held by nothing that is seen, what was left out by pytest."""
    lost = [loose(f"Reader {n}").attr("of").holds("Session") for n in range(5)]
    hook = loose("Hook").attr("y").holds("Session")
    hook.start.toll = 1000
    plugin = root("_pytest.plugin", toll=1000).attr("hub").key(0).attr("x").holds("Session")
    g = graph(*lost, hook, plugin)
    path = find_holders(g, [[g["Session"]]], (), width=3)[0]
    assert line(path) == "_pytest.plugin.hub[*].x"


def test_ways_that_are_open_again_are_walked_together() -> None:
    """Else each would take levels of its own, until there are too many."""
    chains, heads = [], []
    for n, depth in enumerate([3, 6, 9, 12]):
        above = loose(f"Top {n}")
        for step in range(6):
            above = above.attr("up").holds(f"Up {n} {step}")
        above = above.attr("p").holds(f"P {n}")
        below = Chain(above.start, list(above.links))
        for step in range(depth):
            below = below.attr("down").holds(f"Down {n} {step}")
        near = root(f"near {n}").key(1).holds(f"A {n}")
        chains += [near, above.key("a").holds(f"A {n}"), below.attr("b").holds(f"B {n}")]
        heads += [f"A {n}", f"B {n}"]
    g = graph(*chains)
    paths = find_holders(g, [[g[head]] for head in heads], ())
    assert [line(path).partition(".")[0] for path in paths[1::2]] == [
        f"(Top {n} held from C)" for n in range(4)
    ]


def found_forwards(g: Graph, *heads: str) -> list[Path | None]:
    """By the walk from the modules, since the time is up; all heads are ignored as holders."""
    nodes = [g[head] for head in heads]
    groups = [[node] for node in nodes]
    return find_holders(g, groups, [*map(id, nodes)], clock=lambda: 1.0, budget_s=-1.0)


def test_a_forward_walk_finds_a_head_that_is_itself_among_the_ignored() -> None:
    """All survivors are ignored as holders, the heads among them too."""
    g = graph(*fanned_out())
    path = found_forwards(g, "Session")[0]
    assert line(path) == "app.hub[*].x"


@pytest.mark.parametrize("batch", [1, 2, 3, 512])
def test_a_forward_walk_finds_its_way_back_through_the_batches(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "_BATCH", batch)
    others = [root(f"other{n}").key(1).key(n).attr("y").holds(f"thing {n}") for n in range(7)]
    deep = root("rows").attr("first")
    for n in range(20):
        deep = deep.key(n)
    g = graph(*others[:4], *fanned_out(), deep.holds("Row"), *others[4:])
    paths = found_forwards(g, "Session", "Row")
    assert [line(path) for path in paths] == ["app.hub[*].x", "rows.first" + "[*]" * 20]


@pytest.mark.parametrize("width", [40, 400])
@pytest.mark.parametrize("way", [(), ("pool",)])
def test_of_many_holders_one_that_leads_to_a_root_is_named(
    width: int, way: tuple[str, ...]
) -> None:
    """Only some of them are climbed from; the others here are held by nothing that is seen."""
    lost = [loose(f"Reader {n}").attr("of").holds("Session") for n in range(50)]
    app = root("app")
    for name in (*way, "hub"):
        app = app.attr(name)
    g = graph(*lost, app.holds("Session"))
    path = find_holders(g, [[g["Session"]]], (), width=width)[0]
    assert line(path) == ".".join(("app", *way, "hub"))


def test_holders_that_only_the_head_itself_holds_lead_nowhere() -> None:
    """A tree's node with many children that point back to it."""
    back = [
        loose("Node").attr("children").key(n).holds("Leaf", name=f"leaf {n}") for n in range(40)
    ]
    back = [chain.attr("parent").holds("Node", name="loose Node") for chain in back]
    g = graph(*back, root("app").attr("hub").holds("Node", name="loose Node"))
    assert held(g, "loose Node") == "app.hub"


def test_time_that_is_up_ends_in_a_forward_walk() -> None:
    g = graph(root("app").attr("a").key(1).key(2).holds("Session"))
    ticks = iter(range(10_000))
    path = find_holders(g, [[g["Session"]]], (), clock=lambda: next(ticks), budget_s=0)[0]
    assert line(path) == "app.a[*][*]"
    assert g.asked == []


@pytest.mark.parametrize("length", [4, 40])
def test_a_path_down_a_linked_list_has_one_length(length: int) -> None:
    chain = root("app").attr("head").holds("Node", name="node 0")
    for number in range(1, length):
        chain = chain.attr("next").holds("Node", name=f"node {number}")
    g = graph(chain)
    assert held(g, f"node {length - 1}") == "app.head.next…"


# --- on live objects -----------------------------------------------------------------------------


class Head:
    """What is looked for."""


class Linked:
    """With an attribute, and a method for a weak reference to call."""

    ref: Any = None

    def gone(self, reference: object) -> None: ...


def live(heads: list[Head]) -> list[str]:
    groups: list[list[Any]] = [[head] for head in heads]
    return [line(path) for path in find_holders(LiveGraph(), groups, {id(heads)})]


@pytest.mark.parametrize("depth", [4, 14])
def test_lists_in_lists_on_the_stack(depth: int) -> None:
    """A chain of lists is passed without the search's own lists."""
    head = Head()
    nested: list[Any] = [head]
    for _ in range(depth):
        nested = [nested]
    (found,) = live([head])
    assert "local nested in" in found
    assert found.endswith("[*]" * (depth + 1))


def test_of_a_wide_level_what_was_left_out_is_no_end_of_sight() -> None:
    heads = [Head(), Head(), Head()]
    gathered = [tuple([[head] for _ in range(100)]) for head in heads]
    found = live(heads)
    assert len(gathered) == len(found)
    assert all("local gathered in" in name and name.endswith("[*][*][*]") for name in found)


def test_a_chain_is_not_left_through_a_weak_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects linked by the callbacks of weak references to something that holds nothing."""
    service, first = Linked(), Linked()
    monkeypatch.setattr(sys.modules[__name__], "SERVICE", service, raising=False)
    last = first
    for _ in range(15):
        following = Linked()
        last.ref = weakref.ref(service, following.gone)
        last = following
    last.ref = head = Head()
    monkeypatch.setattr(sys.modules[__name__], "OTHER", {1: {2: first}}, raising=False)
    del first, last, following
    (found,) = live([head])
    assert found.startswith(f"{__name__}.OTHER[*][*].ref")


def test_of_many_holders_one_past_the_harness_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    head = Head()
    monkeypatch.setattr(_pytest, "fake", [[head] for _ in range(200)], raising=False)
    held: Any = head
    for _ in range(6):
        held = [held]
    monkeypatch.setattr(sys.modules[__name__], "OTHER", held, raising=False)
    del held
    (found,) = live([head])
    assert found == f"{__name__}.OTHER" + "[*]" * 6


def circle() -> tuple[Linked, Head]:
    """A server that holds a head, and a handler that refers back to the server."""
    head, server, handler = Head(), Linked(), Linked()
    server.ref = [handler, head]
    handler.ref = server
    return server, head


def test_a_circle_on_the_stack_is_named_by_its_local() -> None:
    server, head = circle()
    (found,) = live([head])
    assert "local server in" in found
    assert found.endswith(".ref[*]")
    assert server.ref[1] is head


def test_a_circle_that_c_holds_is_held_from_c() -> None:
    server, head = circle()
    address = id(server)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))
    del server
    try:
        assert live([head]) == [f"({__name__}.Linked held from C).ref[*]"]
    finally:
        ctypes.pythonapi.Py_DecRef(ctypes.cast(address, ctypes.py_object))
