"""All benchmarks: results in benchmarks/results/, tables in docs/performance.md.

nox -s bench                              all parts
nox -s bench -- overhead footprint        some parts
nox -s bench -- --quick                   smaller and fewer
nox -s bench -- --tables                  the tables again, from the stored results
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import confirm_cost
import explain_cost
import footprint
import overhead
import report_cost
import sweep_profile
from timing import RESULTS, Row, load

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
PARTS = {
    "overhead": (overhead.main, "What a test costs, beside other ways"),
    "profile": (sweep_profile.main, "Where the sweep's own time goes"),
    "confirm": (confirm_cost.main, "What repeating and explaining the candidates takes"),
    "footprint": (footprint.main, "What the harness itself takes"),
    "explain": (explain_cost.main, "Saying who holds an object"),
    "report": (report_cost.main, "Reports and comparisons of many tests"),
}
_HEAD = """# What it costs

Made by `nox -s bench`. Every ratio was measured within one run, its rounds interleaved with those
of plain pytest. Numbers are medians, with the lowest and the highest round in brackets. Of several
rounds, the lowest is also set against plain pytest's lowest: what else a machine does only adds to
a round.
"""


def number(value: float | None) -> str:
    """A number for a table, to three figures."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def with_spread(value: float | None, low: float | None, high: float | None) -> str:
    """A median with its extremes, where there are several rounds."""
    if low is None or high is None or low == high:
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"


def table(rows: list[Row]) -> str:
    """A Markdown table."""
    lines = [
        "| what | way | cost | ratio to plain | lowest to lowest | note |",
        "|---|---|---:|---:|---:|---|",
    ]
    plain = {(r.subject, r.unit): r.low for r in rows if r.way == overhead.PLAIN.name}
    for row in rows:
        cost = f"{with_spread(row.value, row.low, row.high)} {row.unit}"
        ratio = "" if row.ratio is None else with_spread(row.ratio, row.ratio_low, row.ratio_high)
        best = lowest_ratio(row, plain.get((row.subject, row.unit)))
        lowest = "" if best is None else number(best)
        note = row.note.replace("|", "/").replace("\n", " ")
        lines.append(f"| {row.subject} | {row.way} | {cost} | {ratio} | {lowest} | {note} |")
    return "\n".join(lines)


def lowest_ratio(row: Row, plain: float | None) -> float | None:
    """A row's lowest round over the lowest of plain pytest; ``None`` where it has no ratio or had
    one round."""
    if row.ratio is None or row.low is None or row.low == row.high or not plain:
        return None
    return row.low / plain


def document(folder: Path = RESULTS, plots: Path | None = None) -> str:
    """docs/performance.md, from the stored results; with its plots in a folder, where asked.

    A "remark" in a results file, by whoever ran it, stands above its table: what else went on.
    """
    text = [_HEAD]
    for name, (_, title) in PARTS.items():
        path = folder / f"{name}.json"
        if not path.exists():
            continue
        data, rows = load(path)
        known = ", ".join(f"{k} {v}" for k, v in data["versions"].items())
        text.append(f"## {title}\n\n`{data['command']}`: {data['machine']}; {known}.\n")
        if remark := data.get("remark"):
            text.append(f"{remark}\n")
        text.append(table(rows) + "\n")
        if plots is not None and plot_ways(rows, plots / f"{name}.svg"):
            text.append(f"![what each way adds to a test]({plots.name}/{name}.svg)\n")
        if plots is not None and plot_sizes(rows, plots / f"{name}-sizes.svg"):
            text.append(f"![cost against size]({plots.name}/{name}-sizes.svg)\n")
    return "\n".join(text)


def plot_ways(rows: list[Row], path: Path) -> bool:
    """What each way adds to one trivial test, as bars on a logarithmic scale; one group a heap."""
    added = [row for row in rows if row.unit == "ms added" and row.value is not None]
    ways = list(dict.fromkeys(row.way for row in added))
    subjects = list(dict.fromkeys(row.subject for row in added))
    if not ways:
        return False
    plt = _plotting()
    figure, axes = plt.subplots(figsize=(7.5, 0.55 + 0.45 * len(ways)))
    height = 0.8 / len(subjects)
    for at, subject in enumerate(subjects):
        known = {row.way: row.value for row in added if row.subject == subject}
        # A way may cost less than the noise; a bar on this scale needs a value above none.
        values = [max(known.get(way) or 0.0, 0.001) for way in ways]
        places = [place + height * at for place in range(len(ways))]
        axes.barh(places, values, height, label=subject.partition(", ")[2])
    axes.set_xscale("log")
    axes.set_yticks([place + height * (len(subjects) - 1) / 2 for place in range(len(ways))], ways)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds of CPU added to one test that does nothing")
    axes.legend(fontsize=7)
    _save(figure, path)
    return True


#: A subject that begins with a size: "1 M objects, one dict on a module", "1,000 tests".
_SIZED = re.compile(r"([\d.,]+) (M objects|tests)(?:, (.*))?")
_COLUMNS = 3


def plot_sizes(rows: list[Row], path: Path) -> bool:
    """CPU against size on logarithmic scales: a panel for each question, a line for each way."""
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    of_what = ""
    for row in rows:
        sized = _SIZED.fullmatch(row.subject)
        if sized is None or row.unit != "CPU s" or not row.value:
            continue
        size, of_what = float(sized[1].replace(",", "")), sized[2]
        lines = panels.setdefault(sized[3] or "", {})
        lines.setdefault(row.way, []).append((size, row.value))
    panels = {
        name: lines
        for name, lines in panels.items()
        if any(len(points) > 1 for points in lines.values())
    }
    if not panels:
        return False
    plt = _plotting()
    across = min(_COLUMNS, len(panels))
    down = -(-len(panels) // across)
    shape = {"figsize": (0.8 + 2.6 * across, 0.8 + 2.1 * down)}
    figure, grid = plt.subplots(down, across, squeeze=False, sharex=True, sharey=True, **shape)
    ways = list(dict.fromkeys(way for lines in panels.values() for way in lines))
    for axes, (name, lines) in zip(grid.flat, panels.items(), strict=False):
        for way, points in lines.items():
            axes.plot(*zip(*points, strict=True), "o-", color=f"C{ways.index(way)}", label=way)
        axes.set_title(name, fontsize=8)
        axes.set_xscale("log")
        axes.set_yscale("log")
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    known = {t: h for a in grid.flat for h, t in zip(*a.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known, loc="upper center", ncols=2, fontsize=8)
    figure.supxlabel(of_what.replace("M objects", "millions of objects on the heap"), fontsize=9)
    figure.supylabel("CPU seconds", fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    _save(figure, path)
    return True


def _plotting() -> Any:
    """matplotlib's drawing, set up to write the same file each time."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "svg.fonttype": "none"})
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    _plotting().close(figure)


def main() -> int:
    """Run the parts that are asked for, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="smaller and fewer")
    parser.add_argument("--tables", action="store_true", help="only write the tables")
    options, words = parser.parse_known_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    if not options.tables:
        for name in options.parts or PARTS:
            print(f"== {name}", flush=True)
            PARTS[name][0]([*(["--quick"] if options.quick else []), *words])
    DOCUMENT.write_text(document(plots=DOCUMENT.with_suffix("")))
    print(f"tables: {DOCUMENT.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
