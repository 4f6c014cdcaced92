"""Paths as records: steps with suspects, folded lines, fingerprints."""

from __future__ import annotations

import re

from graphs import graph, root
from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.explain.graph import Hop
from pytest_leakcheck.explain.holders import find_holder
from pytest_leakcheck.explain.paths import Path, fingerprint, fold, holder_line, steps_of


def path_to(*, key: object = "x", status: str = "unknown") -> tuple[Path, list[str]]:
    g = graph(
        root("app")
        .attr("Client")
        .holds("app.Client", status="expected")
        .attr("pool")
        .holds("Pool", status=status)
        .key(key)
        .holds("Session")
    )
    path = find_holder(g, [g["Session"]], ())
    assert path is not None
    return path, [s.status + ("!" if s.suspect else "") for s in steps_of(g, path)]


def test_edges_between_the_expected_and_the_head_are_suspect() -> None:
    _, states = path_to()
    assert states == ["expected", "expected", "unknown!", "unknown!"]


def test_only_the_edge_into_a_stuck_object_is_suspect_and_all_below_is_stuck() -> None:
    _, states = path_to(status="stuck")
    assert states == ["expected", "expected", "stuck!", "stuck"]


def test_steps_have_both_the_edge_for_people_and_the_generic_one() -> None:
    g = graph(root("app").attr("cache").holds("dict").key("k").holds("Session"))
    path = find_holder(g, [g["Session"]], ())
    assert path is not None
    steps = [(s.edge, s.generic, s.type) for s in steps_of(g, path)]
    assert steps == [("", "app", "app"), (".cache", ".cache", "dict"), ("['k']", "[*]", "Session")]


@given(st.text(), st.one_of(st.text(), st.integers(), st.tuples(st.text(), st.integers())))
def test_the_fingerprint_does_not_depend_on_keys(one: str, other: object) -> None:
    first, second = path_to(key=one)[0], path_to(key=other)[0]
    prints = {
        fingerprint(p.root.name, [hop.generic for hop in p.hops], "Session")
        for p in (first, second)
    }
    assert len(prints) == 1
    assert holder_line("app", first.hops) == "app.Client.pool[*]"


@given(
    st.tuples(st.text(), st.lists(st.text(alphabet="ab.[*]"), max_size=4), st.text()),
    st.tuples(st.text(), st.lists(st.text(alphabet="ab.[*]"), max_size=4), st.text()),
)
def test_the_fingerprint_tells_roots_paths_and_heads_apart(
    one: tuple[str, list[str], str], other: tuple[str, list[str], str]
) -> None:
    flat = ["\n".join([a, *b, c]) for a, b, c in (one, other)]
    assert (fingerprint(*one) == fingerprint(*other)) == (flat[0] == flat[1])


def test_the_fingerprint_is_stable_across_machines() -> None:
    assert fingerprint("app", [".cache", "[*]"], "Session") == "fabd929390f8"
    assert re.fullmatch("[0-9a-f]{12}", fingerprint("", [], ""))


def test_counters_in_made_up_names_do_not_tell_causes_apart() -> None:
    """A library that numbers what it compiles leaks for one cause."""
    one, other = (fingerprint("app", [f".compiled_{n}", "[*]"], "dict") for n in (1401, 14052))
    assert one == other
    assert fingerprint("app", [".sha_256"], "") != fingerprint("app", [".sha_512"], "")
    assert fingerprint("test_issue_1234", [".A"], "") != fingerprint("test_issue_5678", [".A"], "")


def hops(*generics: str) -> list[Hop]:
    return [Hop(None, generic, generic) for generic in generics]


@given(st.integers(min_value=3, max_value=50))
def test_repeated_steps_are_folded_whatever_their_number(count: int) -> None:
    folded = fold(hops(".head", *[".children", "[*]"] * count, ".x"))
    assert [h.generic for h in folded] == [".head", ".children", "[*]…", ".x"]


def test_wrappers_of_wrappers_are_folded() -> None:
    line = holder_line("app.run", hops(*["closure cell old of wrap.<locals>.inner"] * 5))
    assert line == "app.run → closure cell old of wrap.<locals>.inner…"


def test_nested_containers_are_not_folded() -> None:
    assert holder_line("app.cache", hops("[*]", "[*]", "[*]", ".x")) == "app.cache[*][*][*].x"


def test_a_cache_is_written_around_its_function() -> None:
    hop = Hop(None, "cache of f[*]", "cache[*]", "cache of {}[*]")
    assert holder_line("app.Service.f", [hop, *hops(".x")]) == "cache of app.Service.f[*].x"


def test_edges_in_words_are_set_off_by_an_arrow() -> None:
    line = holder_line("app.handler", hops("closure cell x of f", "[*]"))
    assert line == "app.handler → closure cell x of f[*]"
