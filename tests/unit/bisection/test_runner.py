"""Which test of a run is meant, what ran before it, and how a pytest is started for it again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "report"))

import samples

from pytest_leakcheck.bisection.runner import Prober, find_place, find_root, usable_arguments
from pytest_leakcheck.confirm.process import with_exact_heap
from pytest_leakcheck.model.errors import RunError, UsageError
from pytest_leakcheck.model.run import Run


def run_of(folder: Path, **order: list[str]) -> Run:
    """A run whose workers ran these tests in this order."""
    run = Run(folder=folder, info=samples.info())
    for worker, nodeids in order.items():
        run.order[worker] = [samples.swept(nodeid, at) for at, nodeid in enumerate(nodeids)]
        run.tests += run.order[worker]
    return run


TESTS = ["t/test_a.py::test_one", "t/test_a.py::test_two", "t/test_b.py::test_three"]


def test_the_earlier_tests_are_those_of_its_own_process(tmp_path: Path) -> None:
    """In their order; other workers' do not matter."""
    run = run_of(tmp_path, gw0=TESTS, gw1=["t/test_c.py::test_four"])
    place = find_place(run, "test_three", None)
    assert (place.nodeid, place.worker) == (TESTS[2], "gw0")
    assert [record.nodeid for record in place.earlier] == TESTS[:2]
    assert not find_place(run, TESTS[0], "gw0").earlier


def test_a_test_that_was_run_again_stands_where_it_ran_last(tmp_path: Path) -> None:
    """Neither it nor another is among the earlier ones twice."""
    one, two, three = TESTS
    place = find_place(run_of(tmp_path, main=[two, one, one, three, two]), two, None)
    assert [record.nodeid for record in place.earlier] == [one, three]


@pytest.mark.parametrize(
    ("name", "worker", "sentence"),
    [
        ("test_a.py", None, "test_a.py is part of 2 test names (t/test_a.py::test_one, t/test_a"),
        ("test_thee", None, "called test_thee: did you mean t/test_b.py::test_three"),
        ("t/test_b.py::test_thre_", None, "did you mean t/test_b.py::test_three"),
        ("nothing", None, "No test of the run before is called nothing."),
        ("test_one", None, "several processes, which may differ: say which with --worker; there "),
        ("test_two", "gw1", "t/test_a.py::test_two did not run in gw1, but in gw0."),
    ],
)
def test_a_name_that_means_no_test_is_one_sentence(
    tmp_path: Path, name: str, worker: str | None, sentence: str
) -> None:
    """With near names, or what there is to choose from."""
    run = run_of(tmp_path, gw0=TESTS, gw1=[TESTS[0]])
    with pytest.raises(UsageError) as caught:
        find_place(run, name, worker)
    assert sentence in str(caught.value)


def test_the_root_is_around_the_run_or_where_the_command_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that holds the test's file; of several the one that is called as in the run."""
    project = tmp_path / "rag_project"
    (project / "t").mkdir(parents=True)
    (project / "t" / "test_a.py").touch()
    elsewhere = tmp_path / "runs" / "before"
    elsewhere.mkdir(parents=True)
    run = run_of(project / ".leakcheck" / "before")
    monkeypatch.chdir(tmp_path)
    assert find_root(run, TESTS[0]) == project.resolve()
    away = run_of(elsewhere)
    with pytest.raises(RunError, match=r"t/test_a\.py is not there: start leakcheck bisect in the"):
        find_root(away, TESTS[0])
    monkeypatch.chdir(project / "t")
    assert find_root(away, TESTS[0]) == project
    nested = project / "t" / "t"
    nested.mkdir()
    (nested / "test_a.py").touch()
    monkeypatch.chdir(nested)
    assert find_root(away, TESTS[0]) == project


def test_options_whose_paths_were_not_stored_are_left_out() -> None:
    """With the option before them, where the value stands alone."""
    words = ["-q", "--log=…/x.log", "--confcutdir", "…/conf", "-c", "./pytest.ini", "-k", "a=b"]
    info = samples.info(confirm_argv=words)
    assert usable_arguments(info) == ["-q", "-c", "./pytest.ini", "-k", "a=b"]


@pytest.mark.parametrize(
    ("dist", "asked"), [("loadgroup", "t.py::t[a@b]"), ("load", "t.py::t[a@b]@one")]
)
def test_the_group_behind_a_name_is_xdists_own(tmp_path: Path, dist: str, asked: str) -> None:
    """A pytest without xdist does not know it; elsewhere the name is kept as it is."""
    run = run_of(tmp_path, gw0=["t.py::t[a@b]@one"])
    info = samples.info(dist=dist, settings={})
    place = find_place(run, "t.py::t[a@b]@one", None)
    prober = Prober(Run(folder=tmp_path, info=info), place, tmp_path, 60.0, {})
    assert prober._plain(place.nodeid) == asked


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("", "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1"),
        (
            "glibc.malloc.arena_max=4",
            "glibc.malloc.arena_max=4:glibc.malloc.tcache_count=0",
        ),
        (
            "glibc.malloc.tcache_count=2:glibc.malloc.arena_max=4",
            "glibc.malloc.tcache_count=2:glibc.malloc.arena_max=4",
        ),
    ],
)
def test_what_the_user_tells_malloc_stays(told: str, expected: str) -> None:
    """The rest is added; nothing else changes."""
    given = {"A": "b"} | ({"GLIBC_TUNABLES": told} if told else {})
    assert with_exact_heap(given) == {"A": "b", "GLIBC_TUNABLES": expected}
