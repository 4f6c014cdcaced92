"""Which tests of a sweep are repeated, and which of them stand for the others."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.model.journal_lines import FixtureRecord, TestRecord
from pytest_leakcheck.model.run import Span
from pytest_leakcheck.model.settings import Settings, Thresholds
from pytest_leakcheck.model.signals import Growth, Reading
from pytest_leakcheck.screen.candidate import Candidate
from pytest_leakcheck.screen.candidates import DISTURBED, find_candidates
from pytest_leakcheck.screen.fixtures import find_fixture_candidates
from pytest_leakcheck.screen.floor import sweep_floor
from pytest_leakcheck.screen.grouping import (
    choose_representatives,
    quickest_of_each,
    split_by_function,
)
from pytest_leakcheck.screen.nodeids import function_of
from pytest_leakcheck.screen.order import choose_screened
from pytest_leakcheck.screen.signature import signature
from pytest_leakcheck.screen.telling import telling_files

QUICK = settings(max_examples=60, deadline=None)
LIMITS = Thresholds()


def swept(nodeid: str = "t.py::test", growth: Growth | None = None, **changes: Any) -> TestRecord:
    """One test's account; quiet unless said otherwise."""
    plain: dict[str, Any] = {
        "nodeid": nodeid,
        "index": 0,
        "outcome": "passed",
        "duration_s": 0.1,
        "reading": Reading(at_s=1.0),
        "growth": quiet() if growth is None else growth,
        "pytest_survivors": 18,
    }
    return TestRecord(**{**plain, **changes})


def quiet(**changes: int | None) -> Growth:
    """What the median test of a suite leaves: pytest's own share."""
    resources = dict.fromkeys(("fds", "threads", "children"), 0)
    plain = {"rss_bytes": 0, "heap_bytes": 700, "blocks": 32, "survivors": 0, **resources}
    return Growth(**{**plain, **changes})


def suite(*odd: TestRecord, size: int = 20) -> list[TestRecord]:
    """Quiet tests with a few odd ones among them."""
    return [*(swept(f"t.py::quiet[{n}]") for n in range(size)), *odd]


@pytest.mark.parametrize(
    ("kept", "blocks", "suspected"),
    [
        (0, 1, False),
        (0, 2, True),
        (5, 11, False),
        (5, 12, True),
        (16, 33, False),
        (500, 33, False),
        (500, 34, True),
        (-5, 1, False),
        (-5, 2, True),
    ],
)
def test_pytests_share_is_larger_where_it_keeps_more_objects(
    kept: int, blocks: int, suspected: bool
) -> None:
    """Two blocks for each beyond the median test's, of sixteen at most."""
    tests = [swept(f"t.py::quiet[{n}]", pytest_survivors=18) for n in range(20)]
    odd = swept("t.py::odd", quiet(blocks=32 + blocks), pytest_survivors=18 + kept)
    candidates = find_candidates([*tests, odd], LIMITS)
    assert [candidate.nodeid for candidate in candidates] == ["t.py::odd"] * suspected


def found(*odd: TestRecord) -> list[str]:
    """Node ids of the candidates of a suite."""
    return [s.nodeid for s in find_candidates(suite(*odd), LIMITS)]


def signed(test: TestRecord) -> str:
    """A test's signature in a quiet suite."""
    return signature(test, sweep_floor(suite(), LIMITS))


# --- candidates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "value", "word"),
    [
        ("survivors", 1, "1 object survives it"),
        ("heap_bytes", 9000, "the C heap grew by 9000 bytes"),
        ("blocks", 50, "50 Python blocks stay"),
        ("fds", 1, "1 file descriptors stay"),
        ("threads", 2, "2 threads stay"),
        ("children", 1, "1 child processes stay"),
    ],
)
def test_each_signal_alone_makes_a_candidate(signal: str, value: int, word: str) -> None:
    """One signal beyond the floor is reason enough for repeats, and is told in words."""
    test = swept("t.py::odd", quiet(**{signal: value}))
    (candidate,) = find_candidates(suite(test), LIMITS)
    assert candidate.nodeid == "t.py::odd"
    assert candidate.why == word


@pytest.mark.parametrize(
    ("signal", "value"),
    [
        ("heap_bytes", 700 + LIMITS.candidate_heap_bytes),
        ("blocks", 32 + LIMITS.candidate_blocks),
        ("rss_bytes", 10**9),
        ("fds", -1),
    ],
)
def test_what_is_at_the_floor_is_no_candidate(signal: str, value: int) -> None:
    """At the limit, falling, or seen by RSS alone: not worth a repeat."""
    assert found(swept("t.py::odd", quiet(**{signal: value}))) == []


