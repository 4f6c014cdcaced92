"""What a person should act on, worst first: a finding per cause, and per leak without a cause.

A cause that 400 tests show is one finding with 400 witnesses. Pure: records in, texts out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote as url_quote

from markupsafe import Markup

from pytest_leakcheck.conclude.run import cause_verdicts
from pytest_leakcheck.model.causes import Cause, Content, Site, Step
from pytest_leakcheck.model.journal_lines import CycleRecord, ResourceRecord
from pytest_leakcheck.model.results import CauseSummary, JudgedRun, TestVerdict, VerdictName
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.signals import BYTE_SIGNALS, Slope
from pytest_leakcheck.model.words import SPOKEN, amount, count, plural, signal_name, size
from pytest_leakcheck.report import svg
from pytest_leakcheck.screen.nodeids import garbage_kin
from pytest_leakcheck.text.sentences import (
    grows,
    growth_words,
    interval,
    main_growth,
    reproduce,
    runs_sentence,
)
from pytest_leakcheck.text.trace import (
    cause_sentence,
    culprit_lines,
    step_edge,
    step_name,
    step_status,
)

#: Articles on a page; more are counted, and stand in the table of all tests.
MOST_FINDINGS = 300
MOST_WITNESSES = 10
MOST_LATE = 20
MOST_OPEN = 100
MOST_CYCLES = 2


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """Growth per run in one signal, as text."""

    signal: str
    per_run: str
    interval: str
    total: str
    exact: str
    """All digits, for the tooltip."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of a holder path, as text."""

    edge: str
    name: str
    status: str
    status_class: str
    suspect: bool


