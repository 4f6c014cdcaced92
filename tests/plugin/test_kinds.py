"""Every kind of test and fixture: its leak is found and named, its clean twin is left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest
import suites
from suites import Result

SUITE = {
    "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
    "shop.py": '''
        """A shop that forgets to clean up."""

        KEPT = []


        class Thing:
            def __init__(self):
                self.payload = bytearray(1000)


        class Order(Thing):
            pass


        def order():
            """Leaves an order.

            >>> order()
            """
            KEPT.append(Order())


        def price():
            """Leaves nothing.

            >>> price()
            3
            """
            return 3
    ''',
    "conftest.py": """
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
    """,
    "test_functions.py": """
        import ctypes, os, threading
        import pytest
        from shop import Thing

        KEPT = []
        TEXTS = []
        CACHE = {}
        FILES = []

        class Case(Thing):
            pass

        class Row(Thing):
            pass

        malloc = ctypes.CDLL(None).malloc
        malloc.restype = ctypes.c_void_p
        malloc.argtypes = [ctypes.c_size_t]

        def test_body():
            KEPT.append(Thing())

        @pytest.mark.parametrize("number", range(6))
        def test_cases(number):
            KEPT.append(Case())

        def test_atoms():
            TEXTS.append("x" * 50_000 + str(len(TEXTS)))

        def test_descriptors():
            FILES.append(os.open(os.devnull, os.O_RDONLY))

        def test_native():
            assert malloc(200_000)

        def test_lazy_cache():
            CACHE.setdefault("table", [Row() for _ in range(20)])

        STATE = {}
        RING = []

        class Response(Thing):
            pass

        class Entry(Thing):
            pass

        def test_last_response():
            STATE["last"] = Response()

        def test_ring():
            RING.append(Entry())
            del RING[:-3]

        def test_clean():
            one, other = Thing(), Thing()
            one.other, other.other = other, one

        @pytest.mark.parametrize("number", range(3))
        def test_clean_cases(number, tmp_path, capsys, monkeypatch):
            (tmp_path / "file").write_text("x")
            print(number)
            monkeypatch.setenv("NUMBER", str(number))
    """,
    "test_classes.py": """
        import unittest
        from shop import Thing

        class TestPlain:
            seen = []

            def setup_method(self):
                self.mine = Thing()

            def test_leak(self):
                self.seen.append(self.mine)

            def test_clean(self):
                assert self.mine

        class Case(unittest.TestCase):
            registry = {}

            def setUp(self):
                self.mine = Thing()

            def test_leak(self):
                self.registry[len(self.registry)] = self.mine

            def test_clean(self):
                self.addCleanup(lambda: None)
                with self.subTest("clean"):
                    self.assertTrue(self.mine)
    """,
    "test_async.py": """
        import asyncio
        import pytest
        from shop import Thing

        KEPT = []

        @pytest.mark.anyio
        async def test_anyio_leak():
            await asyncio.sleep(0)
            KEPT.append(Thing())

        @pytest.mark.anyio
        async def test_anyio_clean():
            await asyncio.sleep(0)
            Thing()

        @pytest.mark.asyncio
        async def test_asyncio_leak():
            await asyncio.sleep(0)
            KEPT.append(Thing())

        @pytest.mark.asyncio
        async def test_asyncio_clean():
            await asyncio.sleep(0)
            Thing()
    """,
    "test_fixtures.py": """
        import pytest
        from shop import Thing

        KEPT = []
        POOLS = []

        class Fruit(Thing):
            pass

        @pytest.fixture
        def leaky():
            thing = Thing()
            KEPT.append(thing)
            yield thing

        @pytest.fixture
        def tidy():
            yield Thing()

        @pytest.fixture(scope="class")
        def basket():
            return []

        @pytest.fixture(scope="module")
        def pool():
            things = [Thing() for _ in range(100)]
            POOLS.append(things)
            yield things

        @pytest.fixture(scope="module")
        def tidy_pool():
            yield [Thing() for _ in range(100)]

        @pytest.fixture(scope="session")
        def wide():
            return [Thing() for _ in range(100)]

        def test_leaky(leaky):
            assert leaky

        def test_tidy(tidy):
            assert tidy

        def test_pool(pool, tidy_pool, wide):
            assert len(pool) == len(tidy_pool) == len(wide)

        class TestBasket:
            def test_held(self, basket):
                basket.append(Fruit())

            def test_after(self, basket):
                assert basket
    """,
}


@pytest.fixture(name="result", scope="module")
def _result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One run of the whole suite, confirmed and explained."""
    folder = tmp_path_factory.mktemp("kinds")
    suites.write(folder, SUITE)
    plugins = (
        "-p",
        "anyio.pytest_plugin",
        "-p",
        "pytest_asyncio.plugin",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
    )
    return suites.leakcheck_in(folder, *plugins, env=suites.without_memray(folder))


LEAKS = {
    "test_functions.py::test_body": "test_functions.KEPT[*]",
    "test_functions.py::test_cases[0]": "test_functions.KEPT[*]",
    "test_functions.py::test_atoms": "test_functions.TEXTS[*]",
    "test_functions.py::test_descriptors": "",
    "test_functions.py::test_native": "",
    "test_classes.py::TestPlain::test_leak": "test_classes.TestPlain.seen[*]",
    "test_classes.py::Case::test_leak": "test_classes.Case.registry[*]",
    "test_async.py::test_anyio_leak": "test_async.KEPT[*]",
    "test_async.py::test_asyncio_leak": "test_async.KEPT[*]",
    "shop.py::shop.order": "shop.KEPT[*]",
    "test_fixtures.py::test_leaky": "test_fixtures.KEPT[*]",
    "test_fixtures.py::pool [module fixture]": "test_fixtures.POOLS[*]",
}
CLEAN = (
    "test_functions.py::test_last_response",
    "test_functions.py::test_ring",
    "test_functions.py::test_clean",
    "test_functions.py::test_clean_cases[2]",
    "test_classes.py::TestPlain::test_clean",
    "test_classes.py::Case::test_clean",
    "test_async.py::test_anyio_clean",
    "test_async.py::test_asyncio_clean",
    "shop.py::shop.price",
    "test_fixtures.py::test_tidy",
)


