"""A leak as text: who holds what, root first, one line per reference.

Standard library and records only; for the terminal, Markdown and the summary under pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytest_leakcheck.records import Cause, CauseSummary, Site, Step
from pytest_leakcheck.report.text import (
    count,
    growth_words,
    plural,
    shorten,
    size,
    visible,
)

#: The bytes that a cause's sites and contents are told in, at most.
MOST_SITES = 3


class Tree(NamedTuple):
    """The characters that draw a path."""

    branch: str
    last: str
    line: str


ASCII = Tree("|- ", "`- ", "|  ")
UNICODE = Tree("├─ ", "└─ ", "│  ")


def cause_sentence(cause: Cause) -> str:
    """What stays and where, in one sentence without numbers of memory."""
    head = visible(cause.head) + (f" ({visible(cause.label)})" if cause.label else "")
    holder = visible(cause.holder)
    if cause.kind == "native" or not holder:
        return f"{head} leaves native memory behind that nothing in Python holds"
    if cause.kind == "cycle":
        return f"{head} stays in a cycle held by {holder}"
    return f"{holder} keeps {count(cause.per_run)} more {head} after each run"


def step_name(step: Step) -> str:
    """What an object of the path is: its type and what tells it apart."""
    if step.label and step.type in ("module", "class", "function"):
        return visible(f"{step.type} {step.label}")
    return visible(f"{step.type} ({step.label})" if step.label else step.type)


def step_status(step: Step) -> str:
    """``expected: module state``, ``stuck``, or nothing where it is not known."""
    words = "" if step.status == "unknown" else step.status
    return visible(": ".join(filter(None, (words, step.reason))))


def path_lines(steps: Sequence[Step], tree: Tree = ASCII) -> list[str]:
    """The holder path, root first; the references that may be at fault are underlined."""
    lines = []
    for position, step in enumerate(steps):
        status = step_status(step)
        said = step_name(step) + (f", {status}" if status else "")
        if not position:
            lines.append(said)
            continue
        last = position == len(steps) - 1
        edge = visible(step.edge)
        lines.append(f"{tree.last if last else tree.branch}{edge:<28} {said}")
        if step.suspect:
            margin = " " * len(tree.line) if last else tree.line
            lines.append(margin + "~" * min(len(edge), 60))
    return lines


def cause_lines(summary: CauseSummary, tree: Tree = ASCII, width: int = 100) -> list[str]:
    """Everything that is known about one cause, as lines of text."""
    cause = summary.cause
    lines = [f"{cause_sentence(cause)}: {growth_words(summary.slopes)} per run."]
    lines += [f"  {line}" for line in path_lines(cause.steps, tree)]
    if cause.contents:
        lines.append("  It retains:")
        lines += [
            f"    {visible(item.path)}  {visible(item.type)}, {size(item.bytes)}"
            for item in cause.contents[:MOST_SITES]
        ]
    if cause.sites:
        lines.append("  Allocated at:")
        lines += [
            f"    {site_name(site)}, {size(site.bytes)} per run"
            for site in cause.sites[:MOST_SITES]
        ]
    lines.append(f"  {known_sentence(cause)}")
    tests = [shorten(visible(nodeid), width - 4) for nodeid in summary.witnesses[:MOST_SITES]]
    lines.append(f"  Seen in {plural(len(summary.witnesses), 'test')}:")
    lines += [f"    {test}" for test in tests]
    if len(summary.witnesses) > len(tests):
        lines.append(f"    and {count(len(summary.witnesses) - len(tests))} more")
    return lines


def site_name(site: Site) -> str:
    """``src/app/cache.py:12 remember``; without a line or function where there is none."""
    place = f"{site.file}:{site.line}" if site.line else site.file
    return visible(f"{place} {site.function}".rstrip())


def known_sentence(cause: Cause) -> str:
    """What the catalogue says about a cause, or that it says nothing."""
    if not cause.known:
        return "Known cause: none in the catalogue."
    told = " ".join(visible(text) for text in (cause.what, cause.remedy, cause.link) if text)
    return f"Known cause {visible(cause.known)}: {told}"