@dataclass(frozen=True, slots=True)
class Place:
    """An allocation site or retained content, as text."""

    where: str
    what: str
    size: str
    stack: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One article of the page."""

    anchor: str
    title: str
    growth: str
    nodeid: str
    """The witness that the numbers are of."""
    verdict: VerdictName
    """``held`` where a wider fixture lets go what every witness left, else ``leak``."""
    reason: str
    basis: str
    rows: list[GrowthRow]
    repeats_words: str
    repeats_raw: str
    repeats_chart: Markup | None
    command: str
    flamegraph: str | None
    cause: Cause | None = None
    steps: list[PathStep] = field(default_factory=list)
    culprit: list[str] = field(default_factory=list)
    """Who is at fault, and what merely goes with it."""
    contents: list[Place] = field(default_factory=list)
    sites: list[Place] = field(default_factory=list)
    opened: list[Place] = field(default_factory=list)
    link: str = ""
    witnesses: list[str] = field(default_factory=list)
    tests: int = 1

    @property
    def more_tests(self) -> int:
        """Witnesses that the article does not list."""
        return self.tests - len(self.witnesses)


def findings(run: Run, judged: JudgedRun, folder: Path) -> list[Finding]:
    """All findings, worst first; ``folder`` is where the page will lie, for relative links."""
    by_id = {test.nodeid: test for test in judged.tests}
    caused = cause_verdicts(judged)
    found = [
        _of_cause(summary, _best_witness(summary, by_id), run, folder, caused)
        for summary in judged.causes
    ]
    found.sort(key=lambda finding: finding.verdict == "held")
    alone = [
        test
        for test in judged.tests
        if test.verdict == "leak" and caused.keys().isdisjoint(test.fingerprints)
    ]
    alone.sort(key=_weight)
    return found + [_of_test(test, run, folder, number) for number, test in enumerate(alone)]


def _weight(test: TestVerdict) -> tuple[float, str]:
    largest = max((s.per_run for n, s in test.slopes.items() if n in BYTE_SIGNALS), default=0.0)
    return -largest, test.nodeid


def _best_witness(summary: CauseSummary, by_id: Mapping[str, TestVerdict]) -> TestVerdict | None:
    shown = [by_id[nodeid] for nodeid in summary.witnesses if nodeid in by_id]
    fingerprint = summary.cause.fingerprint
    ranked = sorted(
        shown, key=lambda t: (t.basis != "repeated", t.fingerprints[:1] != [fingerprint])
    )
    return ranked[0] if ranked else None


def _of_cause(
    summary: CauseSummary,
    witness: TestVerdict | None,
    run: Run,
    folder: Path,
    verdicts: Mapping[str, VerdictName],
) -> Finding:
    cause = summary.cause
    nodeid = witness.nodeid if witness else (summary.witnesses or [""])[0]
    words, raw, chart = _repeats(witness, summary.slopes)
    return Finding(
        anchor=f"cause-{cause.fingerprint}",
        title=cause_sentence(cause),
        growth=growth_words(summary.slopes),
        nodeid=nodeid,
        verdict=verdicts[cause.fingerprint],
        reason=witness.reason if witness else "",
        basis=_basis(witness),
        rows=growth_rows(summary.slopes, summary.total),
        repeats_words=words,
        repeats_raw=raw,
        repeats_chart=chart,
        command=reproduce(nodeid),
        flamegraph=_flamegraph(run, [nodeid, *summary.witnesses], folder),
        cause=cause,
        steps=path_steps(cause.steps),
        culprit=culprit_lines(cause, summary.shared, summary.unexplained),
        contents=[_content(item) for item in cause.contents],
        sites=[_site(site) for site in cause.sites if site.bytes],
        opened=[_opened(found) for found in summary.opened],
        link=safe_link(cause.link),
        witnesses=summary.witnesses[:MOST_WITNESSES],
        tests=len(summary.witnesses),
    )


def _of_test(test: TestVerdict, run: Run, folder: Path, number: int) -> Finding:
    words, raw, chart = _repeats(test, test.slopes)
    captures = run.captures.get(test.nodeid, ())
    return Finding(
        anchor=f"test-{number}",
        title="A leak whose cause was not found",
        growth=growth_words(test.slopes),
        nodeid=test.nodeid,
        verdict="leak",
        reason=test.reason,
        basis=_basis(test),
        rows=growth_rows(test.slopes, {}),
        repeats_words=words,
        repeats_raw=raw,
        repeats_chart=chart,
        command=reproduce(test.nodeid),
        flamegraph=_flamegraph(run, [test.nodeid], folder),
        sites=[_site(site) for capture in captures for site in capture.sites],
        opened=[_opened(found) for found in run.opened_by(test.nodeid)],
        witnesses=[test.nodeid],
    )


def _basis(test: TestVerdict | None) -> str:
    if test is None:
        return ""
    if test.basis == "by signature":
        return f"judged by signature: {test.like} was repeated in its place"
    return "repeated in a process of its own" if test.basis == "repeated" else "one run only"


def growth_rows(slopes: Mapping[str, Slope], total: Mapping[str, float]) -> list[GrowthRow]:
    """Every signal that was seen, most telling first."""
    return [
        GrowthRow(
            signal=signal_name(name),
            per_run=amount(name, slopes[name].per_run),
            interval=interval(name, slopes[name]),
            total=amount(name, total[name]) if name in total else "",
            exact=f"{slopes[name].per_run:+,.1f}".removesuffix(".0")
            + (" bytes" if name in BYTE_SIGNALS else ""),
        )
        for name in SPOKEN
        if name in slopes and (slopes[name].per_run or grows(slopes[name]))
    ]


def _repeats(
    test: TestVerdict | None, slopes: Mapping[str, Slope]
) -> tuple[str, str, Markup | None]:
    main = None if test is None else main_growth(slopes, test.repeats, test.windows)
    if main is None or test is None:
        return "", "", None
    signal, values = main
    raw = ", ".join(amount(signal, value) for value in values)
    soaked = bool(test.windows.get(signal))
    words = runs_sentence(signal, values, slopes[signal].per_run, windows=soaked)
    return words, raw, svg.repeats(values, f"{signal_name(signal)} per repeat: {raw}")


def path_steps(steps: Sequence[Step]) -> list[PathStep]:
    """A holder path as text, root first."""
    return [
        PathStep(
            step_edge(before, step), step_name(step), step_status(step), step.status, step.suspect
        )
        for before, step in zip([*steps[:1], *steps], steps, strict=False)
    ]


def _content(item: Content) -> Place:
    return Place(where=item.path or "itself", what=item.type, size=size(item.bytes))


def _site(site: Site) -> Place:
    line = f":{site.line}" if site.line else ""
    allocations = f" in {plural(site.blocks, 'allocation')}" if site.blocks else ""
    return Place(
        where=f"{site.file}{line}",
        what=f"{site.function} {'(native)' if site.native else ''}".strip(),
        size=f"{size(site.bytes)}{allocations} per run",
        stack=tuple(site.stack),
    )


def _opened(found: ResourceRecord) -> Place:
    site = found.site
    return Place(
        where="opened where it could not be seen" if site is None else f"{site.file}:{site.line}",
        what="" if site is None else site.function,
        size=f"{count(found.count)} {found.what} per run",
        stack=() if site is None else tuple(site.stack),
    )


def safe_link(link: str) -> str:
    """The link, if a page may lead there; else nothing."""
    return link if link.startswith(("https://", "http://")) else ""


def _flamegraph(run: Run, nodeids: Sequence[str], folder: Path) -> str | None:
    for nodeid in nodeids:
        for capture in run.captures.get(nodeid, ()):
            if capture.flamegraph:
                return _relative(run.folder / capture.flamegraph, folder)
    return None


def _relative(target: Path, folder: Path) -> str | None:
    try:
        relative = os.path.relpath(target, folder)
    except ValueError:  # another drive: no relative link leads there
        return None
    return url_quote(Path(relative).as_posix())


@dataclass(frozen=True, slots=True)
class LateFinding:
    """One test's late garbage."""

    nodeid: str
    objects: str
    bytes: str
    types: str
    cycles: list[list[PathStep]]
    of: str
    """Another instance of the test function whose cycles these are, where they are not its own."""


