"""Innocent tests: what pytest, the standard library and mocks keep is nobody's leak."""

from __future__ import annotations

from pathlib import Path

import pytest
import suites
from suites import Result

SUITE = {
    "test_innocent.py": """
        import asyncio
        import collections
        import concurrent.futures
        import contextvars
        import dataclasses
        import enum
        import functools
        import itertools
        import json
        import logging
        import socket
        import sqlite3
        import subprocess
        import sys
        import tempfile
        import threading
        import time
        import unittest
        import warnings
        import weakref
        from unittest import mock
        import pytest

        def test_tmp_path(tmp_path):
            (tmp_path / "a").write_text("x")

        def test_tmp_path_by_name(request):
            request.getfixturevalue("tmp_path")

        def test_capsys(capsys):
            print("told")
            assert capsys.readouterr().out

        def test_capfd(capfd):
            print("told")
            capfd.readouterr()

        def test_prints():
            print("some output" * 100)

        def test_caplog(caplog):
            logging.getLogger("x").warning("told %s", object())
            assert caplog.records

        def test_logs():
            logging.getLogger("y").error("told %s", [1])

        def test_monkeypatch(monkeypatch):
            monkeypatch.setenv("A", "1")
            monkeypatch.setattr(json, "dumps", lambda *a: "")

        def test_recwarn(recwarn):
            warnings.warn("told")

        def test_warns():
            with pytest.warns(UserWarning):
                warnings.warn("told")

        @pytest.mark.filterwarnings("always")
        def test_warning_kept_for_the_summary():
            warnings.warn("told")

        def test_warning_unheard():
            warnings.warn("told")

        def test_raises():
            with pytest.raises(ValueError):
                raise ValueError(bytearray(10_000))

        def test_chained_exceptions():
            with pytest.raises(KeyError):
                try:
                    1 / 0
                except ZeroDivisionError as error:
                    raise KeyError from error

        def test_assertion_told_at_length():
            with pytest.raises(AssertionError):
                assert [1] * 1000 == [2] * 1000

        def test_mock():
            stub = mock.MagicMock()
            stub.a.b(1)
            stub.c.return_value = 3

        def test_patch():
            with mock.patch("json.loads"):
                json.loads("x")

        def test_autospec():
            mock.create_autospec(subprocess.Popen)

        def test_thread():
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()

        def test_pool():
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                list(pool.map(str, range(10)))

        def test_asyncio_run():
            asyncio.run(asyncio.sleep(0))

        def test_subprocess():
            subprocess.run([sys.executable, "-S", "-c", ""], check=True)

        def test_sqlite():
            connection = sqlite3.connect(":memory:")
            connection.execute("create table a(b)")
            connection.close()

        def test_sockets():
            for end in socket.socketpair():
                end.close()

        def test_temporary_file():
            with tempfile.NamedTemporaryFile() as file:
                file.write(b"x")

        def test_classes_made_on_the_way():
            @dataclasses.dataclass
            class Point:
                x: int

            class Colour(enum.Enum):
                RED = 1

            collections.namedtuple("Pair", "a b")(1, 2)
            Point(1)

        def test_context_copy():
            variable = contextvars.ContextVar("variable")
            contextvars.copy_context().run(variable.set, [1])

        def test_weak_dict():
            class Key:
                pass

            table, key = weakref.WeakValueDictionary(), Key()
            table[1] = key

        @functools.lru_cache(maxsize=None)
        def squares(count):
            return [number * number for number in range(count)]

        def test_lru_cache():
            squares(100)

        def test_finaliser(request):
            request.addfinalizer(lambda: None)

        def test_record(record_property):
            record_property("name", [1, 2, 3])

        class Case(unittest.TestCase):
            def test_assert_raises(self):
                with self.assertRaises(ValueError):
                    raise ValueError

            def test_assert_logs(self):
                with self.assertLogs("x"):
                    logging.getLogger("x").warning("told")

        numbers, last, logs, latest = itertools.count(), [None], {}, {}

        def test_attribute_names_made_on_the_way():
            for _ in range(20):
                getattr(object, f"missing_{next(numbers)}", None)
            last[0] = [number for number in range(10)]  # makes it a candidate

        slow = {}

        def test_a_cache_that_fills_slowly():
            key = next(numbers) % 60
            if key not in slow:
                slow[key] = [[part] for part in range(5)]

        recent = collections.OrderedDict()

        def test_a_cache_drops_cycles_when_it_is_full():
            ring = [[number] for number in range(3)]
            for part in ring:
                part.append(ring)
            recent[next(numbers)] = ring
            if len(recent) > 40:
                recent.popitem(last=False)

        def test_replaces_a_cycle():
            ring = [[number] for number in range(10)]
            for part in ring:
                part.append(ring)
            last[0] = ring

        @pytest.mark.parametrize("seconds", [0.0, 0.11])
        def test_replaces_a_cycle_with_an_open_file(tmp_path, seconds):
            ring = [(tmp_path / "log").open("w")]
            ring.append(ring)
            logs[seconds] = ring
            time.sleep(seconds)

        @pytest.mark.parametrize("seconds", [0.0, 0.11])
        def test_keeps_the_last_three_cycles(seconds):
            ring = [bytearray(5000)]
            ring.append(ring)
            few = latest.setdefault(seconds, [])
            few.append(ring)
            del few[:-3]
            time.sleep(seconds)

        @pytest.fixture(params=[1, 2])
        def narrow(request):
            return [request.param]

        @pytest.fixture(scope="module", params=[1, 2])
        def wide(request):
            yield [request.param]

        @pytest.fixture
        def of_wide(wide):
            return list(wide)

        def test_narrow(narrow):
            assert narrow

        def test_wide(wide):
            assert wide

        def test_of_wide(of_wide):
            assert of_wide
    """
}


