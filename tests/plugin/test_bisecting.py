"""``leakcheck bisect`` on a real suite: fresh processes find the tests that arm another."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import suites

REGISTRY = """
    ARMED = False
    SINKS = []
    LEVEL = 0
    KEPT = []
    PAIRS = []

    class Thing:
        def __init__(self):
            self.payload = bytearray(700)

    def work():
        if ARMED:
            KEPT.append(Thing())

    def work_of_two():
        if SINKS and LEVEL:
            PAIRS.append(Thing())
"""
FILES = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "registry.py": REGISTRY,
    "test_one.py": """
        import registry

        def test_a(): pass
        def test_b(): assert sum(range(10)) == 45
        def test_c(): registry.ARMED = True
        def test_d(): registry.SINKS.append("sink")
    """,
    "test_two.py": """
        import registry

        class TestTwo:
            def test_e(self): assert registry.ARMED
            def test_f(self): registry.LEVEL = 1

        def test_g(): assert {} == {}
        def test_h(): pass
    """,
    "test_three.py": """
        import registry

        OWN = []

        def test_j(): pass
        def test_k(): registry.work()
        def test_l(): registry.work_of_two()
        def test_m(): OWN.append([1])
    """,
}
#: In this order; pytest itself would sort the files by name.
ORDER = ("test_one.py", "test_two.py", "test_three.py")


@pytest.fixture(name="measured", scope="module")
def _measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, measured once."""
    folder = tmp_path_factory.mktemp("order") / "suite"
    suites.write(folder, FILES)
    result = suites.leakcheck_in(folder, "--leakcheck-depth=sweep", *ORDER)
    assert result.last_line == "12 passed"
    return folder


@pytest.fixture(name="copy")
def _copy(measured: Path, tmp_path: Path) -> Path:
    """A copy of the measured suite, to be changed."""
    return shutil.copytree(measured, tmp_path / "suite")