def late_findings(run: Run, judged: JudgedRun) -> list[LateFinding]:
    """Tests that leave most to the cyclic collector, worst first."""
    late = {test.nodeid: test for test in judged.tests if test.verdict == "late"}
    seen = {garbage_kin(n, late[n].late): n for n in run.cycles if n in late}
    found: list[LateFinding] = []
    worst = sorted(
        late.values(), key=lambda t: (-(t.late.heap_bytes or 0), -t.late.objects, t.nodeid)
    )
    for test in worst[:MOST_LATE]:
        kin = "" if test.nodeid in run.cycles else seen.get(garbage_kin(test.nodeid, test.late), "")
        found.append(_late(test, run.cycles.get(kin or test.nodeid, ()), kin))
    return found


def _late(test: TestVerdict, records: Sequence[CycleRecord], of: str) -> LateFinding:
    types: Counter[str] = Counter()
    for record in records:
        types.update(record.types)
    heap = test.late.heap_bytes
    return LateFinding(
        nodeid=test.nodeid,
        objects=plural(test.late.objects, "object"),
        bytes="not seen" if heap is None else size(heap),
        types=", ".join(f"{count(number)} {name}" for name, number in types.most_common(4)),
        cycles=[path_steps(cycle) for record in records for cycle in record.cycles][:MOST_CYCLES],
        of=of,
    )


@dataclass(frozen=True, slots=True)
class OpenTest:
    """A test whose growth was seen and not confirmed."""

    nodeid: str
    growth: str
    reason: str


def open_tests(judged: JudgedRun) -> list[OpenTest]:
    """Unconfirmed tests, worst first."""
    found = sorted((t for t in judged.tests if t.verdict == "unconfirmed"), key=_weight)
    return [OpenTest(t.nodeid, growth_words(t.slopes), t.reason) for t in found[:MOST_OPEN]]
