"""pytest-xdist's workers, killed processes, and tests that leave without a word."""

from __future__ import annotations

import re
import signal
import sys
import textwrap
from pathlib import Path

import pytest
import suites
from suites import Result

pytest.importorskip("xdist")

XDIST = ("-p", "xdist.plugin", "-p", "xdist.looponfail", "-n2")
LEAKY = """
    import pytest

    KEPT = []

    class Thing:
        def __init__(self):
            self.payload = bytearray(1000)

    @pytest.mark.parametrize("number", range(8))
    def test_leaks(number):
        KEPT.append(Thing())

    @pytest.mark.parametrize("number", range(8))
    def test_clean(number):
        Thing()
"""


@pytest.fixture(name="result", scope="module")
def _result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A leaking suite on two workers."""
    folder = tmp_path_factory.mktemp("workers")
    suites.write(folder, {"test_a.py": LEAKY})
    return suites.leakcheck_in(folder, *XDIST, env=suites.without_memray(folder))


def test_each_worker_has_its_journal(result: Result) -> None:
    """Every test is in one of them, once, and each is closed in order."""
    run = result.run
    assert set(run.order) == {"gw0", "gw1"}
    assert len(run.tests) == len(run.nodeids()) == 16
    assert run.cut_off == {}
    assert set(run.ledgers) == {"gw0", "gw1"}
    assert run.info.workers == 2


def test_there_is_one_set_of_verdicts(result: Result) -> None:
    """The controller confirms once for all workers, and says it once."""
    assert result.status == 0
    verdicts = result.verdicts()
    assert len(verdicts) == 16
    leaks = {nodeid for nodeid, test in verdicts.items() if test.verdict == "leak"}
    assert leaks == {f"test_a.py::test_leaks[{number}]" for number in range(8)}
    assert result.out.count("16 tests measured: ") == 1
    assert "test_a.KEPT[*]" in result.out


def test_the_suites_own_result_stands_with_workers(result: Result) -> None:
    """pytest's own last line is unchanged."""
    assert result.last_line == "16 passed"


