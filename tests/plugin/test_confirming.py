"""The confirming process runs the candidates as the suite's own command line would."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import suites

from pytest_leakcheck.confirm.tasks import Plan, Task, claim, in_portions
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.report.findings import late_findings
from pytest_leakcheck.screen.nodeids import function_of

LEAKY = """
    import pytest

    KEPT = []

    class Thing:
        def __init__(self):
            self.payload = bytearray(1000)

    @pytest.mark.unit
    def test_leaks():
        KEPT.append(Thing())
"""
INI = "[pytest]\nmarkers =\n    unit: quick\n"


@pytest.fixture(name="suite")
def _suite(tmp_path: Path) -> Path:
    """A leaking test in a folder below the root folder."""
    suites.write(tmp_path, {"unit/test_a.py": LEAKY, "pytest.ini": INI})
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["unit"],
        ["unit", "-m", "unit"],
        ["-k", "leaks", "unit/test_a.py::test_leaks"],
        ["unit", "-x", "--maxfail", "1", "--durations=1", "-p", "no:randomly"],
        ["unit", "--junitxml", "report.xml", "--basetemp=scratch"],
        ["unit", "-o", "junit_family=xunit1", "-W", "ignore", "-vv", "--tb=short"],
    ],
    ids=" ".join,
)
def test_the_suites_command_line_is_kept(suite: Path, words: list[str]) -> None:
    """Whatever the options, the candidate is found again and judged."""
    result = suites.leakcheck_in(suite, *words, env=suites.without_memray(suite))
    test = result.verdicts()["unit/test_a.py::test_leaks"]
    log = suite / ".leakcheck" / "run" / "confirm-1.log"
    assert test.verdict == "leak", log.read_text()
    assert result.run.events == [] or "memray" in result.run.events[0].sentence


def test_a_run_from_a_folder_below_the_root(suite: Path) -> None:
    """Node ids are relative to the root folder, wherever pytest was started."""
    below = suites.leakcheck_in(suite / "unit", env=suites.without_memray(suite))
    assert below.status == 0
    result = suites.Result(suite, below.out, below.status)
    assert result.verdicts()["unit/test_a.py::test_leaks"].verdict == "leak"


def test_outputs_of_the_suite_are_not_written_over(suite: Path) -> None:
    """The confirming process leaves the suite's own report alone."""
    suites.leakcheck_in(suite, "--junitxml=report.xml", env=suites.without_memray(suite))
    report = (suite / "report.xml").read_text(encoding="utf-8")
    assert 'tests="1"' in report


def test_environment_that_a_test_changes_is_not_inherited(suite: Path) -> None:
    """The confirming process starts with the environment that pytest got."""
    suites.write(
        suite,
        {
            "unit/test_b.py": """
                import os

                def test_changes_it():
                    os.environ["PYTEST_ADDOPTS"] = "--no-such-option"
            """
        },
    )
    result = suites.leakcheck_in(suite, env=suites.without_memray(suite))
    assert result.verdicts()["unit/test_a.py::test_leaks"].verdict == "leak"


def test_a_candidate_that_cannot_run_twice_says_so(tmp_path: Path) -> None:
    """A second run that fails is no verdict about memory."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                KEPT = []

                def test_once():
                    KEPT.append([1])
                    assert len(KEPT) == 1
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    test = result.verdicts()["test_a.py::test_once"]
    assert (test.verdict, test.reason) == (
        "not judged",
        "it cannot be run twice in one process: the second run fails",
    )
    assert (result.status, result.last_line) == (0, "1 passed")


def test_a_slow_test_is_let_go_when_it_has_calmed_down(tmp_path: Path) -> None:
    """What one run takes of the C heap the next one gives back, and so on for ever."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import time

                import pytest

                KEPT = {"first": [], "second": []}

                @pytest.mark.parametrize("number", range(6))
                def test_nothing(number):
                    pass

                @pytest.mark.parametrize("kept", KEPT)
                def test_takes_and_gives_back(kept):
                    time.sleep(0.11)
                    kept = KEPT[kept]
                    kept.pop() if kept else kept.append(bytearray(100_000))
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    # The first one of the process has pytest's own first uses on its first two runs.
    second = "test_a.py::test_takes_and_gives_back[second]"
    assert result.verdicts()[second].verdict == "settles"
    repeats = result.run.repeats[second]
    assert [record.phase for record in repeats] == ["warm-up", "warm-up", "steady", "steady"]