def test_the_suites_own_result_stands(result: Result) -> None:
    """Every test passes, whatever it leaks."""
    assert result.status == 0, result.out
    assert result.last_line == "32 passed"


def test_wider_fixtures_are_counted_as_such(result: Result) -> None:
    """Those that were judged in their own name."""
    fixtures = [nodeid for nodeid in result.verdicts() if nodeid.endswith(" fixture]")]
    assert len(fixtures) == 2
    assert f"{32 + len(fixtures)} tests and fixtures measured: " in result.out


@pytest.mark.parametrize("nodeid", LEAKS)
def test_a_leak_is_found(result: Result, nodeid: str) -> None:
    """In functions, classes, TestCase, doctests, async tests, and fixtures of each scope."""
    test = result.verdicts()[nodeid]
    assert test.verdict == "leak", test.reason


@pytest.mark.parametrize("nodeid", [nodeid for nodeid, holder in LEAKS.items() if holder])
def test_a_leak_has_its_holder(result: Result, nodeid: str) -> None:
    """Written as a person would write it, from the module down."""
    judged = result.judged
    holders = {cause.cause.fingerprint: cause.cause.holder for cause in judged.causes}
    test = next(test for test in judged.tests if test.nodeid == nodeid)
    assert [holders[fingerprint] for fingerprint in test.fingerprints] == [LEAKS[nodeid]]


@pytest.mark.parametrize("nodeid", CLEAN)
def test_a_clean_twin_is_not_accused(result: Result, nodeid: str) -> None:
    """The same kind of test, without the leak."""
    test = result.verdicts()[nodeid]
    assert test.verdict in ("clean", "settles"), test.reason


def test_parametrised_cases_are_judged_by_their_witnesses(result: Result) -> None:
    """Six cases, three of them repeated, all six judged."""
    cases = [t for nodeid, t in result.verdicts().items() if "test_cases[" in nodeid]
    assert [t.verdict for t in cases] == ["leak"] * 6
    assert sorted(t.basis for t in cases) == ["by signature"] * 3 + ["repeated"] * 3


def test_what_a_class_fixture_holds_is_no_leak(result: Result) -> None:
    """It grows while the class lasts and is let go with it."""
    test = result.verdicts()["test_fixtures.py::TestBasket::test_held"]
    assert test.verdict == "held", test.reason


def test_a_lazy_cache_settles(result: Result) -> None:
    """It fills once."""
    test = result.verdicts()["test_functions.py::test_lazy_cache"]
    assert test.verdict in ("settles", "clean"), test.reason


def test_wider_fixtures_have_accounts_of_their_own(result: Result) -> None:
    """Their set-up is charged to them, and the test that came first is not accused."""
    moved = {(r.fixture, r.scope, r.phase) for r in result.run.fixtures["main"]}
    assert {("pool", "module", "setup"), ("pool", "module", "finalise")} <= moved
    assert ("wide", "session", "setup") in moved
    first = next(t for t in result.run.tests if t.nodeid == "test_fixtures.py::test_pool")
    assert set(first.fixtures) == {"pool", "tidy_pool", "wide"}
    assert first.fixture_survivors >= 300
    assert result.verdicts()[first.nodeid].verdict in ("clean", "settles")


def test_the_atoms_of_an_older_container_have_a_growth(result: Result) -> None:
    """What the collector does not track is seen by the container that grows."""
    test = result.verdicts()["test_functions.py::test_atoms"]
    (cause,) = [s.cause for s in result.judged.causes if s.cause.fingerprint in test.fingerprints]
    assert (cause.kind, cause.head) == ("container", "str")


def test_exact_signals_are_exact(result: Result) -> None:
    """One descriptor per run, and 200,000 bytes of C heap within one per cent."""
    verdicts = result.verdicts()
    assert verdicts["test_functions.py::test_descriptors"].slopes["fds"].per_run == 1
    native = verdicts["test_functions.py::test_native"].slopes["heap_bytes"]
    assert native.per_run == pytest.approx(200_000, rel=0.01)


def test_the_summary_names_holders(result: Result) -> None:
    """A section of pytest's own style, worst first, with the count and where to read more."""
    section = result.out.partition(" leakcheck ")[2]
    assert "test_functions.KEPT[*]" in section
    assert "See more: leakcheck report run" in section
    assert " leak, " in section


def test_without_memray_one_sentence_says_so(result: Result) -> None:
    """The depth is degraded; the sentence stands once, with how often it happened."""
    told = [line for line in result.out.splitlines() if "memray is not installed" in line]
    assert len(told) == 1


def test_the_ledger_is_written(result: Result) -> None:
    """What each account was charged, and what the process grew by."""
    ledger = result.run.ledgers["main"]
    assert ledger.tests_run == 32
    assert (ledger.tests.survivors or 0) > 0
    assert (ledger.fixtures.blocks or 0) > 0


def test_nothing_of_this_machine_is_in_the_run_folder(result: Result, tmp_path: Path) -> None:
    """A run can be shown to others."""
    for path in (result.folder / ".leakcheck" / "run").glob("*.json*"):
        assert str(result.folder) not in path.read_text(encoding="utf-8"), path.name