def test_a_signal_that_is_not_seen_here_accuses_nobody() -> None:
    """``None`` is not growth, for one test or for all."""
    assert found(swept("t.py::odd", Growth())) == []
    assert find_candidates([swept(growth=Growth())], LIMITS) == []
    assert find_candidates([], LIMITS) == []


@pytest.mark.parametrize("outcome", ["failed", "error", "skipped", "xfailed", "xpassed"])
def test_only_passed_tests_are_repeated(outcome: Any) -> None:
    """A failed test's traceback keeps its locals; that is no leak of its own."""
    assert found(swept("t.py::odd", quiet(survivors=50), outcome=outcome)) == []


@pytest.mark.parametrize("note", sorted(DISTURBED))
def test_disturbed_tests_are_not_repeated(note: str) -> None:
    """A test that forks or handles the collector's line itself cannot be read."""
    assert found(swept("t.py::odd", quiet(survivors=50), notes=[note])) == []


def test_a_note_that_disturbs_nothing_does_not_excuse() -> None:
    """Other notes leave the suspicion."""
    assert found(swept("t.py::odd", quiet(survivors=50), notes=["tracer-taken"])) == ["t.py::odd"]


def test_a_restless_suite_raises_its_own_limit() -> None:
    """Where ordinary tests differ by kilobytes, a kilobyte is no reason."""
    restless = [swept(f"t.py::a[{n}]", quiet(heap_bytes=n * 1000)) for n in range(20)]
    odd = swept("t.py::odd", quiet(heap_bytes=25_000))
    assert find_candidates([*restless, odd], LIMITS) == []
    assert found(odd) == ["t.py::odd"]


def test_most_tests_leaking_does_not_hide_objects() -> None:
    """The floor covers the signals that pytest moves, never survivors."""
    tests = [swept(f"t.py::a[{n}]", quiet(survivors=3)) for n in range(9)]
    assert len(find_candidates(tests, LIMITS)) == 9


# --- signatures ----------------------------------------------------------------------------------


def test_tests_that_leave_the_same_types_share_a_signature() -> None:
    """Over the whole suite, and whatever builtins lie beside them."""
    one = swept("a.py::x", quiet(survivors=2), types={"app.Client": 1, "dict": 1})
    other = swept("b.py::y", quiet(survivors=9), types={"app.Client": 4, "list": 5})
    assert signed(one) == signed(other)


def test_other_types_are_another_signature() -> None:
    """A different class is a different cause, in the same test even."""
    one = swept("a.py::x", quiet(survivors=1), types={"app.Client": 1})
    other = swept("a.py::x", quiet(survivors=1), types={"app.Server": 1})
    assert signed(one) != signed(other)


@pytest.mark.parametrize("signal", ["fds", "threads", "children"])
def test_resources_tell_signatures_apart(signal: str) -> None:
    """The same types with a descriptor more are another way to leak, with one less they are not."""
    one = swept("a.py::x", quiet(), types={"app.Client": 1})
    other = swept("a.py::x", quiet(**{signal: 3}), types={"app.Client": 1})
    fewer = swept("a.py::x", quiet(**{signal: -1}), types={"app.Client": 1})
    assert signed(one) != signed(other)
    assert signed(one) == signed(fewer)  # what ended was another test's


def test_without_a_telling_type_only_one_function_is_grouped() -> None:
    """Builtins alone say little: parametrised cases are grouped, other functions are not."""
    grew = quiet(blocks=100)
    assert signed(swept("a.py::x[1]", grew)) == signed(swept("a.py::x[2]", grew))
    assert signed(swept("a.py::x[1]", grew)) != signed(swept("a.py::y[1]", grew))


def test_the_magnitude_of_native_growth_tells_nameless_signatures_apart() -> None:
    """Without a type a kilobyte and five megabytes are not the same cause; 5.0 and 5.3 MB are."""

    def heavy(size: int, types: dict[str, int]) -> str:
        return signed(swept("a.py::x", quiet(heap_bytes=size), types=types))

    assert heavy(5_000_000, {}) == heavy(5_300_000, {})
    assert heavy(5_000_000, {}) != heavy(5_000, {})
    assert heavy(5_000_000, {"app.Client": 1}) == heavy(5_000, {"app.Client": 1})


