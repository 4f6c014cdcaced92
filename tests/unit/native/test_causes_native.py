"""Native causes: who is named for growth without a holder, and who is not."""

from __future__ import annotations

from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import CompiledCall, WatchRecord
from pytest_leakcheck.native.causes import HELD_FROM_C, native_cause, with_compiled_code

LIBRARY = "igraph/_igraph.cpython-311-x86_64-linux-gnu.so"


def site(function: str, size: int, library: str = LIBRARY, **more: object) -> Site:
    """A place in compiled code that left so many bytes in one block."""
    values = {"file": "src/a.c", "line": 3, "native": True, "caller": "test_a (t.py)", **more}
    return Site(function=function, bytes=size, blocks=1, library=library, **values)  # type: ignore[arg-type]


def test_the_function_and_the_shared_object_make_the_name() -> None:
    """And the Python function that called it stands beside."""
    cause = native_cause([site("reserve", 5000), site("noise", 100, "lib/libother.so")], 5100)
    assert cause is not None
    assert cause.head == "reserve in _igraph.cpython-311-x86_64-linux-gnu.so"
    assert cause.label == "called by test_a (t.py)"
    assert cause.kind == "native"
    assert [found.function for found in cause.sites] == ["reserve", "noise"]


def test_what_does_not_account_for_half_of_the_growth_accuses_nobody() -> None:
    """memray may not have seen the leak."""
    assert native_cause([site("reserve", 400), site("noise", 90, "libother.so")], 1000) is None


def test_together_libraries_do_not_account_for_what_none_does_alone() -> None:
    """Each library answers for its own."""
    shares = [site(name, 300, f"{name}.so") for name in ("a", "b", "c")]
    assert native_cause(shares, 1000) is None


def test_the_functions_of_one_library_count_together() -> None:
    """A leaked tree is allocated by several of them."""
    shares = [site(name, 300) for name in ("a", "b", "c")]
    cause = native_cause(shares, 1000)
    assert cause is not None
    assert cause.head.startswith("a in ")


def test_the_library_nearest_to_the_growth_is_named() -> None:
    """A cache that filled during the capture is larger, and is not the leak."""
    cause = native_cause([site("fill", 90_000, "libcache.so"), site("leak", 5000)], 5100)
    assert cause is not None
    assert cause.head.startswith("leak in ")


def test_small_blocks_are_weighed_as_the_heap_counts_them() -> None:
    """malloc(16) takes 32 bytes."""
    small = Site(file="a.c", line=1, function="besy", bytes=800, blocks=50, native=True)
    assert native_cause([small], 1700) is not None
    assert native_cause([small], 100, 1700) is None


def test_the_fingerprint_does_not_know_builds_or_lines() -> None:
    """Another Python, another wheel, another caller, another amount: the same cause."""
    one = native_cause([site("reserve", 5000)], 5100)
    other = native_cause(
        [site("reserve", 700, "igraph/_igraph.abi3.so", line=9, caller="test_b (u.py)")], 700
    )
    hashed = native_cause([site("f", 700, "libz-a324fe28.so.1.1")], 700)
    plain = native_cause([site("f", 700, "libz.so.1.1")], 700)
    assert one is not None
    assert other is not None
    assert one.fingerprint == other.fingerprint
    assert hashed is not None
    assert plain is not None
    assert hashed.fingerprint == plain.fingerprint != one.fingerprint


def test_a_library_without_symbols_is_told_by_who_called_it() -> None:
    """Still with its shared object."""
    cause = native_cause([site("", 5000)], 5000)
    assert cause is not None
    assert cause.head == ("code called by test_a (t.py) in _igraph.cpython-311-x86_64-linux-gnu.so")


def test_who_called_code_without_a_name_makes_no_other_cause() -> None:
    """Which of a library's allocations is the largest differs from test to test; where the library
    is not known either, who called it is all that there is."""

    def fingerprint(library: str, **more: object) -> str:
        cause = native_cause([site("", 300, library, **more), site("", 200, library)], 500)
        assert cause is not None
        return cause.fingerprint

    known = {
        fingerprint(LIBRARY, caller=caller) for caller in ("start (a.py)", "", "_delete (b.py)")
    }
    assert known == {fingerprint(LIBRARY)}
    assert fingerprint("", file="?") != fingerprint("", file="?", caller="start (a.py)")