def test_a_slow_test_that_grew_on_some_repeats_is_run_on_before_it_is_told(tmp_path: Path) -> None:
    """It has calmed down since; several runs together say that nothing adds up."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import itertools
                import time

                KEPT = []
                RUNS = itertools.count()

                def test_calms_down():
                    time.sleep(0.11)
                    if next(RUNS) in (0, 2, 3, 4):
                        KEPT.append(bytearray(50_000))

                def test_nothing():
                    pass
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    name = "test_a.py::test_calms_down"
    phases = Counter(record.phase for record in result.run.repeats[name])
    assert phases == {"warm-up": 2, "steady": 5, "kept": 1, "window": 1}
    assert result.verdicts()[name].verdict == "settles"


def test_one_instance_tells_of_the_garbage_that_all_leave(tmp_path: Path) -> None:
    """The others leave as many objects; who leaves more is looked at, too. So in each process: one
    repeats the first test, which is a candidate for pytest's own first uses, one the others."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import pytest

                class Node:
                    def __init__(self):
                        self.own, self.payload = self, bytearray(100_000)

                @pytest.mark.parametrize("number", [1, 1, 1, 1, 1, 9])
                def test_late(number):
                    for _ in range(number):
                        Node()
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    assert len(result.run.cycles) <= 3
    found = late_findings(result.run, result.judged)
    assert len(found) == 6
    assert all("Node" in late.types and late.cycles for late in found)
    told_of = {late.nodeid: late.of for late in found}
    assert {bool(told_of[nodeid]) for nodeid in result.run.cycles} == {False}
    assert set(told_of.values()) - {""} <= set(result.run.cycles)


def test_a_budget_of_nothing_leaves_candidates_unconfirmed(suite: Path) -> None:
    """One sentence says so, and how to raise it."""
    result = suites.leakcheck_in(suite, "--leakcheck-confirm-budget=0")
    assert result.verdicts()["unit/test_a.py::test_leaks"].verdict == "unconfirmed"
    assert "raise --leakcheck-confirm-budget." in result.out
    assert result.status == 0


def test_what_the_budget_was_too_short_for_is_told_once(tmp_path: Path) -> None:
    """Of candidates: for tests that only time to spare would have repeated nobody waits."""
    leaks = "".join(f"    def test_{n}(): KEPT.append(Thing())\n" for n in "abcdef")
    quiet = "".join(f"    def test_quiet_{n}(): pass\n" for n in range(9))
    first = "def test_first(): pass"
    suites.write(
        tmp_path, {"test_0.py": first, "test_a.py": LEAKY + leaks + quiet, "pytest.ini": INI}
    )
    result = suites.leakcheck_in(tmp_path, "--leakcheck-confirm-budget=0")
    told = [event.sentence for event in result.run.events if event.slug == "confirm-budget"]
    candidates = [t for t in result.judged.tests if t.verdict == "unconfirmed"]
    assert len(candidates) >= 7
    assert len(told) == 1
    assert told[0].startswith(f"{len(candidates)} candidates could not be repeated within 0 s")