def test_the_interpreters_own_types_tell_nothing() -> None:
    """A weak reference or an enum beside two leaks does not make them one."""
    one = swept("a.py::x", quiet(survivors=1), types={"weakref.ReferenceType": 1})
    other = swept("a.py::y", quiet(survivors=1), types={"weakref.ReferenceType": 1})
    assert signed(one) != signed(other)


@pytest.mark.parametrize(
    ("what", "tells"),
    [
        ("file chroma.sqlite3", True),
        ("file data_level0.bin", True),
        ("deleted file .coverage", True),
        ("file *_log.txt", True),
        ("file tmp*", False),
        ("file tmp*.db", False),
        ("file *.db", False),
        ("file *", False),
        ("pipe", False),
        ("socket", False),
        ("device /dev/null", False),
    ],
)  # fmt: skip
def test_a_file_with_a_name_of_its_own_tells(what: str, tells: bool) -> None:
    """A suffix, and what chance has chosen, do not."""
    assert telling_files([what]) == [what] * tells


def test_tests_that_leave_the_same_files_open_are_grouped_over_the_suite() -> None:
    """Other files, or none that tells, are another signature."""
    open_file = quiet(fds=1)
    one, same, other = (
        signed(swept(f"{name}.py::x", open_file, opened=[f"file {file}.bin"]))
        for name, file in (("a", "data"), ("b", "data"), ("b", "header"))
    )
    assert one == same != other
    nameless = [signed(swept(f"{name}.py::x", open_file, opened=["pipe"])) for name in "ab"]
    assert nameless[0] != nameless[1]


# --- what most tests leave -----------------------------------------------------------------------

#: What a fixture of all tests keeps until it is set up again.
BUS = {"cell": 5, "app.Bus": 1}


def keeping(
    nodeid: str, grown: Growth | None = None, more: Mapping[str, int] | None = None
) -> TestRecord:
    """A test that leaves what the fixture keeps, and more by type."""
    types = {**BUS, **(more or {})}
    growth = quiet(survivors=sum(types.values())) if grown is None else grown
    return swept(nodeid, growth, types=types)


def signatures(*tests: TestRecord) -> dict[str, str]:
    """Of the candidates of a suite in which each test leaves what the fixture keeps."""
    plain = [keeping(f"t.py::keeps_{n}") for n in range(20)]
    return {s.nodeid: s.signature for s in find_candidates([*plain, *tests], LIMITS)}


def test_what_most_tests_leave_is_one_signature() -> None:
    """A few repeats tell of all of them; each is a candidate still."""
    found = signatures()
    assert len(found) == 20
    assert len(set(found.values())) == 1


def test_what_a_test_leaves_beside_it_is_its_own() -> None:
    """It is grouped by that as if the rest were not there."""
    found = signatures(
        keeping("a.py::x", more={"app.Client": 1}),
        swept("b.py::y", quiet(survivors=1), types={"app.Client": 1}),
        keeping("c.py::z", more={"dict": 1}),
        keeping("d.py::more", more={"cell": 6}),
    )
    assert found["a.py::x"] == found["b.py::y"]
    own = [found[nodeid] for nodeid in ("t.py::keeps_0", "a.py::x", "c.py::z", "d.py::more")]
    assert len(set(own)) == 4


@pytest.mark.parametrize(("signal", "value"), [("heap_bytes", 9000), ("blocks", 99), ("fds", 1)])
def test_another_signal_beside_it_is_no_common_growth(signal: str, value: int) -> None:
    """What moved that is not known to be the fixture's."""
    found = signatures(keeping("a.py::x", quiet(survivors=6, **{signal: value})))
    assert found["a.py::x"] != found["t.py::keeps_0"]


def test_objects_of_types_that_were_not_written_down_are_no_common_growth() -> None:
    """The types of a record are the most frequent only."""
    found = signatures(keeping("a.py::x", quiet(survivors=7)))
    assert found["a.py::x"] != found["t.py::keeps_0"]


def test_half_of_the_tests_are_not_most_and_a_small_suite_has_none() -> None:
    """There each function speaks for itself."""
    bare = [swept(f"b.py::bare_{n}") for n in range(20)]
    plain = [keeping(f"t.py::keeps_{n}") for n in range(20)]
    assert sweep_floor([*plain, *bare], LIMITS).types == {}
    assert sweep_floor([*plain, *bare[1:]], LIMITS).types == BUS
    assert sweep_floor(plain[:19], LIMITS).types == {}


