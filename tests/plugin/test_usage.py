"""Bad input is one clear sentence each; a quiet suite is one line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import suites

SUITE = {
    "test_a.py": """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_clean(number):
            assert number >= 0
    """
}
USAGE_ERROR = int(pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(name="suite")
def _suite(tmp_path: Path) -> Path:
    """Three clean tests."""
    suites.write(tmp_path, SUITE)
    return tmp_path


def refused(suite: Path, *words: str) -> str:
    """The one sentence of a usage error."""
    result = suites.pytest_in(suite, *words)
    assert result.status == USAGE_ERROR, result.out
    assert "Traceback" not in result.out
    (sentence,) = [line for line in result.out.splitlines() if line.startswith("ERROR: ")]
    return sentence.removeprefix("ERROR: ")


# --- options -------------------------------------------------------------------------------------


def test_an_unknown_depth_is_one_sentence(suite: Path) -> None:
    """It lists the depths."""
    assert refused(suite, "--leakcheck", "--leakcheck-depth=nonsense") == (
        '--leakcheck-depth: "nonsense" is not a depth; choose one of sweep, default, full.'
    )


def test_no_processes_to_repeat_in_is_one_sentence(suite: Path) -> None:
    """None would repeat nothing."""
    assert refused(suite, "--leakcheck", "--leakcheck-confirm-workers=0") == (
        "--leakcheck-confirm-workers: 0 is not a number of processes; write 1 or more."
    )


def test_a_label_that_names_no_folder_is_one_sentence(suite: Path) -> None:
    """No way out of the runs' folder."""
    assert refused(suite, "--leakcheck", "--leakcheck-label=../up") == (
        '--leakcheck-label: "../up" cannot name a folder; use letters, digits and ._-+@.'
    )
    assert not (suite.parent / "up").exists()


def test_a_file_in_the_folders_place_is_one_sentence(suite: Path) -> None:
    """The run is refused before a test has run, not at its end."""
    (suite / "taken").touch()
    sentence = refused(suite, "--leakcheck", "--leakcheck-dir=taken")
    assert "taken" in sentence
    assert sentence.endswith("name another folder with --leakcheck-dir.")


@pytest.mark.skipif(sys.platform == "win32", reason="no folder rights on Windows")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write it")
def test_a_folder_without_write_permission_is_one_sentence(suite: Path) -> None:
    """The same for a folder that may not be written."""
    (suite / "taken").mkdir(mode=0o500)
    assert "Permission denied" in refused(suite, "--leakcheck", "--leakcheck-dir=taken")


@pytest.mark.parametrize("option", ["--limit-memory", "--limit-leaks"])
def test_an_unknown_unit_is_one_sentence(suite: Path, option: str) -> None:
    """Units are named before any test runs."""
    assert refused(suite, "-p", "memray", f"{option}=200XB") == (
        f'{option}: "XB" is not a unit of memory; use B, KB, MB or GB, as in 200MB.'
    )


def test_both_limits_at_once_are_one_sentence(suite: Path) -> None:
    """pytest-memray takes one limit per test."""
    sentence = refused(suite, "-p", "memray", "--limit-memory=200MB", "--limit-leaks=64KB")
    assert sentence == (
        "--limit-memory and --limit-leaks: pytest-memray takes one limit per test; "
        "give one of them, or set the other by marker."
    )


def test_a_limit_without_pytest_memray_is_one_sentence(suite: Path) -> None:
    """It says what to install."""
    assert refused(suite, "--limit-memory=200MB") == (
        "--limit-memory needs pytest-memray, which is not active here: "
        "run pip install 'pytest-leakcheck[memray]' (there is none for Windows)."
    )


@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        (
            "limit_growth",
            'limit_growth of test_b.py::test has no size; write limit_growth("1 MB").',
        ),
        ('limit_growth("1 XB")', 'limit_growth of test_b.py::test: "XB" is not a unit of memory'),
        ('limit_growth(["1 MB"])', "limit_growth of test_b.py::test: "),
    ],
)
def test_a_marker_without_a_size_is_one_sentence(tmp_path: Path, mark: str, sentence: str) -> None:
    """Named with its test, before any test runs."""
    text = f"import pytest\n\n@pytest.mark.{mark}\ndef test():\n    pass\n"
    suites.write(tmp_path, {"test_b.py": text})
    result = suites.pytest_in(tmp_path, "-q")
    assert result.status == USAGE_ERROR, result.out
    assert sentence in result.out
    assert "Traceback" not in result.out
    assert "INTERNALERROR" not in result.out


# --- runs ----------------------------------------------------------------------------------------


def test_a_clean_suite_prints_one_line(suite: Path) -> None:
    """Nothing found, nothing more to say, and the suite's own result as ever."""
    result = suites.leakcheck_in(suite, "-q")
    assert result.status == 0
    said = [line for line in result.out.splitlines() if "leakcheck: " in line]
    assert len(said) == 1, result.out
    assert said[0].startswith("leakcheck: 3 tests measured: ")
    assert said[-1].endswith(" Run run.")
    assert "leak" not in said[-1].partition(":")[2]


def test_without_the_option_nothing_is_measured(suite: Path) -> None:
    """Installed but not asked for, the plugin leaves no trace."""
    result = suites.pytest_in(suite, "-q")
    assert result.status == 0
    assert "leakcheck" not in result.out
    assert not (suite / ".leakcheck").exists()


