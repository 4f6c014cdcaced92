"""Depth full, other tracers in the same run, and a harness that fails."""

from __future__ import annotations

from pathlib import Path

import pytest
import suites
from suites import Result

from pytest_leakcheck.native.allocations import memray_missing

needs_memray = pytest.mark.skipif(memray_missing() is not None, reason="memray is not here")

SUITE = {
    "test_a.py": """
        KEPT = []

        class Thing:
            def __init__(self):
                self.payload = bytearray(100_000)

        def test_leaks():
            KEPT.append(Thing())

        def test_clean():
            Thing()
    """
}


@pytest.fixture(name="full", scope="module")
def _full(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A leaking suite at depth full."""
    if memray_missing() is not None:
        pytest.skip("memray is not here")
    folder = tmp_path_factory.mktemp("full")
    suites.write(folder, SUITE)
    return suites.leakcheck_in(folder, "--leakcheck-depth=full")


def test_at_depth_full_every_test_is_traced(full: Result) -> None:
    """Python bytes that stayed, their peak, and where they were allocated."""
    traced = {test.nodeid: test.traced for test in full.run.tests}
    leaks, clean = traced["test_a.py::test_leaks"], traced["test_a.py::test_clean"]
    assert leaks is not None
    assert clean is not None
    assert (leaks.python_bytes or 0) >= 100_000
    assert (clean.python_bytes or 0) < 50_000
    assert (clean.python_peak_bytes or 0) >= 100_000
    assert (leaks.sites[0].file, leaks.sites[0].line) == ("test_a.py", 6)
    assert leaks.refused is None
    assert clean.refused is None


def test_captures_of_leaks_are_read_and_the_others_deleted(full: Result) -> None:
    """memray's sites, an offline flame graph, and no file for a clean test."""
    run = full.run
    (record,) = (r for r in run.captures["test_a.py::test_leaks"] if r.sites)
    assert (run.folder / record.capture).is_file()
    assert any("test_a.py:6)" in frame for frame in record.sites[0].stack)
    assert record.sites[0].bytes == pytest.approx(100_000, rel=0.1)
    assert record.flamegraph is not None
    page = (run.folder / record.flamegraph).read_text(encoding="utf-8")
    assert "<html" in page
    kept = {path.name for path in (run.folder / "captures").glob("*.bin")}
    assert not any("clean" in name for name in kept)


def test_depth_full_judges_as_the_other_depths_do(full: Result) -> None:
    """The tracers change no verdict and no result."""
    verdicts = {nodeid: test.verdict for nodeid, test in full.verdicts().items()}
    assert verdicts["test_a.py::test_leaks"] == "leak"
    assert verdicts["test_a.py::test_clean"] in ("clean", "settles")
    assert (full.status, full.last_line) == (0, "2 passed")


def test_nothing_of_this_machine_is_told(full: Result) -> None:
    """A run can be shown to others: no path of this machine, in memray's stacks either."""
    for path in full.run.folder.glob("*.json*"):
        assert str(full.folder) not in path.read_text(encoding="utf-8"), path.name


def test_nothing_is_left_of_the_plan(full: Result) -> None:
    """Plans and progress files are gone; the logs of confirming processes stay."""
    names = {path.name for path in full.run.folder.iterdir()}
    assert not any(name.endswith((".plan", ".progress")) for name in names)
    assert "confirm-1.log" in names


@needs_memray
def test_pytest_memray_beside_depth_full(tmp_path: Path) -> None:
    """One tracker per process: who lost it says so, and both plugins go on."""
    suites.write(tmp_path, SUITE)
    result = suites.leakcheck_in(tmp_path, "-p", "memray", "--memray", "--leakcheck-depth=full")
    assert result.status == 0, result.out
    assert "MEMRAY REPORT" in result.out
    assert "2 passed" in result.last_line
    assert result.verdicts()["test_a.py::test_leaks"].verdict == "leak"
    for test in result.run.tests:
        assert test.traced is not None
        # Either ours stepped aside, with a reason, or both captured.
        assert test.traced.refused or test.traced.capture


@needs_memray
def test_pytest_memrays_markers_work_at_depth_full(tmp_path: Path) -> None:
    """limit_memory fails the test that is over it, whoever has the tracker."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import pytest

                @pytest.mark.limit_memory("1 MB")
                def test_over():
                    bytearray(20 * 2**20)

                @pytest.mark.limit_memory("100 MB")
                def test_under():
                    bytearray(20 * 2**20)
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, "-rA", "-p", "memray", "--leakcheck-depth=full")
    assert "MEMORY PROBLEMS test_a.py::test_over" in result.out
    assert "PASSED test_a.py::test_under" in result.out
    assert "1 failed, 1 passed" in result.last_line


def test_tracemalloc_of_the_user_is_left_alone(tmp_path: Path) -> None:
    """At depth full a suite that traces by itself keeps its tracing, and ours says why not."""
    suites.write(
        tmp_path,
        {
            "conftest.py": "import tracemalloc\ntracemalloc.start(2)\n",
            "test_a.py": """
                import tracemalloc

                def test_is_tracing():
                    assert tracemalloc.is_tracing()
                    assert tracemalloc.get_traceback_limit() == 2

                def test_is_still_tracing():
                    assert tracemalloc.get_traceback_limit() == 2
            """,
        },
    )
    result = suites.leakcheck_in(
        tmp_path, "--leakcheck-depth=full", env=suites.without_memray(tmp_path)
    )
    assert result.status == 0, result.out
    for test in result.run.tests:
        assert test.traced is not None
        assert test.traced.python_bytes is None
        assert "tracemalloc was on already" in (test.traced.refused or "")


def test_a_test_may_stop_tracing_at_depth_full(tmp_path: Path) -> None:
    """The test's own stop is respected and said; the next test is traced again."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import tracemalloc

                def test_stops():
                    tracemalloc.stop()

                def test_next():
                    pass
            """
        },
    )
    result = suites.leakcheck_in(
        tmp_path, "--leakcheck-depth=full", env=suites.without_memray(tmp_path)
    )
    traced = {test.nodeid: test.traced for test in result.run.tests}
    first, second = traced["test_a.py::test_stops"], traced["test_a.py::test_next"]
    assert result.status == 0, result.out
    assert first is not None
    assert second is not None
    assert "the test stopped tracemalloc itself" in (first.refused or "")
    assert second.python_bytes is not None


FAILING = {
    "conftest.py": """
        from pytest_leakcheck.sweep.{module} import {name}

        def broken(*args, **kwargs):
            raise ValueError("the harness is broken")

        {name}.{method} = broken
    """,
    "test_a.py": """
        import pytest

        def test_passes():
            pass

        def test_fails():
            assert False

        @pytest.fixture(scope="module")
        def wide():
            return []

        def test_with_a_fixture(wide):
            pass
    """,
}


@pytest.mark.parametrize(
    "target",
    [
        "signals.Probes.read",
        "signals.Probes.elapsed",
        "boundary.Boundary.survivors",
        "boundary.Boundary.draw",
        "boundary.Boundary.start",
        "accounts.Accounts.fixture_begins",
        "accounts.Accounts.close",
    ],
)
def test_a_failing_harness_never_changes_the_result(tmp_path: Path, target: str) -> None:
    """The tests run on, and one sentence says that measuring stopped."""
    module, name, method = target.split(".")
    files = dict(FAILING)
    files["conftest.py"] = files["conftest.py"].format(module=module, name=name, method=method)
    suites.write(tmp_path, files)
    result = suites.leakcheck_in(tmp_path, "--leakcheck-depth=sweep")
    assert result.last_line == "1 failed, 2 passed"
    assert result.status == 1
    assert "INTERNALERROR" not in result.out
    said = [line for line in result.out.splitlines() if "the harness is broken" in line]
    assert len(said) == 1, result.out
    assert "Measuring stopped: ValueError: the harness is broken." in said[0]


def test_a_failed_harness_is_not_a_dead_process(tmp_path: Path) -> None:
    """The report says that measuring stopped, and accuses no test of killing its process."""
    files = dict(FAILING)
    words = {"module": "accounts", "name": "Accounts", "method": "close_test"}
    files["conftest.py"] = files["conftest.py"].format(**words)
    suites.write(tmp_path, files)
    result = suites.leakcheck_in(tmp_path, "--leakcheck-depth=sweep")
    assert "Measuring stopped: ValueError: the harness is broken." in result.out
    assert "died while running" not in result.out


def test_a_failed_harness_gives_the_collector_back(tmp_path: Path) -> None:
    """Nothing stays frozen, no callback stays, and no tracer runs on."""
    suites.write(
        tmp_path,
        {
            "conftest.py": """
                from pytest_leakcheck.sweep.accounts import Accounts

                def broken(*args, **kwargs):
                    raise ValueError("the harness is broken")

                Accounts.close_test = broken
            """,
            "test_a.py": """
                import gc, tracemalloc

                def test_first():
                    pass

                def test_second():
                    assert gc.get_freeze_count() == 0
                    assert not [c for c in gc.callbacks if "leakcheck" in str(c)]
                    assert not tracemalloc.is_tracing()
            """,
        },
    )
    result = suites.leakcheck_in(
        tmp_path, "--leakcheck-depth=full", env=suites.without_memray(tmp_path)
    )
    assert result.last_line == "2 passed", result.out


def test_a_confirmation_that_fails_never_changes_the_result(tmp_path: Path) -> None:
    """What was measured is kept and told; one sentence says what failed."""
    suites.write(
        tmp_path,
        {
            **SUITE,
            "conftest.py": """
                from pytest_leakcheck.confirm.supervisor import Confirmation

                def broken(*args):
                    raise ValueError("the harness is broken")

                Confirmation._one_process = broken
            """,
        },
    )
    result = suites.leakcheck_in(tmp_path)
    assert (result.status, result.last_line) == (0, "2 passed")
    assert "The confirmation failed: ValueError: the harness is broken." in result.out
    assert result.verdicts()["test_a.py::test_leaks"].verdict == "unconfirmed"


def test_a_run_folder_taken_away_never_changes_the_result(tmp_path: Path) -> None:
    """A suite that deletes its folder's hidden files loses the run, not its result."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import shutil

                def test_cleans_up():
                    shutil.rmtree(".leakcheck")

                def test_after():
                    pass
            """
        },
    )
    result = suites.leakcheck_in(tmp_path)
    assert (result.status, result.last_line) == (0, "2 passed")
    assert "INTERNALERROR" not in result.out
    assert "leakcheck: " in result.out


def test_a_full_disk_never_changes_the_result(tmp_path: Path) -> None:
    """What was written before is kept; one sentence says what to do."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import pytest
                resource = pytest.importorskip("resource")

                @pytest.mark.parametrize("number", range(5))
                def test_before(number):
                    pass

                def test_the_disk_fills():
                    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))

                @pytest.mark.parametrize("number", range(5))
                def test_after(number):
                    pass
            """
        },
    )
    result = suites.leakcheck_in(tmp_path, "--leakcheck-depth=sweep")
    assert (result.status, result.last_line) == (0, "11 passed")
    assert "cannot be written (File too large): what was measured before is kept" in result.out
    assert "test_a.py::test_before[4]" in result.run.nodeids()
