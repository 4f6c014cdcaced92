"""Numbers and names as people read them."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_leakcheck.model import words
from pytest_leakcheck.model.signals import BYTE_SIGNALS, Growth, Slope
from pytest_leakcheck.text import sentences as text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 B"),
        (-0.2, "0 B"),
        (512, "512 B"),
        (1023.4, "1,023 B"),
        (1023.96, "1.0 KiB"),
        (9_249, "9.0 KiB"),
        (1024 * 1023.96, "1.0 MiB"),
        (5.3 * 2**20, "5.3 MiB"),
        (-300 * 1024, "-300.0 KiB"),
        (2**60, "1,024.0 PiB"),
    ],
)
def test_sizes_have_binary_units_and_one_decimal(value: float, expected: str) -> None:
    """The unit changes where the rounded number would reach 1,024."""
    assert words.size(value) == expected


def test_signed_sizes_and_counts_show_growth() -> None:
    """A plus for growth, a minus for what was given back, nothing for nothing."""
    assert words.size(9_249, signed=True) == "+9.0 KiB"
    assert words.size(0, signed=True) == "0 B"
    assert words.count(6.5, signed=True) == "+6.5"
    assert words.count(1204) == "1,204"
    assert words.count(-0.01, signed=True) == "0"


def test_what_was_not_seen_is_not_zero() -> None:
    """None has words of its own."""
    assert words.amount("fds", None) == "not seen"
    assert words.amount("fds", 0) == "0"


SLOPES = {
    "rss_bytes": Slope(per_run=5_600_000, low=5_000_000, high=6_000_000, runs=12),
    "heap_bytes": Slope(per_run=5_557_453, low=5_500_000, high=5_600_000, runs=12),
    "threads": Slope(per_run=1, low=1, high=1, runs=12),
    "survivors": Slope(per_run=3, low=-1, high=7, runs=12),
}


def test_growth_is_told_by_what_grows_for_certain() -> None:
    """RSS repeats the heap and is left out; an interval that holds zero is noise."""
    assert text.growth_words(SLOPES) == "5.3 MiB C heap, 1 thread"
    assert text.growth_words({"rss_bytes": SLOPES["rss_bytes"]}) == "5.3 MiB RSS"
    assert text.growth_words({}) == "nothing"
    assert text.main_signal(SLOPES) == "heap_bytes"
    repeats = [Growth(heap_bytes=0, threads=1), Growth(heap_bytes=0, threads=1)]
    assert text.main_signal(SLOPES, repeats) == "threads"
    assert text.main_signal(SLOPES, [Growth(heap_bytes=0)]) == "heap_bytes"


def test_runs_are_counted_in_words() -> None:
    """How many of the repeats grew is said, not that it leaks."""
    values = text.repeat_values(
        [Growth(heap_bytes=9_300), Growth(heap_bytes=0), Growth()], "heap_bytes"
    )
    assert values == [9_300, 0]
    said = text.runs_sentence("heap_bytes", values, 4_650)
    assert said == "grew by 4.5 KiB C heap per run in 1 of 2 runs"


def test_intervals_say_when_there_is_none() -> None:
    """One run has no interval, and an exact one is not a range."""
    assert text.interval("fds", Slope(per_run=1)) == "one run, no interval"
    assert text.interval("threads", SLOPES["threads"]) == "exactly +1"
    assert text.interval("heap_bytes", SLOPES["heap_bytes"]) == "+5.2 MiB to +5.3 MiB"


@given(st.text(max_size=300), st.integers(4, 200))
def test_shortened_text_fits_and_keeps_both_ends(value: str, width: int) -> None:
    """The middle goes: file and parameters are both at the ends."""
    short = words.shorten(value, width)
    assert len(short) <= width
    if len(value) > width:
        kept = (width - 3) // 2
        assert short[:kept] == value[:kept]
        assert not kept or short[-kept:] == value[-kept:]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/home/alice/src/app.py", "~/src/app.py"),
        ("/Users/bob/x", "~/x"),
        ("PATH=/root/bin:/usr/bin", "PATH=~/bin:/usr/bin"),
        (r"C:\Users\carol\x", r"~\x"),
        ("['/home/alice/.chroma']", "['~/.chroma']"),
        ("a/root/b", "a/root/b"),
    ],
)
def test_home_directories_are_hidden(value: str, expected: str) -> None:
    """Nobody's name leaves the machine in a path."""
    assert words.hide_home(value) == expected


@given(st.text(st.characters(), max_size=60))
def test_visible_text_is_harmless_and_settled(value: str) -> None:
    """No control, direction or surrogate character is left, and once is enough."""
    shown = words.visible(value)
    assert words.visible(shown) == shown
    assert not any(ord(c) < 32 and c not in "\t\n" for c in shown)
    assert not {"\u202e", "\u2066", "\u200f"} & set(shown)
    shown.encode("utf-8")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=60))
def test_the_command_names_the_test_exactly(nodeid: str) -> None:
    """A shell reads back the node id as one word."""
    assert shlex.split(text.reproduce(nodeid))[2:] == [words.visible(nodeid)]


def test_a_fixture_is_measured_again_by_its_file() -> None:
    """A fixture that was judged in its own name is no test to be named on a command line."""
    assert text.reproduce("a/t.py::db [module fixture]") == "pytest --leakcheck 'a/t.py'"


def test_the_module_is_light() -> None:
    """It also runs in the process under test: no table, template or terminal library."""
    code = (
        "import sys, pytest_leakcheck.text.sentences, pytest_leakcheck.text.trace\n"
        "print(sorted({'pandas','numpy','jinja2','markupsafe','rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("grown", "told"),
    [
        ({"heap_bytes": 5_000, "python_bytes": 4_900}, ["heap_bytes"]),
        ({"heap_bytes": 9, "python_bytes": 96, "mapped_bytes": 500_000}, ["mapped_bytes"]),
        ({"heap_bytes": 400_000, "mapped_bytes": 500_000}, ["heap_bytes"]),
        ({"heap_bytes": 5_000_000, "mapped_bytes": 13_000_000, "threads": 7}, ["heap_bytes"]),
        ({"rss_bytes": 9_000_000, "fds": 1}, ["rss_bytes"]),
        ({"fds": 1, "survivors": 3}, []),
    ],
)
def test_bytes_are_told_once(grown: dict[str, float], told: list[str]) -> None:
    """By the signal that grew most; address space that threads reserve for stacks is none."""
    slopes = {name: Slope(per_run=value) for name, value in grown.items()}
    phrases = text.growth_phrases(slopes, limit=9)
    wanted = [text.phrase(name, grown[name]) for name in told]
    assert phrases[: len(wanted)] == wanted
    assert len(phrases) == len(wanted) + len(grown.keys() - BYTE_SIGNALS)