def test_a_budget_that_ends_during_the_repeats_accuses_nobody(tmp_path: Path) -> None:
    """The repeats that there are have grown; what was still to come is not known."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import time

                KEPT = []

                def test_slow_later():
                    KEPT.append([1])
                    if len(KEPT) > 10:
                        time.sleep(60)
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, "--leakcheck-confirm-budget=8")
    test = result.verdicts()["test_a.py::test_slow_later"]
    assert test.verdict == "unconfirmed"
    assert "not repeated" in test.reason or "cut off" in test.reason


def test_who_was_cleared_by_what_others_showed_is_repeated_when_there_is_time(
    tmp_path: Path,
) -> None:
    """Three tests that fill a cache leave what a fourth one leaves on each run."""
    things = """
        class Thing:
            def __init__(self, size):
                self.payload = bytearray(size)

        CACHE = {}
        KEPT = []
    """
    fills = """
        import things

        def test_fills():
            things.CACHE.setdefault({!r}, things.Thing(5000))
    """
    leaks = """
        import things

        def test_leaks():
            things.KEPT.append(things.Thing(100))
    """
    files = {f"test_{name}.py": fills.format(name) for name in "abc"}
    files["test_0.py"] = "def test_first(): pass"  # it has pytest's own first uses
    suites.write(tmp_path, {"things.py": things, **files, "test_d.py": leaks})
    spoken_for = suites.leakcheck_in(tmp_path, "--leakcheck-screen=0").verdicts()
    assert spoken_for["test_d.py::test_leaks"].basis == "by signature"
    found = suites.leakcheck_in(tmp_path).verdicts()
    assert {nodeid for nodeid, test in found.items() if test.verdict == "leak"} == {
        "test_d.py::test_leaks"
    }


def test_a_test_that_keeps_once_what_others_keep_anew_is_not_accused(tmp_path: Path) -> None:
    """Four functions leak; a fifth one leaves the same type in the suite, in a cache."""
    things = """
        class Thing: pass
        KEPT = {}
        def fresh(): KEPT[len(KEPT)] = Thing()
    """
    leaks = "\n".join(f"def test_{name}(): things.fresh()" for name in "abcd")
    caches = """
        import things
        def test_caches(): things.KEPT.setdefault("once", things.Thing())
    """
    files = {"test_0.py": "def test_first(): pass", "test_a.py": f"import things\n{leaks}"}
    suites.write(tmp_path, {"things.py": things, **files, "test_b.py": caches})
    found = suites.leakcheck_in(tmp_path, "--leakcheck-screen=0").verdicts()
    leaking = {nodeid for nodeid, test in found.items() if test.verdict == "leak"}
    assert leaking == {f"test_a.py::test_{name}" for name in "abcd"}
    assert all(found[nodeid].basis == "repeated" for nodeid in leaking)
    assert found["test_b.py::test_caches"].verdict == "settles"


def test_that_no_process_starts_again_is_told_once(tmp_path: Path) -> None:
    """With the log to read; and nobody is accused."""
    refuses = """
        import pathlib

        with pathlib.Path(__file__).with_name("lock").open("x"):
            pass
    """
    leaks = LEAKY + "".join(f"    def test_{n}(): KEPT.append(Thing())\n" for n in "abcdefgh")
    suites.write(tmp_path, {"conftest.py": refuses, "test_a.py": leaks, "pytest.ini": INI})
    result = suites.leakcheck_in(tmp_path)
    told = [event.sentence for event in result.run.events if event.slug == "confirm-failed"]
    assert len(told) == 1
    assert "ended with status 4 before it repeated anything: see confirm-1.log" in told[0]
    assert "FileExistsError" in (tmp_path / ".leakcheck/run/confirm-1.log").read_text()
    assert {test.verdict for test in result.judged.tests} == {"unconfirmed"}


def test_where_witnesses_agree_one_instance_of_each_function_is_enough(tmp_path: Path) -> None:
    """Six functions leak the same type: three speak for themselves, one instance each, and then one
    of each of the others."""
    leaks = """
        import pytest

        KEPT = []

        class Thing:
            pass

        @pytest.fixture(params=range(4))
        def number(request):
            return request.param
    """
    leaks += "".join(
        f"""
        def test_{name}(number):
            KEPT.append(Thing())
        """
        for name in "abcdef"
    )
    suites.write(tmp_path, {"test_0.py": leaks.replace("KEPT.append", ""), "test_a.py": leaks})
    result = suites.leakcheck_in(tmp_path, "--leakcheck-screen=0")
    mine = [t for n, t in result.verdicts().items() if n.startswith("test_a.py")]
    assert {test.verdict for test in mine} == {"leak"}
    repeated = [function_of(test.nodeid) for test in mine if test.basis == "repeated"]
    assert len(set(repeated)) == 6
    # The first test of the file has first uses of its own, hence a signature of its own.
    assert len(repeated) <= 7


def test_where_witnesses_disagree_each_function_gets_its_own(tmp_path: Path) -> None:
    """Two functions leave the same type, to a fixture that lets it go and to one that does not:
    three instances of each speak for the other six."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import pytest

                class Thing:
                    pass

                @pytest.fixture(scope="module")
                def shelf():
                    return []

                KEPT = []

                @pytest.mark.parametrize("n", range(9))
                def test_held(shelf, n):
                    shelf.append(Thing())

                @pytest.mark.parametrize("n", range(9))
                def test_kept(n):
                    KEPT.append(Thing())
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, "--leakcheck-screen=0")
    tests = result.verdicts().values()
    # The first one of the module has first uses of its own, hence a signature of its own.
    for name, verdict in (("test_held", "held"), ("test_kept", "leak")):
        mine = [t for t in tests if function_of(t.nodeid) == f"test_a.py::{name}"]
        assert [t.verdict for t in mine] == [verdict] * 9
        assert Counter(t.basis for t in mine)["by signature"] >= 5