@QUICK
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)), min_size=20))
def test_more_than_half_of_the_tests_leave_what_is_common(left: list[dict[str, int]]) -> None:
    """Of each type as many, and of one more it were half at most."""
    tests = [swept(f"t.py::x_{n}", types=types) for n, types in enumerate(left)]
    common = sweep_floor(tests, LIMITS).types
    for name in "abc":
        count = common.get(name, 0)
        assert sum(types.get(name, 0) >= count for types in left) * 2 > len(left)
        assert sum(types.get(name, 0) > count for types in left) * 2 <= len(left)


# --- what was not read after each test -----------------------------------------------------------


def unread(nodeid: str) -> TestRecord:
    """A test after which the slow signals were not read."""
    return swept(nodeid, quiet(heap_bytes=None, blocks=None))


def test_neighbours_that_grew_together_are_all_candidates() -> None:
    """Beyond as many times the median test as there are; each by itself, since any may have."""
    tests = suite(*(unread(f"t.py::u[{n}]") for n in range(6)))
    spans = [
        Span(("t.py::u[0]", "t.py::u[1]", "t.py::u[2]"), "blocks", 3 * 32 + 4),
        Span(("t.py::u[3]", "t.py::u[4]"), "blocks", 2 * 32 + 2),
        Span(("t.py::u[3]", "t.py::u[4]"), "heap_bytes", 2 * 700 + 2048),
        Span(("t.py::u[4]", "t.py::u[5]"), "heap_bytes", 2 * 700 + 2049),
    ]
    candidates = {s.nodeid: s for s in find_candidates(tests, LIMITS, spans)}
    assert list(candidates) == [f"t.py::u[{n}]" for n in (0, 1, 2, 4, 5)]
    assert len({s.signature for s in candidates.values()}) == 5
    assert candidates["t.py::u[0]"].why == "over 3 tests, of which it is one, 4 blocks stay"
    assert "the C heap grew by 2049 bytes" in candidates["t.py::u[5]"].why


def test_a_suite_that_is_never_read_after_single_tests_has_a_floor() -> None:
    """Of what spans of them grew by on average."""
    tests = [unread(f"t.py::u[{n}]") for n in range(40)]
    spans = [
        Span(tuple(f"t.py::u[{4 * n + k}]" for k in range(4)), "blocks", 4 * 32 + 5 * (n == 5))
        for n in range(10)
    ]
    assert [s.nodeid for s in find_candidates(tests, LIMITS, spans)] == [
        f"t.py::u[{n}]" for n in range(20, 24)
    ]


def test_a_candidate_of_its_own_keeps_its_signature_in_a_span() -> None:
    """What it left by itself tells more."""
    odd = swept("t.py::odd", quiet(survivors=1, blocks=None), types={"app.Client": 1})
    span = Span(("t.py::quiet[3]", "t.py::odd"), "blocks", 2 * 32 + 50)
    found = {s.nodeid: s for s in find_candidates(suite(odd), LIMITS, [span])}
    assert found["t.py::odd"].signature == signed(odd)
    assert found["t.py::odd"].why.startswith("1 object survives it; over 2 tests")


# --- witnesses -----------------------------------------------------------------------------------


def candidate(nodeid: str, weight: float = 1.0, signature: str = "s") -> Candidate:
    """A candidate of one signature."""
    return Candidate(nodeid=nodeid, signature=signature, weight=weight, why="grew")


def test_the_heaviest_is_the_first_witness() -> None:
    """Order of the run does not matter, weight does."""
    chosen = choose_representatives([candidate("a.py::x", 1), candidate("a.py::y", 9)], 1)
    assert [s.nodeid for s in chosen["s"]] == ["a.py::y"]


def test_witnesses_come_from_other_files_first() -> None:
    """Three heavy tests of one file leave room for lighter ones elsewhere."""
    group = [candidate(f"a.py::x{n}", 100 - n) for n in range(5)]
    group += [candidate("b.py::y", 2), candidate("c.py::z", 1)]
    chosen = choose_representatives(group, 3)["s"]
    assert [s.nodeid for s in chosen] == ["a.py::x0", "b.py::y", "c.py::z"]


def test_in_one_file_other_functions_come_first() -> None:
    """Parametrised cases of one function are the last choice."""
    group = [candidate(f"a.py::x[{n}]", 100 - n) for n in range(5)] + [candidate("a.py::y", 1)]
    chosen = choose_representatives(group, 3)["s"]
    assert [s.nodeid for s in chosen] == ["a.py::x[0]", "a.py::y", "a.py::x[1]"]


