"""Runs and comparisons on the terminal."""

from __future__ import annotations

import io

import msgspec
import pytest
import samples

from pytest_leakcheck.compare.comparison import compare_runs
from pytest_leakcheck.model.errors import UsageError
from pytest_leakcheck.model.results import JudgedRun
from pytest_leakcheck.report import terminal
from pytest_leakcheck.report.changes import compare_sentence
from pytest_leakcheck.report.overview import run_sentence
from pytest_leakcheck.text.trace import ASCII, UNICODE, path_lines


def shown(width: int = 100, name: str | None = None) -> str:
    """What ``leakcheck show`` prints of the sample."""
    file = io.StringIO()
    run, judged = samples.chroma_run(tests=60, killed=True)
    console = terminal.make_console(file, width)
    if name is None:
        terminal.print_run(run, judged, console)
    else:
        terminal.print_one(run, judged, name, console)
    return file.getvalue()


def test_a_run_is_told_worst_first() -> None:
    """Sentence, counts, alarms, then every cause."""
    text = shown()
    assert text.startswith("4 causes leak in 17 of 60 tests")
    assert "! Worker gw1 was cut off." in text
    places = [text.index(f"leak {cause}") for cause in samples.CAUSES]
    assert places[0] == min(places)
    assert "\x1b" not in text


def test_a_path_is_drawn_root_first_with_the_fault_underlined() -> None:
    """One line per reference; only suspects are underlined."""
    assert path_lines(samples.CACHE.steps, ASCII) == [
        "module rag.cache, expected",
        "|- ._PAGES                      dict, expected",
        "|  ~~~~~~~",
        "`- ['doc-7']                    bytes, stuck",
        "   ~~~~~~~~~",
    ]
    assert path_lines(samples.CACHE.steps, UNICODE)[1].startswith("├─ ._PAGES")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("3f9c", "leak 3f9c1a77b2e0"),
        ("3f9c1a77b2e0", "Known cause chroma-system-registry"),
        ("::test_41[", "grew by 5.3 MiB C heap per run in 12 of 12 runs"),
        ("tests/store/test_store_0.py::TestIt::test_0[case-0]", "nothing stayed in the sweep"),
    ],
)
def test_one_thing_is_found_by_its_name(name: str, expected: str) -> None:
    """A fingerprint or its beginning, a node id or a part of it."""
    assert expected in " ".join(shown(name=name).split())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing", "The run before has no test or fingerprint nothing."),
        ("test_store", "test_store is part of 40 test names"),
        ("3f9", "has no test or fingerprint 3f9"),
    ],
)
def test_a_name_that_is_not_clear_is_refused(name: str, sentence: str) -> None:
    """One sentence that helps."""
    with pytest.raises(UsageError, match=sentence):
        shown(name=name)


def compared(width: int) -> str:
    """What ``leakcheck compare`` prints of two states."""
    file = io.StringIO()
    after = samples.chroma_run("after", tests=60, leaking=frozenset({samples.CACHE.fingerprint}))
    before = samples.chroma_run("before", tests=60)
    terminal.print_compare(compare_runs([before, after]), terminal.make_console(file, width))
    return file.getvalue()


@pytest.mark.parametrize("width", [60, 100, 200])
def test_a_comparison_fits_the_terminal(width: int) -> None:
    """Tables are as wide as the terminal at most, and say what changed in words."""
    text = compared(width)
    assert text.startswith("3 causes fixed, 1 unchanged between before and after")
    assert max(map(len, text.splitlines())) <= width
    assert "fixed" in text
    assert "The environment is the same in all of them." in " ".join(text.split())


def test_colour_is_left_out_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is heeded even where colour is forced on."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;31m" in shown() or "\x1b[33m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[33m" not in shown()


def test_names_are_not_read_as_markup() -> None:
    """Square brackets of parameters stay, colours in names do not."""
    run, judged = samples.chroma_run(tests=2)
    names = {judged.tests[1].nodeid: "t.py::test[red]x[/red]\x1b[31m"}
    file = io.StringIO()
    console = terminal.make_console(file, 100)
    terminal.print_one(run, samples.renamed(judged, names), "t.py::test", console)
    assert "t.py::test[red]x[/red]\\x1b[31m" in file.getvalue()
    assert "\x1b" not in file.getvalue()


def with_held(judged: JudgedRun, fingerprint: str) -> JudgedRun:
    """The run, with a wider fixture that lets go what one cause's witnesses leave."""
    (cause,) = [c for c in judged.causes if c.cause.fingerprint == fingerprint]
    return msgspec.structs.replace(
        judged,
        tests=[
            msgspec.structs.replace(t, verdict="held") if t.nodeid in cause.witnesses else t
            for t in judged.tests
        ],
    )


def test_a_cause_that_wider_fixtures_let_go_does_not_leak() -> None:
    """The sentence counts the causes of tests that leak."""
    run, judged = samples.chroma_run(tests=60)
    first, *others = judged.causes
    held = with_held(judged, first.cause.fingerprint)
    assert run_sentence(judged).startswith(f"{1 + len(others)} causes leak in ")
    assert run_sentence(held).startswith(f"{len(others)} causes leak in ")
    file = io.StringIO()
    terminal.print_run(run, held, terminal.make_console(file, 100))
    assert f"held {first.cause.fingerprint}" in file.getvalue()


def test_a_cause_that_wider_fixtures_let_go_in_both_runs_is_not_called_unchanged() -> None:
    """It is counted by itself; where only one run lets it go, it changed."""
    (run, before), (other, after) = (samples.chroma_run(label, tests=60) for label in "ba")
    name = before.causes[0].cause.fingerprint
    others = len(before.causes) - 1
    held = with_held(before, name), with_held(after, name)
    told = compare_sentence(compare_runs([(run, held[0]), (other, held[1])]))
    assert told == f"{others} causes unchanged, 1 held between b and a"
    told = compare_sentence(compare_runs([(run, before), (other, held[1])]))
    assert told == f"1 cause fixed, {others} unchanged between b and a"


def test_what_two_of_three_runs_do_not_show_is_not_called_held_between_them() -> None:
    """A fixture lets go only what is shown."""
    only = frozenset({samples.CACHE.fingerprint})
    first, second = (samples.chroma_run(label, tests=60, leaking=only) for label in "bg")
    run, judged = samples.chroma_run("a", tests=60)
    others = [c.cause.fingerprint for c in judged.causes if c.cause.fingerprint not in only]
    states = [first, second, (run, with_held(judged, others[0]))]
    told = compare_sentence(compare_runs(states)).split("; ")[0]
    assert told == f"1 cause unchanged, {len(others)} not comparable between b and g"
