"""A bisection as sentences, and its line of progress."""

from __future__ import annotations

import io
from typing import Any

import pytest
import samples

from pytest_leakcheck.bisection.search import Answer, Probe
from pytest_leakcheck.judge.verdict import Judgement
from pytest_leakcheck.model.signals import Slope
from pytest_leakcheck.report.bisection import ProgressLine, answer_lines

SLOPES = {
    "heap_bytes": Slope(per_run=1229, low=1200, high=1250, runs=6),
    "survivors": Slope(per_run=3, low=3, high=3, runs=6),
}
GROWS = Probe(judgement=Judgement("leak", "grew", SLOPES), causes=[samples.CACHE])
CALM = Probe(judgement=Judgement("settles", "no growth in 3 repeats", {}))
B, C = "tests/test_b.py::test_y", "tests/test_c.py::test_z"


def told(**fields: Any) -> list[str]:
    """The lines of an answer; one that found ``B`` unless said otherwise."""
    plain = {
        "nodeid": "tests/test_a.py::test_x",
        "worker": "main",
        "earlier": 40,
        "found": "after",
        "after": (B,),
        "probe": GROWS,
        "processes": 9,
    }
    return list(answer_lines(Answer(**{**plain, **fields})))


def test_one_that_is_to_blame() -> None:
    """The sentence, the cause, and what it took."""
    assert told() == [
        (
            "tests/test_a.py::test_x grows only after tests/test_b.py::test_y: +1.2 KiB C heap, "
            f"+3 objects per run (leak {samples.CACHE.fingerprint})."
        ),
        "    rag.cache._PAGES[*] keeps 1 more bytes after each run",
        "(9 fresh processes)",
    ]


def test_two_that_are_needed_together() -> None:
    """Their order is a part of it; a known cause says what to do."""
    probe = Probe(judgement=GROWS.judgement, causes=[samples.REGISTRY])
    lines = told(after=(B, C), probe=probe)
    assert f"grows only after {B} and {C}, in this order: +1.2 KiB" in lines[0]
    assert "Known cause" in lines[2]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"found": "alone", "after": (), "probe": Probe(judgement=GROWS.judgement)},
            (
                "tests/test_a.py::test_x grows by itself: +1.2 KiB C heap, +3 objects per run "
                "(leak, without a known holder)."
            ),
        ),
        (
            {"found": "never", "probe": CALM},
            (
                "tests/test_a.py::test_x does not grow even after the 40 tests before it in main "
                "(settles: no growth in 3 repeats)."
            ),
        ),
        (
            {"found": "never", "probe": CALM, "earlier": 1},
            (
                "tests/test_a.py::test_x does not grow even after the one test before it in main "
                "(settles: no growth in 3 repeats)."
            ),
        ),
        (
            {"found": "never", "probe": CALM, "earlier": 0},
            (
                "tests/test_a.py::test_x does not grow by itself, and no test ran before it "
                "(settles: no growth in 3 repeats)."
            ),
        ),
        (
            {"found": "never", "probe": Probe(judgement=Judgement("not judged", "it died", {}))},
            (
                "tests/test_a.py::test_x could not be judged after the 40 tests before it in main: "
                "it died."
            ),
        ),
        (
            {"found": "open", "after": (B, C), "stopped": "it is late"},
            (
                "tests/test_a.py::test_x grows after 2 of the 40 tests before it in main, and "
                f"fewer may do: {B} and {C}."
            ),
        ),
        (
            {"found": "open", "after": (), "probe": None, "stopped": "it is late"},
            "Which tests make tests/test_a.py::test_x grow is open.",
        ),
    ],
)
def test_the_other_answers(fields: dict[str, Any], sentence: str) -> None:
    """One sentence each."""
    assert told(**fields)[0] == sentence


def test_what_a_reader_must_know_besides() -> None:
    """Unstable sets, tests that are gone, and tests that ended otherwise."""
    probe = Probe(judgement=GROWS.judgement, ended={B: "failed", C: "passed"})
    lines = told(probe=probe, unstable=[(B,), ()], missing=[C], changed={"t.py::t": "failed"})
    assert lines[1:5] == [
        f"! Unstable: after {B} it grew in one fresh process and not in another.",
        "! Unstable: by itself it grew in one fresh process and not in another.",
        f"! 1 earlier test is not collected any more and left out: {C}.",
        "! 1 earlier test ended otherwise than in the run: t.py::t (failed).",
    ]
    assert lines[5] == f"! Of them did not pass here: {B} (failed)."


def test_many_names_are_counted_and_hostile_ones_escaped() -> None:
    """A node id may hold anything."""
    names = ("t.py::t[\x1b]", *(f"t.py::t[{n}]" for n in range(30)))
    sentence = told(after=names)[0]
    assert "t.py::t[\\x1b], t.py::t[0]" in sentence
    assert "t.py::t[18] and 11 more, in this order" in sentence


class Terminal(io.StringIO):
    """A terminal that keeps what was written."""

    def isatty(self) -> bool:
        return True


def test_the_line_of_progress() -> None:
    """How far, and how long it will take, as wide as the terminal at most."""
    terminal = Terminal()
    line = ProgressLine(terminal, 70)
    line.begin(1, 0, None)
    line.begin(5, 2, 43.6)
    line.test_ended()
    line.test_ended()
    line.begin(6, 1, 100.0)
    line.begin(1_234, 123_456, 100.0)
    line.clear()
    shown = [text.removeprefix("\x1b[K") for text in terminal.getvalue().split("\r")[1:]]
    assert all(len(text) < 70 for text in shown)
    assert shown == [
        "leakcheck: step 1: repeats alone",
        "leakcheck: step 5: 0 of 2 earlier tests, about 44 s left",
        "leakcheck: step 5: 1 of 2 earlier tests, about 44 s left",
        "leakcheck: step 5: repeats after 2 earlier tests, about 44 s left",
        "leakcheck: step 6: 0 of 1 earlier test, about 1 min 40 s left",
        "leakcheck: step 1234: 0 of 123,45...lier tests, about 1 min 40 s left",
        "",
    ]


def test_without_a_terminal_nothing_is_shown() -> None:
    """A log does not fill with steps."""
    stream = io.StringIO()
    line = ProgressLine(stream, 60)
    line.begin(1, 2, 3.0)
    line.clear()
    assert stream.getvalue() == ""