@QUICK
@given(
    nodeids=st.lists(
        st.builds("{}.py::{}[{}]".format, *[st.integers(0, 3)] * 3), unique=True, max_size=20
    ),
    most=st.integers(1, 5),
)
def test_every_group_sends_as_many_as_it_may(nodeids: list[str], most: int) -> None:
    """Never more than asked for, never fewer than there are, none twice."""
    group = [candidate(nodeid, signature=nodeid[0]) for nodeid in nodeids]
    for name, chosen in choose_representatives(group, most).items():
        size = sum(s.signature == name for s in group)
        assert len(chosen) == len({s.nodeid for s in chosen}) == min(most, size)


def test_a_signature_of_several_functions_is_split_where_somebody_is_unheard() -> None:
    """One of a single function is as fine as it gets, and one that was heard is left alone."""
    mixed = [candidate(f"a.py::{name}", signature="mixed") for name in ("x[1]", "x[2]", "y[1]")]
    single = [candidate(f"b.py::x[{n}]", signature="single") for n in range(3)]
    heard = [candidate(f"c.py::{name}", signature="heard") for name in "xy"]
    finer = split_by_function([*mixed, *single, *heard], {"a.py::x[2]", "b.py::x[2]"})
    assert [s.nodeid for s in finer] == ["a.py::x[1]", "a.py::x[2]", "a.py::y[1]"]
    signatures = [s.signature for s in finer]
    assert signatures[0] == signatures[1] != signatures[2]
    assert "mixed" not in signatures


def test_witnesses_are_heard_beside_those_who_were() -> None:
    """As many as one signature may have, all in all; the heaviest first."""
    group = [candidate(f"a.py::x[{n}]", n) for n in range(5)]
    other = [candidate("b.py::y", signature="t")]
    more = choose_representatives([*group, *other], 3, {"a.py::x[0]"})
    found = [s.nodeid for chosen in more.values() for s in chosen]
    assert found == ["a.py::x[4]", "a.py::x[3]", "b.py::y"]
    assert choose_representatives(group, 3, {s.nodeid for s in group[:4]}) == {"s": []}


def test_the_quickest_speaks_where_nobody_of_its_signature_was_heard() -> None:
    """Of equally quick ones the first by name, whatever they weigh."""
    group = [replace(candidate(f"a.py::x[{n}]", n), duration_s=1.0 + (n > 2)) for n in range(5)]
    heard = [candidate("b.py::y", signature="t"), candidate("b.py::z", signature="t")]
    assert [s.nodeid for s in quickest_of_each([*group, *heard], {"b.py::y"})] == ["a.py::x[0]"]


@QUICK
@given(
    names=st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 9)), unique=True, max_size=20),
    unheard=st.sets(st.integers(0, 19)),
)
def test_finer_signatures_never_join_two_functions(
    names: list[tuple[str, int]], unheard: set[int]
) -> None:
    """And keep every member of the signatures that they replace."""
    group = [candidate(f"a.py::{name}[{n}]") for name, n in names]
    waiting = {s.nodeid for at, s in enumerate(group) if at in unheard}
    finer = split_by_function(group, waiting)
    assert len(finer) in (0, len(group))
    functions: dict[str, set[str]] = {}
    for s in finer:
        functions.setdefault(s.signature, set()).add(function_of(s.nodeid))
    assert all(len(of) == 1 for of in functions.values())


# --- wider fixtures ------------------------------------------------------------------------------


def moved(phase: Any, growth: Growth, instance: int = 1, **changes: Any) -> FixtureRecord:
    """A wider fixture's set-up or finaliser."""
    plain: dict[str, Any] = {
        "fixture": "db",
        "scope": "module",
        "where": "t.py",
        "nodeid": "t.py::a",
    }
    return FixtureRecord(phase=phase, growth=growth, instance=instance, **{**plain, **changes})


def accused(*records: FixtureRecord) -> list[str]:
    """Names of the fixture candidates."""
    return [s.name for s in find_fixture_candidates(records, LIMITS)]


BIG = quiet(heap_bytes=5_000_000)


def test_a_fixture_that_keeps_what_it_took_is_a_candidate() -> None:
    """Its name stands for it, and the test that sets it up runs it again."""
    (kept,) = find_fixture_candidates([moved("setup", BIG), moved("finalise", quiet())], LIMITS)
    assert kept.name == "t.py::db [module fixture]"
    assert kept.nodeid == "t.py::a"
    assert kept.balance.heap_bytes == 5_000_700


