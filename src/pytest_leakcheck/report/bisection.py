"""A bisection in words: the answer, and the line that shows how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from pytest_leakcheck.bisection.search import Answer, Probe
from pytest_leakcheck.model.words import listed, plural, shorten, visible
from pytest_leakcheck.model.words import seconds as duration
from pytest_leakcheck.text.sentences import growth_phrases
from pytest_leakcheck.text.trace import cause_sentence, known_sentence

#: So many names are written out.
_MOST_NAMES = 20


def answer_lines(answer: Answer) -> Iterator[str]:
    """What was found out: a sentence, the causes, and what a reader must know besides."""
    yield _sentence(answer)
    if answer.found in ("alone", "after") and answer.probe is not None:
        for cause in answer.probe.causes:
            yield f"    {cause_sentence(cause)}"
            if cause.known:
                yield f"    {known_sentence(cause)}"
    yield from _notes(answer)
    yield f"({plural(answer.processes, 'fresh process', 'fresh processes')})"


def _sentence(answer: Answer) -> str:
    name, probe = visible(answer.nodeid), answer.probe
    if answer.found == "open" or probe is None:
        return _open_sentence(answer)
    if answer.found == "alone":
        return f"{name} grows by itself: {_growth(probe)}."
    if answer.found == "after":
        order = ", in this order" if len(answer.after) > 1 else ""
        return f"{name} grows only after {_listed(answer.after)}{order}: {_growth(probe)}."
    reason = visible(probe.judgement.reason)
    if probe.judgement.verdict == "not judged":
        after = f"after {_everything(answer)}" if answer.earlier else "by itself"
        return f"{name} could not be judged {after}: {reason}."
    even = f"even after {_everything(answer)}"
    if not answer.earlier:
        even = "by itself, and no test ran before it"
    return f"{name} does not grow {even} ({probe.judgement.verdict}: {reason})."


def _open_sentence(answer: Answer) -> str:
    name = visible(answer.nodeid)
    if not answer.after:
        return f"Which tests make {name} grow is open."
    some = f"{len(answer.after):,} of {_everything(answer)}"
    return f"{name} grows after {some}, and fewer may do: {_listed(answer.after)}."


def _everything(answer: Answer) -> str:
    tests = "the one test" if answer.earlier == 1 else f"the {answer.earlier:,} tests"
    return f"{tests} before it in {visible(answer.worker)}"


def _growth(probe: Probe) -> str:
    words = ", ".join(growth_phrases(probe.judgement.slopes, signed=True)) or "a little"
    prints = " ".join(cause.fingerprint for cause in probe.causes)
    return f"{words} per run ({f'leak {prints}' if prints else 'leak, without a known holder'})"


def _notes(answer: Answer) -> Iterator[str]:
    for members in answer.unstable:
        after = f"after {_listed(members)}" if members else "by itself"
        yield f"! Unstable: {after} it grew in one fresh process and not in another."
    if answer.missing:
        yield (
            f"! {plural(len(answer.missing), 'earlier test is', 'earlier tests are')} not "
            f"collected any more and left out: {_listed(answer.missing)}."
        )
    if answer.changed:
        several = plural(len(answer.changed), "earlier test", "earlier tests")
        ended = [f"{nodeid} ({outcome})" for nodeid, outcome in answer.changed.items()]
        yield f"! {several} ended otherwise than in the run: {_listed(ended)}."
    broken = [
        f"{nodeid} ({outcome})"
        for nodeid, outcome in (answer.probe.ended if answer.probe else {}).items()
        if outcome in ("failed", "error") and nodeid not in answer.changed
    ]
    if answer.found == "after" and broken:
        yield f"! Of them did not pass here: {_listed(broken)}."


def _listed(names: Sequence[str]) -> str:
    """``a, b and c``; the last of many are counted only."""
    shown = [visible(name) for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        shown.append(f"{len(names) - _MOST_NAMES:,} more")
    return listed(shown)


class ProgressLine:
    """``step 5: 3 of 12 earlier tests, about 40 s left``, on a terminal only."""

    def __init__(self, stream: TextIO, width: int) -> None:
        self._stream = stream if stream.isatty() else None
        self._width = width
        self._step = self._earlier = self._done = 0
        self._left = ""

    def begin(self, step: int, earlier: int, seconds_left: float | None) -> None:
        """A process begins that runs so many tests first."""
        self._step, self._earlier, self._done = step, earlier, 0
        self._left = ""
        if seconds_left is not None:
            left = max(1, round(seconds_left))
            self._left = f", about {f'{left} s' if left < 60 else duration(left)} left"
        self._show()

    def test_ended(self) -> None:
        """One more of them is done."""
        self._done += 1
        self._show()

    def clear(self) -> None:
        """Take the line away."""
        self._write("")

    def _show(self) -> None:
        tests = plural(self._earlier, "earlier test")
        what = f"{self._done:,} of {tests}"
        if self._done >= self._earlier:
            what = f"repeats after {tests}" if self._earlier else "repeats alone"
        self._write(shorten(f"leakcheck: step {self._step}: {what}{self._left}", self._width - 1))

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
