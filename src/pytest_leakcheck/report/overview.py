"""What a run comes to as a whole: its sentence, counts, environment, curves and accounts. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from pytest_leakcheck.conclude.run import cause_verdicts
from pytest_leakcheck.model.journal_lines import FixtureRecord, TestRecord
from pytest_leakcheck.model.results import VERDICTS, JudgedRun, VerdictName
from pytest_leakcheck.model.run import Run
from pytest_leakcheck.model.run_info import RunInfo
from pytest_leakcheck.model.signals import SIGNALS, Growth
from pytest_leakcheck.model.words import (
    amount,
    count,
    plural,
    seconds,
    short_name,
    signal_name,
    size,
    visible,
)
from pytest_leakcheck.report import svg
from pytest_leakcheck.text.sentences import VERDICT_MEANING, growth_words, subjects, when

#: Verdicts in the order in which a reader cares.
VERDICT_ORDER: tuple[VerdictName, ...] = tuple(VERDICT_MEANING)
#: Packages named in the environment line, where installed.
NAMED_PACKAGES = ("pytest", "pytest-xdist", "chromadb", "memray", "numpy")
STEEPEST = 5
MOST_CURVES = 8
MOST_FIXTURES = 60


def run_sentence(judged: JudgedRun) -> str:
    """The verdict of a run in one sentence: its title."""
    counts = verdict_counts(judged)
    everything = subjects(judged)
    if not judged.tests:
        return "No test was measured"
    if counts["not judged"] == len(judged.tests):
        return f"None of {everything} could be judged"
    if not counts["leak"]:
        return _no_leak_sentence(everything, counts)
    leaking = f"{count(counts['leak'])} of {everything}"
    verdicts = cause_verdicts(judged)
    found = [s for s in judged.causes if verdicts[s.cause.fingerprint] == "leak"]
    if not found:
        return f"{leaking} {_leak(counts['leak'])}; no cause was found"
    worst = found[0]
    causes = f"{plural(len(found), 'cause')} {_leak(len(found))} in {leaking}"
    return f"{causes}; the worst by {growth_words(worst.slopes, limit=3)} per run"


def _no_leak_sentence(everything: str, counts: Counter[VerdictName]) -> str:
    rest = []
    if counts["unconfirmed"]:
        rest.append(f"{count(counts['unconfirmed'])} grew and could not be confirmed")
    if counts["not judged"]:
        rest.append(f"{count(counts['not judged'])} could not be judged")
    found = "confirmed" if counts["unconfirmed"] else "found"
    sentence = f"No leak {found} in {everything}"
    return f"{sentence}: {', '.join(rest)}" if rest else sentence


def _leak(number: int) -> str:
    return "leaks" if number == 1 else "leak"


def verdict_counts(judged: JudgedRun) -> Counter[VerdictName]:
    """How many tests have each verdict; zeros included."""
    counts: Counter[VerdictName] = Counter(dict.fromkeys(VERDICTS, 0))
    counts.update(test.verdict for test in judged.tests)
    return counts


def environment_line(info: RunInfo) -> str:
    """Where and with what a run was measured, in one line."""
    packages = [f"{n} {info.packages[n]}" for n in NAMED_PACKAGES if n in info.packages]
    revision = f"revision {info.git_revision}" if info.git_revision else ""
    if revision and info.git_dirty:
        revision += " with uncommitted changes"
    memory = f"{size(info.memory_bytes)} memory" if info.memory_bytes else ""
    workers = plural(info.workers, "xdist worker") if info.workers else "one process"
    facts = [
        when(info.created),
        f"{info.implementation} {info.python}",
        info.platform,
        plural(info.cpu_count, "processor"),
        memory,
        workers,
        *packages,
        revision,
    ]
    return visible(", ".join(filter(None, facts)))


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a reader must know before the findings."""

    title: str
    text: str