def bisect(folder: Path, *words: str) -> tuple[int, list[str], str]:
    """Run the command in a folder: exit status, lines, and what it complained about."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_leakcheck.cli", "bisect", suites.LABEL, *words],
        cwd=folder,
        env=suites.environment(**suites.without_memray(folder)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_the_one_test_that_arms_it(measured: Path) -> None:
    """Named with the growth, and with the holder that only its process knows."""
    status, lines, _ = bisect(measured, "test_k")
    assert lines[0].startswith("test_three.py::test_k grows only after test_one.py::test_c: +"), (
        lines
    )
    assert " per run (leak " in lines[0]
    assert lines[1] == "    registry.KEPT[*] keeps 1 more registry.Thing after each run"
    assert status == 0


def test_two_tests_of_two_files_that_arm_it_together(measured: Path) -> None:
    """A method of a test class among them."""
    _, lines, _ = bisect(measured, "test_three.py::test_l")
    assert lines[0].startswith(
        "test_three.py::test_l grows only after test_one.py::test_d and "
        "test_two.py::TestTwo::test_f, in this order: +"
    ), lines
    assert lines[1] == "    registry.PAIRS[*] keeps 1 more registry.Thing after each run"


def test_growth_by_itself_and_no_growth_at_all(measured: Path) -> None:
    """One process tells, or two."""
    _, lines, _ = bisect(measured, "test_m")
    assert lines[0].startswith("test_three.py::test_m grows by itself: +"), lines
    assert "+1 object" in lines[0]
    assert lines[-1] == "(1 fresh process)"
    _, lines, _ = bisect(measured, "test_j")
    # Blocks that came once, with noise of their own, are repeated on.
    told, last = lines
    assert re.sub(r"[0-9]+ repeats", "some repeats", told) == (
        "test_three.py::test_j does not grow even after the 8 tests before it in main "
        "(settles: no growth in some repeats)."
    )
    assert last == "(2 fresh processes)"


def test_a_suite_that_has_changed(copy: Path) -> None:
    """What is gone is left out, what fails is said, and the rest is searched."""
    (copy / "test_two.py").unlink()
    one = copy / "test_one.py"
    changed = one.read_text().replace("ARMED = True", "ARMED = True; assert False")
    one.write_text(changed.replace("def test_a", "def test_other"))
    _, lines, _ = bisect(copy, "test_k")
    assert lines[0].startswith("test_three.py::test_k grows only after test_one.py::test_c: +")
    assert lines[2].startswith(
        "! 5 earlier tests are not collected any more and left out: test_one.py::test_a, test_two"
    )
    assert (
        lines[3]
        == "! 1 earlier test ended otherwise than in the run: test_one.py::test_c (failed)."
    )


def test_a_test_that_is_gone(copy: Path) -> None:
    """One sentence, whether its file is there or not."""
    three = copy / "test_three.py"
    three.write_text(three.read_text().replace("def test_k", "def test_other"))
    status, lines, complaint = bisect(copy, "test_k")
    assert (status, lines) == (2, [])
    assert complaint == (
        "leakcheck: test_three.py::test_k is not collected any more: the suite has changed since "
        "the run run; measure again.\n"
    )
    three.unlink()
    assert bisect(copy, "test_k")[2].startswith("leakcheck: test_three.py is not there: start ")


def test_an_earlier_test_that_ends_the_process(copy: Path) -> None:
    """It is named."""
    one = copy / "test_one.py"
    one.write_text(
        one.read_text().replace("def test_a(): pass", "def test_a(): __import__('os')._exit(3)")
    )
    _, lines, _ = bisect(copy, "test_k")
    assert lines[0] == (
        "test_three.py::test_k could not be judged after the 9 tests before it in main: "
        "test_one.py::test_a: the process that ran it ended with status 3."
    )


def test_a_file_that_cannot_be_collected_and_a_budget_of_nothing(copy: Path) -> None:
    """One sentence each, with exit status 2."""
    (copy / "test_three.py").write_text("import nothing_of_that_name\n")
    status, _, complaint = bisect(copy, "test_k")
    assert (status, complaint.count("\n")) == (2, 1)
    assert "leakcheck: pytest ended with status 2 before it ran a test: see " in complaint
    status, lines, complaint = bisect(copy, "test_k", "--budget=0")
    assert (status, lines[0]) == (2, "Which tests make test_three.py::test_k grow is open.")
    assert complaint == (
        "leakcheck: The search did not come to its end: the budget of 0 s was used up.\n"
    )


def test_a_run_without_journals(copy: Path) -> None:
    """Without them nobody knows what ran before."""
    for journal in (copy / ".leakcheck" / suites.LABEL).glob("journal-*"):
        journal.unlink()
    status, _, complaint = bisect(copy, "test_k")
    assert status == 2
    assert "run holds no measured test: the run was empty or ended at collection." in complaint


def test_a_worker_and_groups_and_a_start_below_the_root(tmp_path: Path) -> None:
    """The probes run without xdist, with the run's own options, and with the names of its items."""
    pytest.importorskip("xdist")
    folder = tmp_path / "project"
    suites.write(folder, {f"unit/{name}": FILES[name] for name in (*ORDER, "registry.py")})
    ini = "[pytest]\npythonpath = unit\naddopts = -n1 --dist=loadgroup\n"
    suites.write(folder, {"pytest.ini": ini})
    mark = "import pytest\npytestmark = pytest.mark.xdist_group('one')\n"
    for name in ("test_one.py", "test_three.py"):
        path = folder / "unit" / name
        path.write_text(mark + path.read_text())
    words = ("-p", "xdist.plugin", "-p", "xdist.looponfail", "--leakcheck-depth=sweep")
    result = suites.leakcheck_in(folder / "unit", *words, "test_one.py", "test_three.py")
    assert result.last_line == "8 passed"
    _, lines, complaint = bisect(folder, "test_k")
    assert lines, complaint
    # With some versions of xdist and pytest the group is a part of the name.
    assert (
        lines[0]
        .replace("@one", "")
        .startswith("unit/test_three.py::test_k grows only after unit/test_one.py::test_c: +")
    ), lines