def test_a_fixture_that_gives_back_is_none() -> None:
    """Growth at set-up less what the finaliser freed is what counts."""
    assert accused(moved("setup", BIG), moved("finalise", quiet(heap_bytes=-4_999_000))) == []


@pytest.mark.parametrize("signal", ["fds", "threads", "children"])
def test_one_resource_kept_is_enough(signal: str) -> None:
    """Descriptors, threads and children are exact."""
    kept = moved("setup", quiet(**{signal: 1})), moved("finalise", quiet())
    assert accused(*kept) == ["t.py::db [module fixture]"]


def test_a_fixture_still_up_is_not_accused() -> None:
    """Without a finaliser seen there is no balance."""
    assert accused(moved("setup", BIG)) == []
    assert accused(moved("finalise", BIG)) == []


def test_session_fixtures_live_as_long_as_the_run() -> None:
    """What they keep is no growth from test to test."""
    records = [moved(phase, BIG, scope="session") for phase in ("setup", "finalise")]
    assert accused(*records) == []


def test_a_fixture_is_accused_once() -> None:
    """Set up by ten modules or classes, it is repeated once."""
    records = [moved(phase, BIG, instance=n) for n in range(10) for phase in ("setup", "finalise")]
    assert accused(*records) == ["t.py::db [module fixture]"]


def test_a_parametrised_fixture_pairs_by_instance() -> None:
    """Interleaved set-ups and finalisers are matched by their instance."""
    freed = quiet(heap_bytes=-5_000_000)
    records = [
        moved("setup", BIG, 1),
        moved("setup", quiet(), 2, fixture="other"),
        moved("finalise", freed, 1),
        moved("finalise", quiet(), 2, fixture="other"),
    ]
    assert accused(*records) == []


# --- what is screened ---------------------------------------------------------------------------


def test_one_of_each_function_is_screened_first_and_the_heaviest() -> None:
    """Instances share a fate more often than functions do."""
    tests = [
        swept("t.py::a[1]", quiet(heap_bytes=900)),
        swept("t.py::a[2]", quiet(heap_bytes=1000)),
        swept("t.py::b"),
    ]
    assert _screened(tests) == ["t.py::a[2]", "t.py::b", "t.py::a[1]"]


def test_whom_others_cleared_is_screened_before_the_silent() -> None:
    """They grew, and none of their own repeats has said that it was nothing."""
    tests = [swept("t.py::a[1]"), swept("t.py::a[2]"), swept("t.py::b")]
    assert _screened(tests, cleared={"t.py::a[2]"})[0] == "t.py::a[2]"


def test_functions_beside_a_leak_are_screened_first_one_test_of_each() -> None:
    """A file's tests use the same code; its instances do not keep other files waiting."""
    tests = [swept(f"t.py::{name}") for name in ("a[1]", "a[2]", "b")]
    tests += [swept(f"u.py::{name}") for name in ("a[1]", "a[2]", "b")]
    assert _screened(tests, cleared={"t.py::b"}, near={"u.py"}) == [
        *("t.py::b", "u.py::a[1]", "u.py::b"),
        *("t.py::a[1]", "t.py::a[2]", "u.py::a[2]"),
    ]


def _screened(
    tests: list[TestRecord], cleared: Container[str] = (), near: Container[str] = ()
) -> list[str]:
    return [test.nodeid for test in choose_screened(tests, (), Settings(), cleared, near)]


# --- what is no floor ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "candidates"),
    [({"heap_bytes": 2_000_000}, 60), ({"blocks": 4000}, 60), ({"heap_bytes": 8_000}, 0)],
)
def test_what_every_test_leaves_is_no_floor_beyond_pytests_share(
    left: dict[str, int], candidates: int
) -> None:
    """A suite whose every test leaves two megabytes has no clean test."""
    tests = [swept(f"t.py::t[{n}]", quiet(**left)) for n in range(60)]
    assert len(find_candidates(tests, LIMITS)) == candidates


def test_a_spread_of_megabytes_hides_nothing() -> None:
    """Tests that leave more or less, each of them much."""
    tests = [swept(f"t.py::t[{n}]", quiet(heap_bytes=n * 100_000)) for n in range(1, 61)]
    assert len(find_candidates(tests, LIMITS)) == 60
