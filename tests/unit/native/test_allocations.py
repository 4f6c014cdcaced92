"""tracemalloc and memray around one test, and the paths that they tell."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_leakcheck.native.allocations import (
    FullTrace,
    PythonTrace,
    memray_capture,
    memray_missing,
    short_path,
)

HERE = str(Path(__file__).resolve())
ROOT = str(Path(__file__).resolve().parent)
needs_memray = pytest.mark.skipif(memray_missing() is not None, reason="memray is not here")


@pytest.fixture(autouse=True)
def _no_tracing() -> Iterator[None]:
    """Each test begins and ends without tracemalloc."""
    if tracemalloc.is_tracing():
        pytest.skip("tracemalloc is on in this process")
    yield
    tracemalloc.stop()


# --- paths ---------------------------------------------------------------------------------------


def test_a_path_in_the_project_is_relative_to_it() -> None:
    """A page shows where, not on whose machine."""
    assert short_path("/srv/work/app/db.py", "/srv/work") == "app/db.py"


def test_a_neighbour_of_the_project_is_not_in_it() -> None:
    """A common beginning of names is no common folder."""
    assert short_path("/srv/work-old/db.py", "/srv/work") == "/srv/work-old/db.py"


def test_an_installed_file_is_relative_to_where_packages_are() -> None:
    """Without the environment's folder, in the standard library too."""
    assert short_path(str(Path(pytest.__file__).resolve())) == "pytest/__init__.py"
    assert short_path(str(Path(json.__file__).resolve())) == "json/__init__.py"


def test_an_environment_inside_the_project_is_told_as_installed() -> None:
    """site-packages under the root folder is not the project's own code."""
    installed = str(Path(pytest.__file__).resolve())
    assert short_path(installed, str(Path(sys.prefix).resolve())) == "pytest/__init__.py"


def test_the_home_folder_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds a person's name."""
    monkeypatch.setenv("HOME", "/home/alice")
    assert short_path("/home/alice/other/x.py", "/srv/work") == "~/other/x.py"


@pytest.mark.parametrize("path", ["<string>", "<frozen importlib._bootstrap>", "/usr/lib/libc.so"])
def test_other_paths_stay(path: str) -> None:
    """What is in none of these folders is told as it is."""
    assert short_path(path, "/srv/work") == path


# --- tracemalloc ---------------------------------------------------------------------------------


def test_what_stayed_and_where_it_was_allocated() -> None:
    """Bytes left, the peak, and the line, largest first."""
    trace = PythonTrace(4, ROOT)
    trace.start()
    kept = bytearray(100_000)
    line = sys._getframe().f_lineno - 1
    bytearray(1_000_000)
    seen = trace.stop()
    assert seen is not None
    left, peak, sites = seen
    assert left == pytest.approx(len(kept), rel=0.1)
    assert peak >= 1_100_000
    assert (sites[0].file, sites[0].line) == (Path(HERE).name, line)
    assert sites[0].bytes == pytest.approx(100_000, rel=0.1)
    assert sites[0].stack[0] == f"{Path(HERE).name}:{line}"
    assert not tracemalloc.is_tracing()


def test_a_dropped_cycle_did_not_stay() -> None:
    """The collector runs before the count."""
    trace = PythonTrace(1, ROOT)
    trace.start()
    cycle: list[object] = [bytearray(500_000)]
    cycle.append(cycle)
    del cycle
    seen = trace.stop()
    assert seen is not None
    assert seen[0] < 100_000


def test_tracing_that_is_on_already_is_left_alone() -> None:
    """Somebody else has it: one sentence, nothing stopped, nothing read."""
    tracemalloc.start(3)
    trace = PythonTrace(12, ROOT)
    trace.start()
    assert trace.stop() is None
    assert trace.refused == "tracemalloc was on already: the test or another plugin has it"
    assert tracemalloc.is_tracing()
    assert tracemalloc.get_traceback_limit() == 3