KILLED = """
    import os, signal, time
    import pytest

    @pytest.mark.parametrize("number", range(10))
    def test_quiet(number):
        pass

    def test_kills_its_process():
        os.kill(os.getpid(), signal.SIGKILL)

    @pytest.mark.parametrize("number", range(10))
    def test_after(number):
        pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_killed_worker_loses_its_test_only(tmp_path: Path) -> None:
    """The report names the test that it was running and its memory; the others are kept."""
    suites.write(tmp_path, {"test_a.py": KILLED})
    result = suites.leakcheck_in(tmp_path, *XDIST, "--leakcheck-depth=sweep")
    run = result.run
    assert len(run.nodeids()) == 20
    (begun,) = (start for start in run.cut_off.values() if start is not None)
    assert begun.nodeid == "test_a.py::test_kills_its_process"
    assert (begun.rss_bytes or 0) > 2**20
    crashed = result.verdicts()[begun.nodeid]
    assert (crashed.verdict, crashed.outcome) == ("not judged", "crashed")
    (said,) = (line for line in result.out.splitlines() if "died while running" in line)
    assert "died while running test_a.py::test_kills_its_process with " in said
    assert said.endswith(" resident.")
    assert "1 failed, 20 passed" in result.last_line


@pytest.mark.parametrize(
    "leave",
    [
        "os._exit(3)",
        pytest.param(
            "os.kill(os.getpid(), signal.SIGKILL)",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows"),
        ),
    ],
)
def test_a_test_that_ends_the_process_leaves_a_readable_journal(tmp_path: Path, leave: str) -> None:
    """Without workers the run dies with it; the journal names the test all the same."""
    text = f"import os, signal\ndef test_a(): pass\ndef test_b(): {leave}\ndef test_c(): pass\n"
    suites.write(tmp_path, {"test_a.py": text})
    result = suites.leakcheck_in(tmp_path)
    assert result.status in (3, -signal.SIGKILL if sys.platform != "win32" else 3)
    run = result.run
    assert run.nodeids() == {"test_a.py::test_a"}
    begun = run.cut_off["main"]
    assert begun is not None
    assert begun.nodeid == "test_a.py::test_b"


def test_the_candidates_are_shared_by_as_many_processes(tmp_path: Path) -> None:
    """Each is repeated by one of them, once; nothing is left of what they agreed on."""
    leaks = """
        class Thing{}:
            pass

        KEPT{} = []

        def test_leaks_{}():
            KEPT{}.append(Thing{}())
    """
    text = "".join(leaks.format(*[number] * 5) for number in range(6))
    suites.write(tmp_path, {"test_a.py": text})
    result = suites.leakcheck_in(tmp_path, *XDIST, env=suites.without_memray(tmp_path))
    verdicts = result.verdicts()
    assert {test.verdict for test in verdicts.values()} == {"leak"}
    folder = result.folder / ".leakcheck" / suites.LABEL
    begun = [
        re.findall(r'"nodeid":"([^"]+)","at":"begin"', path.read_text())
        for path in sorted(folder.glob("journal-confirm-*.jsonl"))
    ]
    assert len(begun) == 2
    assert sorted(begun[0] + begun[1]) == sorted(verdicts)
    assert not (folder / "claims").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (XDIST, {"gw0 gw0", "gw1 gw1"}),
        ((*XDIST, "--dist=loadfile"), {"master "}),
        ((*XDIST, "--leakcheck-confirm-workers=1"), {"master "}),
        ((*XDIST, "-n0", "--leakcheck-confirm-workers=2"), {"gw0 gw0", "gw1 gw1"}),
    ],
    ids=["as-workers", "together", "one", "asked-for"],
)
def test_each_confirming_process_goes_by_a_workers_name(
    tmp_path: Path, words: tuple[str, ...], expected: set[str]
) -> None:
    """Fixtures that keep workers apart by it keep these apart, too; one that is alone has none."""
    leaks = """
        @pytest.mark.parametrize("number", range(3))
        def test_leaks_{}(number, worker_id, tmp_path):
            KEPT.append([number])
            with open("names.txt", "a") as file:
                name = os.environ.get("PYTEST_XDIST_WORKER", "")
                print(worker_id, name, tmp_path.parts[-3:-1], file=file)
    """
    head = "import os, pytest\nKEPT = []\n"
    text = head + textwrap.dedent("".join(map(leaks.format, "abcd")))
    suites.write(tmp_path, {"test_a.py": text})
    base = f"--basetemp={tmp_path / 'temp'}"
    result = suites.leakcheck_in(tmp_path, *words, base, env=suites.without_memray(tmp_path))
    names = (tmp_path / "names.txt").read_text().splitlines()
    told = {line.partition("(")[0][:-1] for line in names if "confirm-" in line}
    assert told == expected
    assert {test.verdict for test in result.verdicts().values()} == {"leak"}


@pytest.mark.parametrize("words", [(), XDIST], ids=["one", "workers"])
def test_a_candidate_that_kills_the_confirming_process_is_not_judged(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """The next confirming process goes on with the others."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import os

                KEPT = []

                class Thing:
                    pass

                def test_dies_when_run_again():
                    KEPT.append(bytearray(10_000) or Thing())
                    KEPT.append(Thing())
                    if len(KEPT) > 4:
                        os._exit(7)
            """,
            "test_b.py": """
                KEPT = []

                class Other:
                    pass

                def test_leaks():
                    KEPT.append(Other())
            """,
            **{
                f"test_{letter}.py": f"""
                    KEPT = []

                    class Another{letter}:
                        pass

                    def test_leaks():
                        KEPT.append(Another{letter}())
                """
                for letter in "cdef"
            },
        },
    )
    result = suites.leakcheck_in(tmp_path, *words, env=suites.without_memray(tmp_path))
    verdicts = result.verdicts()
    died = verdicts["test_a.py::test_dies_when_run_again"]
    assert died.verdict == "not judged"
    assert died.reason == "the process that repeated it ended with status 7"
    for letter in "bcdef":
        assert verdicts[f"test_{letter}.py::test_leaks"].verdict == "leak"
    assert result.status == 0


@pytest.mark.parametrize("words", [(), XDIST], ids=["one", "workers"])
def test_a_confirming_process_that_dies_between_candidates_is_replaced(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """What that process had taken is not lost with it."""
    leaks = """
        import pytest

        KEPT = []

        class Thing{}:
            pass

        @pytest.mark.parametrize("number", range(2))
        def test_leaks(number):
            KEPT.append(Thing{}())
    """
    dies = """
        import os

        import pytest

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_protocol(item):
            yield
            if item.config.getoption("leakcheck_confirm") and item.name == "test_leaks[0]":
                if item.path.name in ("test_0.py", "test_2.py"):
                    os._exit(7)
    """
    files = {f"test_{n}.py": leaks.format(n, n) for n in range(6)}
    suites.write(tmp_path, {**files, "conftest.py": dies})
    result = suites.leakcheck_in(tmp_path, *words, env=suites.without_memray(tmp_path))
    verdicts = result.verdicts()
    assert {test.verdict for test in verdicts.values()} == {"leak"}
    assert len(verdicts) == 12