def python_site(library: str = "") -> Site:
    """Python objects that stayed."""
    return Site(file="t.py", line=7, function="body", bytes=2000, blocks=20, library=library)


def test_what_a_callback_makes_is_lost_in_the_code_that_called_it() -> None:
    """A missing Py_DECREF of a result."""
    cause = native_cause([python_site(LIBRARY)], 0, 2100)
    assert cause is not None
    assert cause.head == "body (t.py)"
    assert cause.label == "_igraph.cpython-311-x86_64-linux-gnu.so"
    other = native_cause([python_site("b.so")], 0, 2100)
    assert other is not None
    assert other.fingerprint != cause.fingerprint


def test_the_only_extension_answers_for_a_lost_reference() -> None:
    """Nothing else could have lost it."""
    watched = WatchRecord(nodeid="t", libraries=[LIBRARY])
    cause = native_cause([python_site()], 0, 2100, watched)
    assert cause is not None
    assert cause.label == "_igraph.cpython-311-x86_64-linux-gnu.so"
    assert "only extension module" in cause.what


def test_of_several_extensions_none_is_accused() -> None:
    """The calls are told; the reader judges."""
    call = CompiledCall(file="t.py", line=3, name="igraph.decompose", library=LIBRARY)
    watched = WatchRecord(nodeid="t", libraries=[LIBRARY, "b.so"], calls=[call])
    cause = native_cause([python_site()], 0, 2100, watched)
    assert cause is not None
    assert cause.label == ""
    assert "igraph.decompose in _igraph" in cause.what


def test_without_memray_tracemalloc_tells_where_objects_were_made() -> None:
    """Where the C heap does not grow by more."""
    watched = WatchRecord(nodeid="t", python=[python_site()])
    cause = native_cause([], 0, 2100, watched)
    assert cause is not None
    assert cause.head == "body (t.py)"


def heap_site(function: str, size: int, line: int = 9) -> Site:
    """A place where the C heap grew while it ran."""
    return Site(file="t.py", line=line, function=function, bytes=size, native=True)


def test_the_one_call_that_took_the_heap_is_named() -> None:
    """What memray's hooks do not see."""
    call = CompiledCall(file="t.py", line=9, name="hiredis.Reader.gets", library="h/hiredis.so")
    watched = WatchRecord(nodeid="t", heap=[heap_site("hiredis.Reader.gets", 4096)], calls=[call])
    cause = native_cause([], 4100, 0, watched)
    assert cause is not None
    assert (cause.head, cause.label) == ("hiredis.Reader.gets in hiredis.so", "called at t.py:9")


def test_a_call_without_a_name_is_told_by_its_line() -> None:
    """ctypes and classes raise no event."""
    watched = WatchRecord(nodeid="t", heap=[heap_site("", 4096)])
    cause = native_cause([], 4100, 0, watched)
    assert cause is not None
    assert cause.head == "compiled code called at t.py:9"


def test_where_several_took_and_gave_back_nobody_is_named() -> None:
    """What one took another may have freed."""
    several = [heap_site("a", 4096), heap_site("b", 4000, 10), heap_site("c", -4000, 11)]
    assert native_cause([], 4100, 0, WatchRecord(nodeid="t", heap=several)) is None


def test_no_growth_has_no_cause() -> None:
    """Whatever was allocated."""
    assert native_cause([site("reserve", 5000)], 0) is None


def test_what_compiled_code_holds_is_told_with_the_code_that_ran() -> None:
    """Other causes stay as they are."""
    held = Cause(
        fingerprint="f", kind="held", head="list", holder="x", known=HELD_FROM_C, what="W."
    )
    other = Cause(fingerprint="f", kind="held", head="list", holder="x", what="W.")
    watched = WatchRecord(nodeid="t", libraries=[LIBRARY])
    assert with_compiled_code(held, watched).what.startswith("_igraph.")
    assert with_compiled_code(held, None) == held
    assert with_compiled_code(other, watched) == other
