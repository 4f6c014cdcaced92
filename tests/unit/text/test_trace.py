"""Causes without a holder, and what stays open, in words."""

from __future__ import annotations

import pytest
import samples

from pytest_leakcheck.model.causes import Cause, Site
from pytest_leakcheck.model.journal_lines import ResourceRecord
from pytest_leakcheck.model.results import CauseSummary
from pytest_leakcheck.text.trace import cause_lines, cause_sentence, resource_lines

COMPILED = Site(file="src/reader.c", line=97, function="read", bytes=800, native=True)
PYTHON = Site(file="t.py", line=7, function="body", bytes=800)


def cause(kind: str, site: Site, **more: object) -> Cause:
    """A cause that nothing in Python holds."""
    return Cause(fingerprint="f", kind=kind, holder="", sites=[site], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            cause("native", COMPILED, head="read in hiredis.so", label="called by test_a (t.py)"),
            (
                "read in hiredis.so, called by test_a (t.py), leaves memory behind that nothing in "
                "Python is seen to hold"
            ),
        ),
        (
            cause("native", PYTHON, head="body (t.py)", label="_helpers.so"),
            (
                "body (t.py) allocates Python memory that stays, and compiled code of _helpers.so "
                "keeps it"
            ),
        ),
        (
            cause("native", PYTHON, head="body (t.py)"),
            "body (t.py) allocates Python memory that stays, and no reference to it is to be seen",
        ),
        (
            cause("resource", PYTHON, head="pipe", per_run=2.0),
            "2 more stay open after each run (pipe), opened at t.py:7 body",
        ),
        (
            cause("resource", PYTHON, head="process sleep"),
            "1 more stays open after each run (process sleep), opened at t.py:7 body",
        ),
    ],
)
def test_a_cause_without_a_holder_is_one_sentence(told: Cause, sentence: str) -> None:
    """Who allocated or opened it."""
    assert cause_sentence(told) == sentence


def test_what_stays_open_is_listed_with_its_place() -> None:
    """Under the cause that carries it."""
    summary = next(s for s in samples.chroma_run()[1].causes if s.opened)
    lines = cause_lines(summary)
    at = lines.index("  Opened and left open, per run:")
    assert lines[at + 1 : at + 3] == [
        (
            "    9 file chroma.sqlite3, opened at rag/store.py:41 in ChromaVectorStore.__init__ by "
            "rust.Bindings"
        ),
        "    6.5 thread tokio, opened where it could not be seen",
    ]


def test_many_kinds_are_counted() -> None:
    """A page of them tells no more."""
    many = [ResourceRecord(nodeid="t", signal="fds", what=f"file {n}", count=1) for n in range(12)]
    lines = resource_lines(many)
    assert len(lines) == 10
    assert lines[-1] == "    and 4 more kinds"
    assert resource_lines([]) == []


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        (0, []),
        (1, ["  1 more object stays that none of the test's causes keeps alone."]),
        (52, ["  52 more objects stay that none of the test's causes keeps alone."]),
    ],
)
def test_what_no_cause_keeps_alone_is_told_with_each(shared: int, told: list[str]) -> None:
    cause = Cause(fingerprint="a" * 12, kind="held", head="app.Node", holder="app.A", objects=1)
    summary = CauseSummary(cause=cause, witnesses=["t.py::a"], slopes={}, total={}, shared=shared)
    lines = cause_lines(summary)
    assert [line for line in lines if "alone" in line] == told


def test_a_place_that_only_opens_is_not_told_as_allocating() -> None:
    """No bytes, no allocation."""
    site = Site(file="t.py", line=7, function="body")
    told = cause("resource", site, head="pipe")
    summary = CauseSummary(cause=told, witnesses=["t"], slopes={}, total={})
    assert not any("Allocated" in line for line in cause_lines(summary))


def test_a_hostile_name_is_written_with_escapes() -> None:
    """The name of a file may hold anything."""
    record = ResourceRecord(nodeid="t", signal="fds", what="file \x1b[31m", count=1)
    assert "\x1b" not in resource_lines([record])[1]
