"""Limits on single tests: pytest-memray's for a whole suite, and our own limit_growth."""

from __future__ import annotations

import re

import pytest
import suites
from suites import Result

from pytest_leakcheck.native.allocations import memray_missing

needs_memray = pytest.mark.skipif(memray_missing() is not None, reason="memray is not here")
MEMRAY = ("-p", "memray")

GROWTH = {
    "test_growth.py": """
        import ctypes, unittest
        import pytest

        KEPT = []
        CACHE = {}
        malloc = ctypes.CDLL(None).malloc
        malloc.restype = ctypes.c_void_p
        malloc.argtypes = [ctypes.c_size_t]

        class Page:
            def __init__(self):
                self.text = bytearray(300_000)

        @pytest.fixture
        def leaky():
            page = Page()
            KEPT.append(page)
            return page

        @pytest.mark.limit_growth("100 KB")
        def test_fixture(leaky):
            assert leaky

        class Case(unittest.TestCase):
            pages = []

            @pytest.mark.limit_growth("100 KB")
            def test_case(self):
                self.pages.append(Page())

        @pytest.mark.limit_growth("100 KB")
        def test_native():
            assert malloc(300_000)

        @pytest.mark.limit_growth("100 KB")
        def test_clean():
            Page()

        @pytest.mark.limit_growth("100 KB")
        def test_lazy_cache():
            CACHE.setdefault("page", [Page() for _ in range(10)])

        @pytest.mark.limit_growth("1 MB")
        def test_within(leaky):
            assert leaky

        @pytest.mark.limit_growth("100 KB")
        def test_fails_by_itself():
            KEPT.append(Page())
            assert not KEPT

        @pytest.mark.limit_growth("100 KB")
        @pytest.mark.skip(reason="not today")
        def test_skipped():
            pass

        def test_unmarked(leaky):
            assert leaky
    """
}


@pytest.fixture(name="growth", scope="module", params=["alone", "beside the sweep"])
def _growth(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A suite with limit_growth markers, with and without --leakcheck."""
    folder = tmp_path_factory.mktemp("growth")
    suites.write(folder, GROWTH)
    if request.param == "alone":
        return suites.pytest_in(folder, "-rA")
    return suites.leakcheck_in(folder, "-rA", "--leakcheck-depth=sweep")


def failure(result: Result, test: str) -> str:
    """The section of one test among the failures."""
    section = result.out.partition("= FAILURES =")[2].partition("short test summary info")[0]
    match = re.search(rf"^_+ (\w+\.)?{test} _+$(.*?)(?=^_+ |^=+ )", section, re.M | re.S)
    assert match, f"{test} has not failed:\n{result.out}"
    return match[2]


@pytest.mark.parametrize(
    ("test", "holder", "added"),
    [
        ("test_fixture", "test_growth.KEPT", "test_growth.Page"),
        ("test_case", "pages", "test_growth.Page"),
    ],
)
def test_growth_over_the_limit_fails_with_its_holder(
    growth: Result, test: str, holder: str, added: str
) -> None:
    """In fixtures and in TestCase, which pytest-memray cannot see."""
    text = failure(growth, test)
    assert re.search(r"Each run leaves 29\d\.\d KiB in memory; the limit is 100\.0 KiB\.", text)
    assert holder in text
    assert added in text


def test_native_growth_fails(growth: Result) -> None:
    """C heap that no Python object holds."""
    text = failure(growth, "test_native")
    assert re.search(r"Each run leaves 29\d\.\d KiB in memory; the limit is 100\.0 KiB\.", text)
    assert "bytes of C heap" in text


@pytest.mark.parametrize("test", ["test_clean", "test_lazy_cache", "test_within", "test_unmarked"])
def test_what_is_within_its_limit_passes(growth: Result, test: str) -> None:
    """A cache that fills once is no growth; neither is what stays under the limit."""
    assert f"PASSED test_growth.py::{test}" in growth.out


def test_a_test_that_fails_by_itself_says_so_itself(growth: Result) -> None:
    """Its own failure is the one that is told."""
    assert "assert not KEPT" in failure(growth, "test_fails_by_itself")


def test_the_counts_are_pytests_own(growth: Result) -> None:
    """Each test is reported once, however often it was repeated."""
    assert growth.last_line == "4 failed, 4 passed, 1 skipped"
    assert growth.status == 1


# --- pytest-memray for a whole suite -------------------------------------------------------------

MEMORY = {
    "test_memory.py": """
        import pytest

        KEPT = []

        def test_small():
            bytearray(10)

        def test_large():
            bytearray(30 * 2**20)

        @pytest.mark.limit_memory("100 MB")
        def test_its_own_limit():
            bytearray(30 * 2**20)

        @pytest.mark.limit_leaks("100 MB")
        def test_its_own_other_limit():
            KEPT.append(bytearray(30 * 2**20))
    """
}


@needs_memray
@pytest.mark.parametrize("how", ["option", "ini", "option beside the sweep"])
def test_a_memory_limit_for_every_test(tmp_path_factory: pytest.TempPathFactory, how: str) -> None:
    """Tests without a memray marker get it; those with one of their own keep theirs."""
    folder = tmp_path_factory.mktemp("memory")
    suites.write(folder, MEMORY)
    words = ["-rA", *MEMRAY]
    if how == "ini":
        suites.write(folder, {"pytest.ini": "[pytest]\nlimit_memory = 20MB\n"})
    else:
        words += ["--limit-memory=20MB"]
    run = suites.leakcheck_in if "sweep" in how else suites.pytest_in
    result = run(folder, *words, *(["--leakcheck-depth=sweep"] if "sweep" in how else []))
    assert "MEMORY PROBLEMS test_memory.py::test_large" in result.out
    for test in ("test_small", "test_its_own_limit", "test_its_own_other_limit"):
        assert f"PASSED test_memory.py::{test}" in result.out
    assert "1 failed, 3 passed" in result.last_line


@needs_memray
def test_a_leak_limit_for_every_test(tmp_path_factory: pytest.TempPathFactory) -> None:
    """limit_leaks by option fails the test that keeps memory."""
    folder = tmp_path_factory.mktemp("leaks")
    suites.write(
        folder,
        {
            "test_leaks.py": """
                KEPT = []

                def test_clean():
                    bytearray(2**20)

                def test_leaks():
                    KEPT.append(bytearray(2**20))
            """
        },
    )
    result = suites.pytest_in(folder, "-rA", *MEMRAY, "--limit-leaks=64KB")
    assert "PASSED test_leaks.py::test_clean" in result.out
    assert "MEMORY PROBLEMS test_leaks.py::test_leaks" in result.out


def test_a_failing_harness_never_fails_the_suite(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A limit that cannot be checked is said; every test ends as it would without it."""
    folder = tmp_path_factory.mktemp("broken")
    suites.write(
        folder,
        {
            **GROWTH,
            "conftest.py": """
                from pytest_leakcheck.confirm.repeats import Runs

                def broken(*args, **kwargs):
                    raise ValueError("the harness is broken")

                Runs.repeat = broken
            """,
        },
    )
    result = suites.pytest_in(folder, "-rA")
    assert "INTERNALERROR" not in result.out
    assert "the harness is broken" in result.out
    assert result.last_line.startswith("1 failed, 7 passed, 1 skipped")