def test_what_a_set_up_leaves_once_does_not_keep_a_fixture_from_letting_go(tmp_path: Path) -> None:
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import pytest

                SET_UPS, ONCE = [], []

                class Thing:
                    pass

                @pytest.fixture(scope="module")
                def shelf():
                    SET_UPS.append(1)
                    if len(SET_UPS) == 2:
                        ONCE.extend(str(n) * 40 for n in range(10, 30))
                    return []

                def test_held(shelf):
                    shelf.append(Thing())
            """
        },
    )
    result = suites.leakcheck_in(tmp_path)
    test = result.verdicts()["test_a.py::test_held"]
    assert test.verdict == "held", test.reason
    repeats = result.run.repeats[test.nodeid]
    released = [r.growth.survivors for r in repeats if r.phase == "release-window"]
    assert len(released) == Settings().release_windows
    assert min(abs(count or 0) for count in released) <= 1


def test_a_string_a_run_is_held_by_a_wider_fixture_only_where_that_lets_it_go(
    tmp_path: Path,
) -> None:
    """So few blocks are no more than what a look at them leaves."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import itertools
                import pytest

                KEPT, NUMBERS = [], itertools.count(10**6)

                @pytest.fixture(scope="module")
                def shelf():
                    return []

                def test_held(shelf):
                    shelf.append(str(next(NUMBERS)) * 10)

                def test_kept(shelf):
                    KEPT.append(str(next(NUMBERS)) * 10)
            """
        },
    )
    verdicts = suites.leakcheck_in(tmp_path).verdicts()
    assert verdicts["test_a.py::test_held"].verdict == "held"
    assert verdicts["test_a.py::test_kept"].verdict == "leak"


def test_a_package_outside_the_root_folder_is_repeated(tmp_path: Path) -> None:
    """Its node ids do not say where it is (--pyargs)."""
    suites.write(
        tmp_path,
        {
            "lib/shop/__init__.py": "",
            "lib/shop/test_shop.py": """
                KEPT = []
                def test_leaks():
                    KEPT.append([1])
            """,
            "here/pytest.ini": "[pytest]",
        },
    )
    env = {**suites.without_memray(tmp_path)}
    env["PYTHONPATH"] += os.pathsep + str(tmp_path / "lib")
    result = suites.leakcheck_in(tmp_path / "here", "--pyargs", "shop.test_shop", env=env)
    (test,) = result.verdicts().values()
    assert test.verdict == "leak", test.reason


@pytest.mark.skipif(sys.version_info < (3, 11), reason="blocks have noise of their own there")
def test_a_string_a_run_of_a_slow_test_is_a_leak(tmp_path: Path) -> None:
    """A few runs together show a block for each, and nothing of the look itself."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import itertools
                import time

                KEPT, NUMBERS = {}, itertools.count()

                def test_leaks():
                    time.sleep(0.11)
                    KEPT["name %d" % next(NUMBERS)] = None
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    test = result.verdicts()["test_a.py::test_leaks"]
    assert test.verdict == "leak", test.reason
    windows = [r for r in result.run.repeats[test.nodeid] if r.phase == "window"]
    assert [r.growth.blocks for r in windows] == [pytest.approx(r.number, abs=4) for r in windows]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal between processes there")