def test_the_ini_value_measures_every_run(suite: Path) -> None:
    """leakcheck = true is --leakcheck; depth and folder have ini values too."""
    suites.write(
        suite,
        {
            "pytest.ini": """
                [pytest]
                leakcheck = true
                leakcheck_depth = sweep
                leakcheck_dir = kept
            """
        },
    )
    result = suites.pytest_in(suite, "--leakcheck-label=run")
    assert "3 tests measured" in result.out
    info = json.loads((suite / "kept" / "run" / "run.json").read_text())
    assert info["settings"]["depth"] == "sweep"


def test_a_label_used_again_keeps_the_run_before(suite: Path) -> None:
    """Once, under the label with .previous."""
    for _ in range(2):
        suites.leakcheck_in(suite, "--leakcheck-depth=sweep", "-q")
    assert {path.name for path in (suite / ".leakcheck").iterdir()} == {
        ".gitignore",
        "run",
        "run.previous",
    }


def test_the_command_that_shows_more_works_where_pytest_was_started(suite: Path) -> None:
    """Below the root folder, it names the folder of the runs."""
    leaks = "KEPT = []\ndef test_leaks(): KEPT.append([])"
    suites.write(suite, {"pytest.ini": "[pytest]\n", "deep/er/test_leaks.py": leaks})
    for folder, root in ((suite, ""), (suite / "deep" / "er", " --root ../../.leakcheck")):
        result = suites.leakcheck_in(folder, "--leakcheck-depth=sweep")
        assert f"See more: leakcheck report run{root}\n" in result.out


def test_a_label_of_runs_that_are_kept_is_refused(suite: Path) -> None:
    """The next run of the label before would take its place."""
    result = suites.pytest_in(suite, "--leakcheck", "--leakcheck-label=run.previous")
    assert result.status == USAGE_ERROR
    assert "choose a label that does not end in .previous" in result.out


def test_an_empty_run_is_one_sentence(suite: Path) -> None:
    """Nothing collected: pytest's own exit status, and one sentence of ours."""
    result = suites.leakcheck_in(suite, "-q", "-k", "nothing")
    assert result.status == int(pytest.ExitCode.NO_TESTS_COLLECTED)
    said = [line for line in result.out.splitlines() if "leakcheck" in line]
    assert len(said) == 1, result.out
    assert "holds no measured test" in said[0]


def test_an_error_at_collection_is_not_ours(tmp_path: Path) -> None:
    """The suite's own error stands, without a traceback of the harness."""
    suites.write(tmp_path, {"test_a.py": "import nowhere\n"})
    result = suites.leakcheck_in(tmp_path, "-q")
    assert result.status == int(pytest.ExitCode.INTERRUPTED)
    assert "INTERNALERROR" not in result.out
    assert "No module named 'nowhere'" in result.out


@pytest.mark.parametrize(
    "option", ["--help", "--version", "--collect-only", "--markers", "--fixtures"]
)
def test_nothing_is_measured_where_nothing_runs(suite: Path, option: str) -> None:
    """No run folder for help, version, markers and collection."""
    result = suites.pytest_in(suite, "--leakcheck", option)
    assert result.status == 0
    assert not (suite / ".leakcheck").exists()


def test_the_options_are_explained(suite: Path) -> None:
    """--help has our group with every option; --markers has our marker."""
    told = suites.pytest_in(suite, "--help").out
    for option in (
        *("--leakcheck", "--leakcheck-depth=DEPTH", "--leakcheck-label=LABEL"),
        *("--leakcheck-dir=DIR", "--limit-memory=SIZE", "--limit-leaks=SIZE"),
    ):
        assert option in told
    assert "limit_growth(limit)" in suites.pytest_in(suite, "--markers").out


def test_the_process_is_left_as_it_was_found(tmp_path: Path) -> None:
    """After the last hook the collector has the whole heap and its own functions again, and modules
    are found as before; until then a collection that is asked for sees the whole heap."""
    suites.write(
        tmp_path,
        {
            "conftest.py": """
                import atexit, gc, sys, weakref

                listing, finders = gc.get_objects, list(sys.meta_path)

                class Node:
                    pass

                kept, one = Node(), Node()
                one.itself = one
                seen = weakref.ref(one)

                def pytest_sessionfinish():
                    global one
                    one = None
                    gc.collect()
                    print("\\ncycle gone", seen() is None)

                @atexit.register
                def tell():
                    # 3.12 keeps immortal objects frozen, so their number tells nothing.
                    print("heap seen", any(o is kept for o in gc.get_objects()))
                    print("listing", gc.get_objects is listing)
                    print("callbacks", [c for c in gc.callbacks if "leakcheck" in str(c)])
                    print("finders", [f for f in sys.meta_path if f not in finders])
            """,
            "test_a.py": "def test_nothing(): pass\n",
        },
    )
    told = suites.leakcheck_in(tmp_path, "-s").out.splitlines()
    assert "cycle gone True" in told
    assert told[-4:] == ["heap seen True", "listing True", "callbacks []", "finders []"]


def test_our_modules_are_imported_without_pytests_rewriting(tmp_path: Path) -> None:
    """Their assertions need none, and without bytecode it would be done in each process."""
    suites.write(
        tmp_path,
        {
            "test_a.py": """
                import sys

                def test_loaders():
                    ours = [sys.modules[name] for name in sys.modules
                            if name.startswith("pytest_leakcheck.sweep.")]
                    assert ours
                    assert not [m for m in ours if "rewrite" in type(m.__loader__).__module__]
                    assert "rewrite" in type(__loader__).__module__
            """,
        },
    )
    result = suites.leakcheck_in(tmp_path)
    assert result.last_line == "1 passed", result.out
