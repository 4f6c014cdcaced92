"""The command ``leakcheck``: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit" / "report"))

import samples

from pytest_leakcheck import cli


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two runs, as the plugin would leave them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    leaking = frozenset({samples.REGISTRY.fingerprint})
    for label, causes in (("before", frozenset(samples.CAUSES)), ("guide", leaking)):
        run, _ = samples.chroma_run(label, tests=60, leaking=causes)
        samples.write_run(run, tmp_path / ".leakcheck" / label)
    return tmp_path


def test_compare_prints_and_writes_everything(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table on the terminal, a page, Markdown and numbers in reports/."""
    assert cli.main(["compare", "before", "guide"]) == 0
    out = capsys.readouterr().out
    assert "3 causes fixed, 1 unchanged between before and guide" in out
    assert "wrote reports/compare.html" in out
    names = sorted(path.name for path in (folder / "reports").iterdir())
    assert names == ["compare.csv", "compare.html", "compare.md"]


def test_compare_makes_what_is_asked_for_only(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--format, --out and a run by its folder."""
    runs = [str(folder / ".leakcheck" / "before"), "guide"]
    assert cli.main(["compare", *runs, "--format", "md", "--out", "elsewhere"]) == 0
    assert capsys.readouterr().out == "wrote elsewhere/compare.md\n"
    assert not (folder / "reports").exists()


def test_report_writes_a_page_and_its_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """reports/RUN.html unless another file is named."""
    assert cli.main(["report", "guide"]) == 0
    page = folder / "reports" / "guide.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert page.with_suffix(".csv").is_file()
    assert cli.main(["report", "guide", "--out", "x/y.html"]) == 0
    assert (folder / "x" / "y.html").is_file()


def test_show_tells_a_run_and_a_cause(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name the run, with one what answers to it."""
    assert cli.main(["show", "before"]) == 0
    assert "4 causes leak in 11 of 60 tests" in capsys.readouterr().out
    assert cli.main(["show", "before", samples.CACHE.fingerprint[:6]]) == 0
    out = capsys.readouterr().out
    assert "rag.cache._PAGES[*] keeps 1 more bytes after each run" in out
    assert "SharedSystemClient" not in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "before", "--root", ".leakcheck", samples.CACHE.fingerprint[:6]], "_PAGES[*]"),
        (["show", "--root", ".leakcheck", "before", samples.CACHE.fingerprint[:6]], "_PAGES[*]"),
        (["compare", "before", "--format", "terminal", "guide"], "guide"),
        (["report", "--out", "x.html", "guide"], "x.html"),
    ],
)
def test_options_may_stand_anywhere(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """Between the names of a run and of a test, too."""
    assert cli.main(arguments) == 0
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["show"], ["compare"], ["bisect", "before"]])
def test_a_wrong_call_shows_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Of the command that was called."""
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert f"usage: leakcheck {arguments[0]} " in capsys.readouterr().err


def test_runs_lists_them_and_survives_a_damaged_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that cannot be read is in the list, with the reason."""
    broken = folder / ".leakcheck" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    assert cli.main(["runs"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "2026-11-22 10:24" in line]
    assert [line.split()[0] for line in lines] == ["before", "guide"]
    assert "11 leak" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compare", "before"], "A comparison needs two runs or more"),
        (["compare", "before", "nowhere"], "There is no run called nowhere; .leakcheck has:"),
        (["report", "nowhere"], "There is no run called nowhere"),
        (["show", "before", "no such test"], "has no test or fingerprint no such test."),
        (["show", "before", "test_store"], "is part of 40 test names"),
        (["bisect", "nowhere", "test_store"], "There is no run called nowhere"),
        (["bisect", "before", "test_store"], "is part of 40 test names"),
        (["runs", "--root", "empty"], "There is no run in empty: make one with pytest"),
        (["report", "before", "--out", "file/x.html"], "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """On standard error, with exit status 2, and never a traceback."""
    (folder / "file").write_text("")
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("leakcheck: ")
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


def test_runs_without_a_common_test_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing to compare is said, not shown as all fixed."""
    run, _ = samples.chroma_run("other", tests=3)
    samples.write_run(run, folder / ".leakcheck" / "other")
    for journal in (folder / ".leakcheck" / "other").glob("journal-*.jsonl"):
        journal.write_text(journal.read_text().replace('"tests/', '"elsewhere/'))
    assert cli.main(["compare", "before", "other"]) == 2
    assert "have no test in common" in capsys.readouterr().err


def test_a_missing_package_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(
        cli.shared, "find_spec", lambda name: None if name == "pandas" else find_spec(name)
    )
    assert cli.main(["compare", "before", "guide"]) == 2
    assert capsys.readouterr().err == (
        "leakcheck: Comparing runs needs pandas, which is not installed: "
        "run pip install 'pytest-leakcheck[report]'.\n"
    )
    assert cli.main(["show", "before"]) == 0  # which needs no table


@pytest.mark.parametrize("command", [[], ["compare"], ["report"], ["show"], ["bisect"], ["runs"]])
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """--help ends well and says what it is for."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0
    assert f"usage: leakcheck {' '.join(command)}".strip() in capsys.readouterr().out


def test_version_and_missing_command(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints one line; no command is an error of usage."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("leakcheck ")
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2


def test_a_terminal_that_knows_no_utf8_is_no_obstacle(folder: Path) -> None:
    """Trees and tables are drawn in ASCII."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_leakcheck.cli", "show", "before"],
        capture_output=True,
        check=True,
        cwd=folder,
        env={
            "PYTHONIOENCODING": "ascii",
            "PYTHONPATH": str(Path(cli.__file__).parents[2]),
            "PYTHONUTF8": "0",
        },
    )
    assert b"`- ['doc-7']" in done.stdout.decode("ascii").encode()


def test_help_is_quick() -> None:
    """Importing the command loads no library of the reports."""
    code = (
        "import sys, pytest_leakcheck.cli\n"
        "print(sorted({'pandas','jinja2','rich','msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
