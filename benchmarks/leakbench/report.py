"""docs/accuracy.md: what the outcomes say, as tables and plots. Nothing in it is typed by hand."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from .cases import Case, load_cases
from .environments import ROOT
from .kept import gather, run_of, save, suite_run_of
from .score import Scored, best_threshold, confusion, same_cause, score
from .suites import SUITES, Result, examine, load_suite
from .tools import OURS, RIVALS, TOOLS, Outcome

DOCS = ROOT / "docs"
PLOTS = DOCS / "accuracy"
SIZED = ("sizes-list", "sizes-bytes", "sizes-malloc")

#: Kinds whose holder is a reference in Python; the others are named by a frame or a place.
PYTHON_KINDS = frozenset({"python", "atomic", "native-gc", "late"})


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A case with all that was said of it."""

    case: Case
    outcome: Outcome
    scored: list[Scored]


def write_accuracy(results: Path) -> None:
    """Write the page and its plots from what is kept and what was run here; keep both."""
    kept = gather(results)
    save(kept)
    rows = score_rows(kept.outcomes)
    PLOTS.mkdir(parents=True, exist_ok=True)
    plots = plot_recall(rows)
    page = "\n".join(_page(rows, examine_suites(kept.suites), plots)) + "\n"
    (DOCS / "accuracy.md").write_text(page, encoding="utf-8")
    print(f"docs/accuracy.md: {len(rows)} runs of {len({r.case.name for r in rows})} cases")


def score_rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """All outcomes of cases that there still are, scored; by family, case, side, tool and seed."""
    cases = {(case.family, case.name): case for case in load_cases()}
    rows: list[Row] = []
    for outcome in sorted(outcomes, key=run_of):
        case = cases.get((outcome.family, outcome.case))
        if case is not None:
            rows.append(Row(case=case, outcome=outcome, scored=score(case, outcome)))
    return rows


def examine_suites(results: Iterable[Result]) -> list[Result]:
    """The results of whole suites, by name; each suite's own order in one process first.

    Accusations may have been examined since they were stored.
    """
    found = []
    for result in results:
        suite = load_suite(SUITES / result.name)
        examined = [examine(accusation, suite) for accusation in result.accusations]
        found.append(msgspec.structs.replace(result, accusations=examined))
    return sorted(found, key=suite_run_of)


# --- choosing ------------------------------------------------------------------------------------


def plain(rows: Iterable[Row], tool: str) -> list[Row]:
    """A tool's rows in one process without load, of the first order: all that rivals have."""
    mine = [r for r in rows if r.outcome.tool == tool]
    first = min((r.outcome.seed for r in mine), default=0)
    return [
        r
        for r in mine
        if r.outcome.seed == first and not r.outcome.workers and not r.outcome.loaded
    ]


def tests_of(rows: Iterable[Row]) -> list[Scored]:
    """The scored tests of rows, those of failed runs included as misses."""
    return [scored for row in rows for scored in row.scored]


# --- the page ------------------------------------------------------------------------------------


def _page(rows: list[Row], suites: list[Result], plots: list[str]) -> list[str]:
    return [
        *_head(rows),
        *_tools_table(rows),
        *_families(rows),
        *_halves(rows),
        *_explanations(rows),
        *_sensitivity(rows, plots),
        *_conditions(rows),
        *_suites_table(suites),
        *_not_reached(rows),
        *_cases_table(rows),
    ]