def alerts(run: Run) -> list[Alert]:
    """Killed workers, damaged journals, and what the run itself had to say."""
    found = []
    for worker, start in sorted(run.cut_off.items()):
        if start is None:
            text = "It did not end in order, after a test had closed: later tests are missing."
        else:
            memory = f"; its memory was then {size(start.rss_bytes)}" if start.rss_bytes else ""
            text = f"It was running {visible(start.nodeid)}{memory}."
        found.append(Alert(f"Worker {visible(worker)} was cut off", text))
    for name, lines in sorted(run.damaged.items()):
        text = f"{plural(lines, 'line')} could not be read and {_is(lines)} left out."
        found.append(Alert(f"{visible(name)} is damaged", text))
    said: dict[tuple[str, str], list[str]] = {}
    for event in run.events:
        said.setdefault((event.slug, event.sentence), []).append(event.nodeid)
    for (slug, sentence), nodeids in said.items():
        named = [visible(nodeid) for nodeid in nodeids if nodeid]
        where = f" ({named[0]})" if len(named) == 1 else ""
        if len(named) > 1:
            where = f" ({named[0]} and {plural(len(named) - 1, 'more test')})"
        title = visible(slug).replace("-", " ").capitalize()
        found.append(Alert(title, visible(sentence) + where))
    return found


def _is(number: int) -> str:
    return "was" if number == 1 else "were"


@dataclass(frozen=True, slots=True)
class Steep:
    """A test on the memory curve that raised it most."""

    number: int
    nodeid: str
    grew: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Memory over one worker's tests: the chart, its steepest tests, and the numbers."""

    worker: str
    chart: Markup
    steepest: list[Steep]
    rows: list[tuple[str, str, str]]
    """Every tenth of the run: tests done, RSS, what it grew by since the row before."""


def curves(run: Run) -> list[Curve]:
    """One curve per worker, all to one scale; the workers with the highest memory first."""
    measured = {
        worker: [record for record in records if record.reading.rss_bytes is not None]
        for worker, records in run.order.items()
    }
    drawn = {worker: records for worker, records in measured.items() if records}
    top = max((_rss(r) for records in drawn.values() for r in records), default=0.0)
    by_height = sorted(drawn, key=lambda worker: (-max(map(_rss, drawn[worker])), worker))
    return [_curve(worker, drawn[worker], top) for worker in by_height[:MOST_CURVES]]


def _rss(record: TestRecord) -> float:
    return float(record.reading.rss_bytes or 0)


def _curve(worker: str, records: Sequence[TestRecord], top: float) -> Curve:
    values = [_rss(record) for record in records]
    rises = [later - earlier for earlier, later in itertools.pairwise(values)]
    steps = [float(records[0].growth.rss_bytes or 0), *rises]
    steep = sorted(_steepest(steps))
    spots = [svg.Spot(at, number) for number, at in enumerate(steep, 1)]
    label = (
        f"Memory of {visible(worker)} over {plural(len(values), 'test')}: "
        f"{size(values[0])} after the first, {size(values[-1])} after the last, "
        f"{size(max(values))} at most"
    )
    return Curve(
        worker=visible(worker),
        chart=svg.memory_curve(values, spots, label, top),
        steepest=[
            Steep(number, visible(records[at].nodeid), size(steps[at], signed=True))
            for number, at in enumerate(steep, 1)
        ],
        rows=_tenths(values),
    )


def _steepest(steps: Sequence[float]) -> list[int]:
    """Positions of the steepest steps, so far apart that their numbers can be read."""
    apart = len(steps) / (3 * STEEPEST)
    chosen: list[int] = []
    for at in sorted(range(len(steps)), key=lambda at: (-steps[at], at)):
        if len(chosen) == STEEPEST or steps[at] <= 0:
            break
        if all(abs(at - other) >= apart for other in chosen):
            chosen.append(at)
    return chosen