@pytest.fixture(name="result", scope="module")
def _result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One run of the innocents, confirmed."""
    folder = tmp_path_factory.mktemp("innocents")
    suites.write(folder, SUITE)
    return suites.leakcheck_in(folder, "-W", "ignore", env=suites.without_memray(folder))


TESTS = sorted(
    {
        line.split("def ")[1].partition("(")[0]
        for line in SUITE["test_innocent.py"].splitlines()
        if "def test_" in line
    }
)


@pytest.mark.parametrize("name", TESTS)
def test_an_innocent_is_not_accused(result: Result, name: str) -> None:
    """Whatever it looks like after one run, its repeats clear it."""
    found = [
        f"{test.verdict}: {test.reason}"
        for nodeid, test in result.verdicts().items()
        if nodeid.partition("[")[0].rpartition("::")[2] == name
        and test.verdict not in ("clean", "settles", "late")
    ]
    assert found == []


def test_all_innocents_were_judged(result: Result) -> None:
    """None is cleared by not being there."""
    names = {test.nodeid.partition("[")[0].rpartition("::")[2] for test in result.judged.tests}
    assert names == set(TESTS)
    assert result.status == 0


def test_the_cache_of_type_attributes_does_not_count(result: Result) -> None:
    """CPython keeps attribute names that were made at run time: they are no growth of the test."""
    (steady,) = (
        [record.growth.blocks or 0 for record in records if record.phase == "steady"]
        for nodeid, records in result.run.repeats.items()
        if nodeid.endswith("::test_attribute_names_made_on_the_way")
    )
    assert max(steady) < 20


def test_filters_of_a_test_that_warns_are_not_its_own(tmp_path: Path) -> None:
    """pytest sets filters for each test, and the interpreter keeps the last ones."""
    suites.write(
        tmp_path,
        {
            "pytest.ini": """
                [pytest]
                filterwarnings =
                    ignore:one
                    ignore:two
                    ignore:three
            """,
            "test_a.py": """
                import warnings

                def test_one():
                    warnings.warn("one")

                def test_two():
                    warnings.warn("two")

                def test_three():
                    warnings.warn("two")
            """,
        },
    )
    found = suites.leakcheck_in(tmp_path, "--leakcheck-depth=sweep").verdicts()
    # The first one fills caches of first uses.
    for name in ("test_two", "test_three"):
        assert found[f"test_a.py::{name}"].slopes["survivors"].per_run == 0


def test_filters_that_a_fixture_sets_end_with_each_repeat(tmp_path: Path) -> None:
    """In a suite they end with the test; of many repeats none may see the last one's."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import warnings

                import pytest

                KEPT = []

                @pytest.fixture(autouse=True)
                def quiet():
                    warnings.filterwarnings("ignore", message="one")
                    warnings.filterwarnings("ignore", message="two")

                def test_leaks_one():
                    KEPT.append([1])
            """,
        },
    )
    found = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path)).verdicts()
    test = found["test_a.py::test_leaks_one"]
    assert test.verdict == "leak"
    assert {growth.survivors for growth in test.repeats} == {1}


def test_the_next_items_that_a_plugin_notes_do_not_hang_on_one_another(tmp_path: Path) -> None:
    """pytest-rerunfailures notes it on each item, whose dict is so large that it is no block."""
    suites.write(
        tmp_path,
        {
            "conftest.py": """
                import weakref

                import pytest

                SEEN = weakref.WeakSet()

                @pytest.hookimpl(tryfirst=True)
                def pytest_runtest_teardown(item, nextitem):
                    item._teardown_nextitem = nextitem
                    vars(item).update((f"noted_{n}", n) for n in range(30))
                    if nextitem is not None:
                        SEEN.add(nextitem)
            """,
            "test_a.py": """
                from conftest import SEEN

                KEPT = []

                def test_keeps_nothing():
                    assert len(SEEN) < 20

                def test_leaks():
                    KEPT.append([1])
                    assert len(SEEN) < 20
            """,
        },
    )
    found = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path)).verdicts()
    assert found["test_a.py::test_keeps_nothing"].verdict == "settles"
    test = found["test_a.py::test_leaks"]
    assert test.verdict == "leak", test.reason
    assert "C heap" not in test.reason


def test_cancelled_timers_of_a_loop_are_no_leak(tmp_path: Path) -> None:
    """asyncio drops them once there are more than a hundred; too slow a test to see it do so."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import asyncio
                import time

                LOOP = asyncio.new_event_loop()
                LOOP.call_later(1800, print)  # those before the first that is due go at once
                KEPT = []

                def test_cancels():
                    time.sleep(0.11)
                    for _ in range(3):
                        LOOP.call_later(3600, print).cancel()
                    LOOP.run_until_complete(asyncio.sleep(0))

                def test_keeps():
                    time.sleep(0.11)
                    KEPT.append(LOOP.call_later(3600, print))
                    KEPT[-1].cancel()
            """,
        },
    )
    found = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path)).verdicts()
    test = found["test_a.py::test_cancels"]
    assert test.verdict == "settles", test.reason
    assert test.reason.endswith("LOOP._scheduled[*]")
    assert found["test_a.py::test_keeps"].verdict == "leak"


def test_dead_references_explain_themselves_only(tmp_path: Path) -> None:
    """They are dropped when there are many; who gathers something alive, too, leaks."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import weakref

                import pytest

                class Thing:
                    pass

                class Blocks:
                    def __init__(self):
                        self.refs = []

                    def add(self, thing):
                        if len(self.refs) > 150:
                            self.refs = [ref for ref in self.refs if ref() is not None]
                        self.refs.append(weakref.ref(thing))

                BLOCKS = Blocks()
                KEPT = []

                @pytest.mark.parametrize("name", ["first", "second", "third"])
                def test_adds(name):
                    BLOCKS.add(Thing())

                def test_keeps():
                    BLOCKS.add(Thing())
                    KEPT.extend(Thing() for _ in range(4))
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    verdicts = {name.partition("::")[2]: test for name, test in result.verdicts().items()}
    assert verdicts.pop("test_keeps").verdict == "leak"
    assert {test.verdict for test in verdicts.values()} == {"settles"}