def test_tracing_that_the_test_stops_is_said() -> None:
    """A test that calls tracemalloc.stop() itself loses its own trace only."""
    trace = PythonTrace(1, ROOT)
    trace.start()
    tracemalloc.stop()
    assert trace.stop() is None
    said = [trace.refused]
    trace.start()
    said.append(trace.refused)
    assert said == ["the test stopped tracemalloc itself", None]
    assert trace.stop() is not None


def test_stop_without_start_says_nothing() -> None:
    """What never ran has nothing to tell."""
    assert PythonTrace(1, ROOT).stop() is None


# --- memray --------------------------------------------------------------------------------------


@needs_memray
def test_a_capture_is_written_around_a_run(tmp_path: Path) -> None:
    """The function runs once, and its file is there; folders are made."""
    calls: list[int] = []
    path = tmp_path / "captures" / "a.bin"
    assert memray_capture(path, lambda: calls.append(1), native=False) is None
    assert calls == [1]
    assert path.stat().st_size > 0


@needs_memray
def test_a_capture_of_before_is_written_over(tmp_path: Path) -> None:
    """memray itself refuses a file that exists."""
    path = tmp_path / "a.bin"
    path.write_text("old")
    assert memray_capture(path, lambda: None, native=False) is None
    assert path.read_bytes()[:3] != b"old"


@needs_memray
def test_another_tracker_is_refused_in_one_sentence_and_the_run_goes_on(tmp_path: Path) -> None:
    """pytest-memray may have the process's only tracker: the function runs once all the same."""
    import memray

    calls: list[int] = []
    with memray.Tracker(tmp_path / "theirs.bin"):
        refused = memray_capture(tmp_path / "ours.bin", lambda: calls.append(1), native=False)
    assert calls == [1]
    assert refused is not None
    assert "memray" in refused


def test_without_memray_the_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function runs, and the depth is degraded, not the run."""
    monkeypatch.setitem(sys.modules, "memray", None)
    calls: list[int] = []
    refused = memray_capture(tmp_path / "a.bin", lambda: calls.append(1))
    assert calls == [1]
    assert refused is not None
    if sys.platform != "win32":
        assert refused == (
            "memray is not installed: native allocation stacks are unseen; "
            "run pip install 'pytest-leakcheck[memray]'"
        )


def test_the_function_runs_once_even_if_it_fails(tmp_path: Path) -> None:
    """An exception of the run is the caller's, not a refusal."""

    def fail() -> None:
        raise RuntimeError("the run's own")

    with pytest.raises(RuntimeError, match="the run's own"):
        memray_capture(tmp_path / "a.bin", fail, native=False)


@needs_memray
def test_both_tracers_run_around_one_test(tmp_path: Path) -> None:
    """Depth full: Python bytes from tracemalloc, a capture from memray, no refusal."""
    full = FullTrace(tmp_path, 4, ROOT)
    for name in ("first", "second"):
        full.start(name)
        kept = bytearray(200_000)
        seen, capture, refused = full.stop()
        assert refused is None
        assert seen is not None
        assert seen[0] >= len(kept)
        assert capture == tmp_path / f"{name}.bin"
        assert capture.stat().st_size > 0


@needs_memray
def test_a_refusal_of_one_tracer_leaves_the_other(tmp_path: Path) -> None:
    """Each says for itself what it could not do."""
    import memray

    full = FullTrace(tmp_path, 4, ROOT)
    with memray.Tracker(tmp_path / "theirs.bin"):
        full.start("a")
        seen, capture, refused = full.stop()
    assert seen is not None
    assert capture is None
    assert refused is not None
    assert "memray" in refused
    tracemalloc.start()
    full.start("b")
    seen, capture, refused = full.stop()
    assert seen is None
    assert capture == tmp_path / "b.bin"
    assert refused == "tracemalloc was on already: the test or another plugin has it"


def test_the_harness_is_cut_from_stacks() -> None:
    """pytest's own frames allocate on behalf of another."""
    trace = PythonTrace(25, ROOT)
    trace.start()
    kept = [bytearray(50_000)]
    seen = trace.stop()
    assert seen is not None
    assert len(kept) == 1
    stack = seen[2][0].stack
    assert stack
    assert not any(part in frame for frame in stack for part in ("_pytest/", "pluggy/"))