def _tenths(values: Sequence[float]) -> list[tuple[str, str, str]]:
    marks = sorted({max(len(values) * tenth // 10, 1) for tenth in range(11)})
    rows, before = [], None
    for done in marks:
        value = values[done - 1]
        grew = "" if before is None else size(value - before, signed=True)
        rows.append((count(done), size(value), grew))
        before = value
    return rows


@dataclass(frozen=True, slots=True)
class Table:
    """A small table of text: heads and rows; ``strong`` names the last row as a sum."""

    heads: list[str]
    rows: list[list[str]] = field(default_factory=list)
    strong: bool = False


def add(growths: Iterable[Growth]) -> dict[str, float]:
    """Sums by signal; a signal that none of them saw is missing."""
    sums: dict[str, float] = {}
    for growth in growths:
        for signal in SIGNALS:
            value = getattr(growth, signal)
            if value is not None:
                sums[signal] = sums.get(signal, 0) + value
    return sums


LEDGER_ROWS = (
    ("tests", "charged to tests"),
    ("fixtures", "charged to wider fixtures"),
    ("pytest", "kept by pytest"),
    ("collected", "given back by full collections"),
)


def ledger_table(run: Run) -> Table | None:
    """What each account was charged over all workers; what is left over is *unexplained*."""
    if not run.ledgers:
        return None
    process = add(ledger.process for ledger in run.ledgers.values())
    signals = [signal for signal in SIGNALS if signal in process]
    table = Table(["account", *map(signal_name, signals)], strong=True)
    table.rows.append(["the processes grew by", *_cells(process, signals)])
    explained = dict.fromkeys(signals, 0.0)
    for name, words in LEDGER_ROWS:
        sums = add(getattr(ledger, name) for ledger in run.ledgers.values())
        for signal in signals:
            explained[signal] += sums.get(signal, 0)
        table.rows.append([words, *_cells(sums, signals)])
    rest = {signal: process[signal] - explained[signal] for signal in signals}
    table.rows.append(["unexplained", *_cells(rest, signals)])
    return table


def _cells(sums: dict[str, float], signals: Sequence[str]) -> list[str]:
    return [amount(signal, sums.get(signal)) for signal in signals]


def ledger_words(run: Run) -> str:
    """What the measuring itself cost, in one sentence."""
    tests = sum(ledger.tests_run for ledger in run.ledgers.values())
    spent = sum(ledger.harness_s for ledger in run.ledgers.values())
    full = sum(ledger.full_collections for ledger in run.ledgers.values())
    return (
        f"Measuring took {seconds(spent)} of processor time over {plural(tests, 'test')}, "
        f"with {plural(full, 'full collection')}."
    )


FIXTURE_SIGNALS = ("heap_bytes", "rss_bytes", "survivors", "fds", "threads")


def fixtures_table(run: Run) -> Table | None:
    """Accounts of wider fixtures: set-up, finaliser, balance; the largest balance first."""
    grouped: dict[tuple[str, str, str], list[FixtureRecord]] = {}
    for records in run.fixtures.values():
        for record in records:
            grouped.setdefault((record.fixture, record.scope, record.where), []).append(record)
    if not grouped:
        return None
    sums = {name: add(record.growth for record in records) for name, records in grouped.items()}
    # A signal in which no fixture moved would be two columns of zeros.
    seen = [s for s in FIXTURE_SIGNALS if any(getattr(r.growth, s) for r in _all(grouped))]
    table = Table(["fixture", "scope", "set up", "finalised"])
    table.heads.extend(f"{short_name(s)}: {part}" for s in seen for part in ("set-up", "balance"))
    worst = sorted(sums, key=lambda name: (-abs(sums[name].get("heap_bytes", 0)), name))
    for name in worst[:MOST_FIXTURES]:
        table.rows.append(_fixture_row(name, grouped[name], seen))
    return table


def _all(grouped: Mapping[Any, Sequence[FixtureRecord]]) -> Iterator[FixtureRecord]:
    return itertools.chain.from_iterable(grouped.values())


def _fixture_row(
    name: tuple[str, str, str], records: Sequence[FixtureRecord], signals: Sequence[str]
) -> list[str]:
    setups = [record for record in records if record.phase == "setup"]
    made, balance = add(r.growth for r in setups), add(r.growth for r in records)
    fixture, scope, where = name
    row = [
        visible(f"{fixture} in {where}" if where else fixture),
        scope,
        count(len(setups)),
        count(len(records) - len(setups)),
    ]
    for signal in signals:
        row += [amount(signal, made.get(signal)), amount(signal, balance.get(signal))]
    return row


def measured_rows(info: RunInfo) -> list[tuple[str, str]]:
    """Each signal and where it came from, or why it was not seen."""
    named = {signal: signal_name(signal) for signal in SIGNALS} | {"peak_bytes": "peak RSS"}
    return [(named.get(name, visible(name)), visible(how)) for name, how in info.probes.items()]


def settings_rows(info: RunInfo) -> list[tuple[str, str]]:
    """Settings and the environment variables that bear on memory."""
    rows = [(visible(name), visible(str(value))) for name, value in sorted(info.settings.items())]
    return rows + [
        (visible(name), visible(value) or "(empty)")
        for name, value in sorted(info.environment.items())
    ]


def not_judged_reasons(judged: JudgedRun) -> list[tuple[str, int]]:
    """Why tests were not judged, and how many each; the most frequent reason first."""
    reasons = Counter(
        t.reason or "no reason given" for t in judged.tests if t.verdict == "not judged"
    )
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