def _head(rows: list[Row]) -> list[str]:
    cases = {(r.case.family, r.case.name) for r in rows}
    by_family: dict[str, int] = defaultdict(int)
    for family, _ in cases:
        by_family[family] += 1
    families = ", ".join(f"{count} {family}" for family, count in sorted(by_family.items()))
    machine = f"{platform.system()}, {platform.machine()}, CPython {platform.python_version()}"
    versions = ", ".join(f"{name} {_version(name)}" for name in ("pytest", "memray", "psleak"))
    revisions = _each(r.outcome.revision for r in plain(rows, OURS.name))
    return [
        "# Accuracy",
        "",
        (
            "How often pytest-leakcheck is right, and how often others are, on LeakBench: "
            f"{families} cases whose truth is known (see `benchmarks/leakbench/README.md`). Made by"
        ),
        "",
        "```",
        "nox -s leakbench",
        "```",
        "",
        f"{machine}; {versions}. Every figure on this page is counted from the stored runs.",
        "",
        (
            f"pytest-leakcheck ran on commit {revisions}. "
            "The cases are public and its rules were worked on with many of them in view: false "
            "accusations and misses that earlier passes showed were mended, and those passes are "
            "not on this page. A zero below tells that what was known is mended, not that the next "
            "suite will have none."
        ),
        "",
        (
            "A *test* is right when it is accused exactly where it leaks. Each case's tests run "
            "among ten ordinary neighbours, which nobody may accuse. *Precision*: of the accused "
            "tests, the share that leaks. *Recall*: of the leaking tests, the share that is "
            "accused."
        ),
        "",
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(in each environment)"


def common(rows: list[Row]) -> list[Row]:
    """The rows of cases and sides that every tool has run."""
    ran: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for name in TOOLS:
        for row in plain(rows, name):
            ran[row.case.family, row.case.name, row.outcome.side].add(name)
    there = {row.outcome.tool for row in rows}
    return [row for row in rows if ran[row.case.family, row.case.name, row.outcome.side] >= there]


def _tools_table(rows: list[Row]) -> list[str]:
    everything = confusion(tests_of(plain(rows, OURS.name)))
    rows = common(rows)
    lines = [
        "## All tools",
        "",
        (
            f"On the {len(plain(rows, OURS.name))} sides of cases that every tool ran. On all "
            f"cases pytest-leakcheck accuses {everything.false} of "
            f"{everything.false + everything.cleared} innocent tests and misses "
            f"{everything.missed} of {everything.missed + everything.found} leaking ones."
        ),
        "",
        "| tool | precision | recall | accused wrongly | missed | runs | median time of a run |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in TOOLS:
        mine = plain(rows, name)
        if not mine:
            continue
        c = confusion(tests_of(mine))
        seconds = sorted(r.outcome.seconds for r in mine)
        lines.append(
            f"| {_bold(name)} | {_share(c.precision)} | {_share(c.recall)} | {c.false} of "
            f"{c.false + c.cleared} | {c.missed} of {c.missed + c.found} | {len(mine)} | "
            f"{seconds[len(seconds) // 2]:.1f} s |"
        )
    lines += ["", *_best_thresholds(rows)]
    return lines


def _bold(name: str) -> str:
    return f"**{name}**" if name == OURS.name else name


def _best_thresholds(rows: list[Row]) -> list[str]:
    """What the rivals with a figure would reach at the threshold that is best on this corpus."""
    lines: list[str] = []
    for tool in RIVALS:
        judged = [
            (answer.score, s.truth == "leaks")
            for r in plain(rows, tool.name)
            for answer, s in zip(r.outcome.answers, r.scored, strict=False)
            if s.truth != "neutral"
        ]
        if len({figure for figure, _ in judged}) <= 2:
            continue
        threshold, c = best_threshold(judged)
        unit = _FIGURES.get(tool.name, "bytes")
        lines.append(
            f"- {tool.name}: at the threshold that would be best here, chosen with the truth in "
            f"hand ({threshold:,.0f} {unit}), precision {_share(c.precision)}, recall "
            f"{_share(c.recall)}."
        )
    return [*lines, ""] if lines else []


_FIGURES = {"objgraph growth": "objects"}


def _share(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" if value in (0, 1) else f"{100 * value:.1f} %"


def _families(rows: list[Row]) -> list[str]:
    lines = ["## By family", ""]
    for family in ("planted", "historic", "innocent"):
        shared = common([r for r in rows if r.case.family == family])
        sides = len(plain(shared, OURS.name))
        lines += [
            f"### {family}",
            "",
            f"On {sides} sides of cases.",
            "",
            "| tool | leaks found | leaks missed | innocents accused | innocents cleared |",
            "|---|---:|---:|---:|---:|",
        ]
        for name in TOOLS:
            mine = plain(shared, name)
            c = confusion(tests_of(mine))
            counts = (
                f"{c.found} | {c.missed} | {c.false} | {c.cleared}" if mine else "not run | | |"
            )
            lines.append(f"| {_bold(name)} | {counts} |")
        lines.append("")
    return lines


def _halves(rows: list[Row]) -> list[str]:
    lines = [
        "## The half that rules were tuned on, and the other",
        "",
        (
            "Cases are divided by a hash of their names; those of the quick run count as tuned. "
            "Rules were worked on with the failures of the tuned half in view; the naming of "
            "native frames, with all native cases in view."
        ),
        "",
        "| half | precision | recall | accused wrongly | missed |",
        "|---|---:|---:|---:|---:|",
    ]
    for half in ("tuned", "held out"):
        c = confusion(tests_of(r for r in plain(rows, OURS.name) if r.case.half == half))
        lines.append(
            f"| {half} | {_share(c.precision)} | {_share(c.recall)} | {c.false} of "
            f"{c.false + c.cleared} | {c.missed} of {c.missed + c.found} |"
        )
    return [*lines, ""]


def _explanations(rows: list[Row]) -> list[str]:
    mine = [r for r in plain(rows, OURS.name) if r.outcome.side == "leaks"]
    held = [s for r in mine if r.case.kind in PYTHON_KINDS for s in r.scored]
    native = [s for r in mine if r.case.kind in ("native", "mmap") for s in r.scored]
    other = [
        s for r in mine if r.case.kind not in (*PYTHON_KINDS, "native", "mmap") for s in r.scored
    ]
    same = [found for r in mine if (found := same_cause(r.scored)) is not None]
    growth = [s.growth for r in mine for s in r.scored if s.growth is not None]
    told: list[tuple[str, Sequence[bool | None]]] = [
        ("holder right, Python-level leaks", [s.holder for s in held]),
        ("frame or place right, native leaks", [s.holder for s in native]),
        ("holder or place right, descriptors, threads, children", [s.holder for s in other]),
        ("growth per run within 10 % of the truth", list(growth)),
        ("one cause, one fingerprint in all its tests", list(same)),
    ]
    lines = [
        "## Explanations",
        "",
        "Of the leaking tests; a missed leak counts as a holder that was not named.",
        "",
        "| what | right | of |",
        "|---|---:|---:|",
    ]
    for what, answers in told:
        asked = [a for a in answers if a is not None]
        lines.append(f"| {what} | {sum(map(bool, asked))} ({_ratio(asked)}) | {len(asked)} |")
    return [*lines, ""]


def _ratio(answers: Sequence[object]) -> str:
    return _share(sum(map(bool, answers)) / len(answers)) if answers else "-"


# --- sensitivity ---------------------------------------------------------------------------------


def recall_by_size(rows: Iterable[Row], name: str, tool: str) -> dict[int, tuple[int, int]]:
    """Size of the planted leak → in how many runs it was found, of how many."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if row.case.name != name or row.outcome.tool != tool or row.outcome.side != "leaks":
            continue
        if row.outcome.workers or row.outcome.loaded:
            continue
        for s in row.scored:
            if s.truth == "leaks" and s.size is not None:
                counts[s.size][0] += s.accused
                counts[s.size][1] += 1
    return {size: (found, of) for size, (found, of) in sorted(counts.items())}


def smallest_in_all(found: dict[int, tuple[int, int]]) -> int | None:
    """The smallest size that was found in every run, with all larger ones too."""
    smallest = None
    for size in sorted(found, reverse=True):
        hits, runs = found[size]
        if hits < runs:
            break
        smallest = size
    return smallest


def _sensitivity(rows: list[Row], plots: list[str]) -> list[str]:
    lines = [
        "## The smallest leak",
        "",
        (
            "Leaks of known sizes among ordinary tests, one run of each, in an order by a seed; "
            "the smallest size that was found in all runs."
        ),
        "",
        "| tool | runs | gc-tracked list | bytes | malloc without free |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in TOOLS:
        cells, runs = [], 0
        for case in SIZED:
            found = recall_by_size(rows, case, name)
            runs = max([runs, *(of for _, of in found.values())])
            smallest = smallest_in_all(found)
            cells.append("none" if smallest is None else _bytes(smallest))
        if runs:
            lines.append(f"| {_bold(name)} | {runs} | {' | '.join(cells)} |")
    return [*lines, "", *(f"![{name}](accuracy/{name}.svg)" for name in plots), ""]


def _bytes(size: int) -> str:
    for unit, step in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= step:
            return f"{size / step:g} {unit}"
    return f"{size} B"


def plot_recall(rows: list[Row]) -> list[str]:
    """One plot for each kind: recall against the leak's size, a line for each tool."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "leakbench", "font.size": 9, "svg.fonttype": "none"})
    import matplotlib.pyplot as plt

    drawn: list[str] = []
    for case in SIZED:
        figure, axes = plt.subplots(figsize=(7, 3))
        for at, name in enumerate(TOOLS):
            found = recall_by_size(rows, case, name)
            if found:
                # A little apart, so that lines at the same height are all seen.
                shares = [hits / of + 0.008 * (at - 3) for hits, of in found.values()]
                bold = name == OURS.name
                axes.plot(
                    list(found),
                    shares,
                    marker="o",
                    markersize=3,
                    linewidth=2.5 if bold else 1.2,
                    label=name,
                )
        axes.set_xscale("log", base=2)
        axes.set_xlabel("bytes that a test leaves on each run")
        axes.set_ylabel("share of runs in which it is found")
        axes.set_ylim(-0.06, 1.06)
        axes.set_title(_TITLES[case])
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(PLOTS / f"{case}.svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)
        drawn.append(case)
    return drawn


_TITLES = {
    "sizes-list": "A list in a module's list (gc-tracked)",
    "sizes-bytes": "bytes in a module's list (not tracked)",
    "sizes-malloc": "malloc without free",
}


# --- conditions, suites, failures ----------------------------------------------------------------


def _conditions(rows: list[Row]) -> list[str]:
    """Ours in other orders, under xdist and under load."""
    groups: dict[tuple[int, int, bool], list[Row]] = defaultdict(list)
    for row in rows:
        o = row.outcome
        if o.tool == OURS.name:
            groups[o.workers, o.seed, o.loaded].append(row)
    lines = [
        "## Orders, workers, load",
        "",
        (
            "pytest-leakcheck alone. Each line is a pass over cases in a random order of tests; "
            "*runs at a time* shared the machine's cores."
        ),
        "",
        "| condition | runs at a time | commit | sides of cases | accused wrongly | missed |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for (workers, seed, loaded), mine in sorted(groups.items()):
        if len({r.case.name for r in mine}) < 10:
            continue
        c = confusion(tests_of(mine))
        words = f"-n {workers}, order {seed}" + (", another process busy" if loaded else "")
        lines.append(
            f"| {words} | {_each(str(r.outcome.jobs) for r in mine)} | "
            f"{_each(r.outcome.revision for r in mine)} | {len(mine)} | "
            f"{c.false} of {c.false + c.cleared} | {c.missed} of {c.missed + c.found} |"
        )
    return [*lines, ""]


def _each(words: Iterable[str]) -> str:
    """The different words, in order."""
    return ", ".join(sorted({word or "unknown" for word in words}))


def _suites_table(suites: list[Result]) -> list[str]:
    if not suites:
        return []
    lines = [
        "## Whole suites of released packages",
        "",
        (
            "As their authors wrote them (`cases/suites/`). Every accusation was examined by hand: "
            "a *real* one does leave something behind on each run; anything else is *false*. Made "
            "by `python -m leakbench.suites` in `benchmarks/`."
        ),
        "",
        "| suite | condition | commit | tests | plain | measured | real | false | unconfirmed |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for suite in suites:
        real = [a for a in suite.accusations if a.verdict == "leak" and _is_real(a)]
        false = [a for a in suite.accusations if a.verdict == "leak" and not _is_real(a)]
        open_ = [a for a in suite.accusations if a.verdict == "unconfirmed"]
        lines.append(
            f"| {suite.name} | {_condition(suite)} | {suite.revision or 'unknown'} | "
            f"{suite.tests:,} | {suite.plain_s:.0f} s | {suite.measured_s:.0f} s | "
            f"{len(real)} | {len(false)} | {len(open_)} |"
        )
    return [*lines, ""]


def _condition(suite: Result) -> str:
    """How a suite was run: ``-n 2, order 1``."""
    order = "own order" if suite.seed is None else f"order {suite.seed}"
    busy = ", another process busy" if suite.loaded else ""
    return f"-n {suite.workers}, {order}{busy}"


def _is_real(accusation: object) -> bool:
    examined = getattr(accusation, "examined", None)
    return examined is not None and bool(examined.real)


def _not_reached(rows: list[Row]) -> list[str]:
    lines = [
        "## What is not reached",
        "",
        "Every answer of pytest-leakcheck that is wrong in the first pass, and why.",
        "",
        "| case | side | what is wrong | why |",
        "|---|---|---|---|",
    ]
    empty = len(lines)
    for row in plain(rows, OURS.name):
        lines += [
            f"| {row.case.family}/{row.case.name} | {row.outcome.side} | {_cell(told)} | "
            f"{_cell(row.case.limits)} |"
            for told in faults(row)
        ]
    if len(lines) == empty:
        lines.append("| none | | | |")
    return [*lines, ""]


def faults(row: Row) -> list[str]:
    """What is wrong with a row, each once."""
    if row.outcome.failed:
        return [row.outcome.failed]
    found: dict[str, int] = defaultdict(int)
    for s in row.scored:
        if not s.right:
            verdict = s.verdict or ("accused" if s.accused else "not accused")
            what = {"leaks": "a leak", "innocent": "an innocent"}.get(s.truth, s.truth)
            found[f"{what} is called {verdict}"] += 1
        elif s.growth is False:
            found[f"growth: {s.growth_told}"] += 1
        elif s.holder is False:
            named = ", ".join(s.named[:2]) or "nothing"
            found[f"named: {named}"] += 1
    return [f"{what} ({count} tests)" if count > 1 else what for what, count in found.items()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _cases_table(rows: list[Row]) -> list[str]:
    names = [name for name in TOOLS if plain(rows, name)]
    by_case: dict[tuple[str, str, str], dict[str, Row]] = defaultdict(dict)
    for name in names:
        for row in plain(rows, name):
            by_case[row.case.family, row.case.name, row.outcome.side][name] = row
    lines = [
        "## Every case",
        "",
        "Leaking tests found of all, and innocents accused (`!`), for each tool; seconds of ours.",
        "",
        "| case | side | half | " + " | ".join(map(_bold, names)) + " | s |",
        "|---|---|---|" + "---|" * len(names) + "---:|",
    ]
    for (family, name, side), mine in sorted(by_case.items()):
        first = next(iter(mine.values()))
        cells = [_cell_of(mine.get(tool)) for tool in names]
        ours = mine.get(OURS.name)
        seconds = f"{ours.outcome.seconds:.1f}" if ours else ""
        lines.append(
            f"| {family}/{name} | {side} | {first.case.half} | {' | '.join(cells)} | {seconds} |"
        )
    return [*lines, ""]


def _cell_of(row: Row | None) -> str:
    if row is None:
        return ""
    if row.outcome.failed:
        return "failed"
    c = confusion(row.scored)
    told = f"{c.found}/{c.found + c.missed}" if c.found + c.missed else "0"
    return f"{told} {c.false}!" if c.false else told