def test_ctrl_c_while_candidates_are_repeated_leaves_the_suites_result(tmp_path: Path) -> None:
    """Failures are told, and what was measured by then."""
    suites.write(
        tmp_path,
        {
            "conftest.py": """
                import signal
                # Of a job in the background the shell has it ignored.
                signal.signal(signal.SIGINT, signal.default_int_handler)
            """,
            "test_a.py": """
                import os
                import signal
                import time

                KEPT = []

                def test_fails():
                    assert 1 == 2

                def test_leaks():
                    KEPT.append([1])
                    if len(KEPT) == 3:  # not in the suite, where it runs once
                        os.kill(os.getppid(), signal.SIGINT)
                        time.sleep(60)
            """,
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    assert result.status == int(pytest.ExitCode.TESTS_FAILED)
    assert result.last_line == "1 failed, 1 passed"
    assert "assert 1 == 2" in result.out
    assert "The confirmation was interrupted" in result.out
    test = result.verdicts()["test_a.py::test_leaks"]
    assert test.verdict == "unconfirmed", test.reason


def test_an_interrupted_run_is_not_confirmed(suite: Path) -> None:
    """Ctrl-C ends it at once; what was measured is kept."""
    suites.write(suite, {"unit/test_b.py": "def test_b(): raise KeyboardInterrupt\n"})
    result = suites.leakcheck_in(suite)
    assert result.status == int(pytest.ExitCode.INTERRUPTED)
    assert "confirming" not in result.out
    test = result.verdicts()["unit/test_b.py::test_b"]
    assert (test.verdict, test.reason) == ("not judged", "it was interrupted before its end")
    assert result.verdicts()["unit/test_a.py::test_leaks"].verdict == "unconfirmed"


@pytest.mark.parametrize("dist", ["loadfile", "loadgroup", "worksteal"])
def test_every_way_to_distribute_is_confirmed(suite: Path, dist: str) -> None:
    """Groups in node ids are no hindrance."""
    pytest.importorskip("xdist")
    text = LEAKY.replace("@pytest.mark.unit", '@pytest.mark.xdist_group("one")')
    suites.write(suite, {"unit/test_a.py": text})
    words = ["-p", "xdist.plugin", "-p", "xdist.looponfail", "-n1", f"--dist={dist}"]
    result = suites.leakcheck_in(suite, *words, env=suites.without_memray(suite))
    (test,) = result.judged.tests
    assert test.verdict == "leak", test.reason
    assert test.nodeid.startswith("unit/test_a.py::test_leaks")


def test_coverage_and_timeouts_beside_us(suite: Path) -> None:
    """pytest-cov and pytest-timeout in the same run change no verdict, and we not their result."""
    pytest.importorskip("pytest_cov")
    pytest.importorskip("pytest_timeout")
    words = ["-p", "pytest_cov.plugin", "-p", "pytest_timeout", "--cov=unit", "--timeout=60"]
    result = suites.leakcheck_in(suite, *words, env=suites.without_memray(suite))
    assert result.verdicts()["unit/test_a.py::test_leaks"].verdict == "leak"
    assert result.status == 0
    assert "TOTAL" in result.out


def test_a_slow_test_that_fills_a_cache_with_a_limit_is_no_leak(tmp_path: Path) -> None:
    """Too slow for hundreds of further runs: what holds the objects has to clear it."""
    suites.write(
        tmp_path,
        {
            "test_cache.py": """
                import functools
                import itertools
                import time

                numbers = itertools.count()

                class Node:
                    pass

                @functools.lru_cache(maxsize=128)
                def made(number):
                    return [Node() for _ in range(20)]

                def test_fills():
                    time.sleep(0.12)
                    made(next(numbers))
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    test = result.verdicts()["test_cache.py::test_fills"]
    assert test.verdict == "settles", test.reason
    assert "a cache that has a limit" in test.reason


def test_a_cache_with_a_limit_hides_no_leak_beside_it(tmp_path: Path) -> None:
    """Neither of compiled code nor of strings or objects; and a cache whose items take C heap is
    none."""
    text = """
        import ctypes
        import functools
        import itertools

        N = itertools.count()
        KEPT = {}
        malloc = ctypes.CDLL(None).malloc
        malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p

        class Node:
            def __init__(self):
                self.payload = bytearray(4000)

        @functools.lru_cache(50)
        def parse(number):
            return Node()

        def test_fills():
            parse(next(N))

        def test_mallocs():
            parse(next(N))
            malloc(4000)

        def test_keeps():
            number = next(N)
            parse(number)
            KEPT[number] = str(number) * 1000

        THINGS = []

        @functools.lru_cache(128)
        def many(number):
            return [Node() for _ in range(9)]

        def test_keeps_less_than_the_cache():
            many(next(N))
            THINGS.append(Node())
    """
    suites.write(tmp_path, {"test_cache.py": text})
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    found = {nodeid.partition("::")[2]: test for nodeid, test in result.verdicts().items()}
    verdicts = {name: test.verdict for name, test in found.items()}
    assert verdicts == {
        "test_fills": "settles",
        "test_mallocs": "leak",
        "test_keeps": "leak",
        "test_keeps_less_than_the_cache": "leak",
    }
    holders = {cause.cause.fingerprint: cause.cause.holder for cause in result.judged.causes}
    told = {
        name: [holders[print_] for print_ in test.fingerprints]
        for name, test in found.items()
        if test.verdict == "leak"
    }
    assert told["test_keeps"] == ["test_cache.KEPT[*]"]
    assert told["test_keeps_less_than_the_cache"] == ["test_cache.THINGS[*]"]
    assert not any("parse" in holder for holder in told["test_mallocs"])


def test_a_slow_test_is_repeated_less_once_its_cause_has_gone_on(tmp_path: Path) -> None:
    """The first of a cause is repeated in full, and so is one whose cause has not been seen."""
    text = """
        import time
        KEPT, CACHE, SEEN = [], {}, []
        class Thing: pass
        def test_first():
            time.sleep(0.11)
            KEPT.append(Thing())
        def test_second():
            time.sleep(0.11)
            KEPT.append(Thing())
            KEPT.append(Thing())
        def test_fills_another():
            time.sleep(0.11)
            SEEN.append(0)
            CACHE[min(len(SEEN), 7)] = Thing()
    """
    suites.write(tmp_path, {"test_slow.py": text})
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    settings = Settings()
    phases = {
        nodeid.partition("::")[2]: Counter(record.phase for record in records)
        for nodeid, records in result.run.repeats.items()
    }
    runs = {name: (seen["warm-up"], seen["steady"]) for name, seen in phases.items()}
    in_full = (settings.warmups, settings.repeats)
    # The last warm-up is one of the repeats that are enough.
    assert runs["test_second"] == (settings.warmups, settings.known_repeats - 1)
    assert runs["test_first"] == runs["test_fills_another"] == in_full
    verdicts = {n.partition("::")[2]: t.verdict for n, t in result.verdicts().items()}
    assert verdicts == {
        "test_first": "leak",
        "test_second": "leak",
        "test_fills_another": "settles",
    }


@pytest.mark.skipif(sys.version_info < (3, 11), reason="blocks have noise there, on calm runs too")
def test_what_is_only_replaced_is_decided_early(tmp_path: Path) -> None:
    """Where nothing of what the first repeats left is alive, it is replaced, and no more is asked;
    where something is, though other objects go, the repeats go on."""
    text = """
        SLOT, KEPT = [], []
        STOCK = [(str(number), [number]) for number in range(1_000)]
        class Thing: pass
        def test_replaces():
            SLOT[:] = [Thing() for _ in range(5)]
        def test_trades():
            KEPT.append(Thing())
            STOCK.pop()
    """
    suites.write(tmp_path, {"test_slots.py": text})
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    settings = Settings()
    phases = {
        nodeid.partition("::")[2]: Counter(record.phase for record in records)
        for nodeid, records in result.run.repeats.items()
    }
    assert phases["test_replaces"]["steady"] == settings.calm_repeats
    assert phases["test_replaces"]["kept"] == 1
    assert not phases["test_replaces"]["window"]
    assert phases["test_trades"]["steady"] == settings.repeats
    replaces = result.verdicts()["test_slots.py::test_replaces"]
    assert (replaces.verdict, replaces.reason) == ("settles", "5 objects are replaced on each run")


def test_a_fixture_of_all_tests_does_not_have_all_of_them_repeated(tmp_path: Path) -> None:
    """What it leaves behind after each test is told by a few of them, and what a test leaves
    beside it by the test itself."""
    replaces = """
        import pytest

        CURRENT = []

        @pytest.fixture(autouse=True)
        def handlers():
            CURRENT[:] = [[] for _ in range(50)]
    """
    quiet = "\n".join(f"def test_{number}(): pass" for number in range(40))
    leaks = """
        class Thing:
            pass

        KEPT = []

        def test_leaks():
            KEPT.append(Thing())
    """
    suites.write(tmp_path, {"conftest.py": replaces, "test_a.py": quiet, "test_b.py": leaks})
    result = suites.leakcheck_in(tmp_path, "--leakcheck-screen=0")
    found = result.verdicts()
    assert found["test_b.py::test_leaks"].verdict == "leak"
    others = [test for nodeid, test in found.items() if nodeid != "test_b.py::test_leaks"]
    assert {test.verdict for test in others} == {"settles"}
    # The first tests of a file have first uses of their own.
    assert Counter(test.basis for test in others)["by signature"] > 20


def test_what_is_dropped_after_a_few_runs_is_no_cause(tmp_path: Path) -> None:
    """Of a test that keeps the last three cycles and leaks, the holder of the leak is named."""
    text = """
        import time
        KEPT, LATEST = [], []
        class Thing: pass
        def test_leaks():
            time.sleep(0.11)
            ring = [Thing() for _ in range(5)]
            ring.append(ring)
            LATEST.append(ring)
            del LATEST[:-3]
            KEPT.append(Thing())
    """
    suites.write(tmp_path, {"test_slow.py": text})
    result = suites.leakcheck_in(tmp_path, env=suites.without_memray(tmp_path))
    test = result.verdicts()["test_slow.py::test_leaks"]
    assert test.verdict == "leak", test.reason
    assert [cause.cause.holder for cause in result.judged.causes] == ["test_slow.KEPT[*]"]
    assert [cause.cause.per_run for cause in result.judged.causes] == [1]


def test_a_process_that_shares_tasks_keeps_the_suites_order(tmp_path: Path) -> None:
    """What a test leaves behind reaches no test that comes before it in the suite."""
    tests = "".join(f"def test_{n}(): pass\n" for n in range(10))
    suites.write(tmp_path, {"test_a.py": tests, "test_b.py": tests})
    files = ("test_a.py", "test_b.py")
    found = [f"{file}::test_{n}" for file in files for n in range(10)]
    tasks = [Task(name=name, nodeid=name, file=name.partition("::")[0]) for name in found]
    divided = in_portions(tasks, lanes=2)
    claims = tmp_path / "claims"
    claims.mkdir()
    assert claim(claims, divided[4].portion, lane=0)
    plan = Plan(
        folder=str(tmp_path / "run"),
        number=1,
        progress=str(tmp_path / "progress"),
        settings=Settings(),
        tasks=divided,
        lane=1,
        lanes=2,
        claims=str(claims),
    )
    (tmp_path / "plan").write_bytes(msgspec.json.encode(plan))
    result = suites.pytest_in(tmp_path, "--leakcheck-confirm=plan", *files)
    assert result.status == 0, result.out
    lines = (tmp_path / "run" / "journal-confirm-1.jsonl").read_text()
    begun = re.findall(r'"nodeid":"([^"]+)","at":"begin"', lines)
    assert begun == [task.name for task in divided if task.portion != divided[4].portion]
