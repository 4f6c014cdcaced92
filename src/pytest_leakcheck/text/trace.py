"""A leak as text: who holds what, root first, one line per reference.

Standard library and records only; for the terminal, Markdown and the summary under pytest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pytest_leakcheck.model.causes import COMPILED, Cause, Site, Step
from pytest_leakcheck.model.journal_lines import ResourceRecord
from pytest_leakcheck.model.results import CauseSummary
from pytest_leakcheck.model.words import count, plural, shorten, size, visible
from pytest_leakcheck.text.sentences import growth_words, phrase

#: The bytes that a cause's sites and contents are told in, at most.
MOST_SITES = 3
#: The kinds of resources that are told.
MOST_OPENED = 8


class Tree(NamedTuple):
    """The characters that draw a path."""

    branch: str
    last: str
    line: str


ASCII = Tree("|- ", "`- ", "|  ")
UNICODE = Tree("├─ ", "└─ ", "│  ")


def cause_sentence(cause: Cause) -> str:
    """What stays and where, in one sentence without numbers of memory."""
    if cause.kind == "native":
        return _native_sentence(cause)
    head = visible(cause.head) + (f" ({visible(cause.label)})" if cause.label else "")
    holder = visible(cause.holder)
    if cause.kind == "resource":
        place = site_name(cause.sites[0]) if cause.sites else cause.label
        stay = "stays" if cause.per_run == 1 else "stay"
        more = f"{count(cause.per_run)} more {stay} open after each run"
        return f"{more} ({visible(cause.head)}), opened at {place}"
    if not holder:
        return f"{head} leaves native memory behind that nothing in Python holds"
    if cause.kind == "cycle":
        return f"{head} stays in a cycle held by {holder}"
    return f"{holder} keeps {count(cause.per_run)} more {head} after each run"


def _native_sentence(cause: Cause) -> str:
    head, label = visible(cause.head), visible(cause.label)
    if not cause.sites or cause.sites[0].native:
        called = f", {label}," if label else ""
        return f"{head}{called} leaves memory behind that nothing in Python is seen to hold"
    lost = f"compiled code of {label} keeps it" if label else "no reference to it is to be seen"
    return f"{head} allocates Python memory that stays, and {lost}"


def step_name(step: Step) -> str:
    """What an object of the path is: its type and what tells it apart.

    ``class app.Client``, ``bound method app.Client.send``, ``list of Payload``.
    """
    if step.label and step.type in ("module", "class", "function"):
        return visible(f"{step.type} {step.label}")
    if step.type == "method":
        return visible(f"bound method {step.label}".rstrip())
    contents = _CONTENTS.fullmatch(step.label)
    if contents is not None:
        # The label names the first few: of a container that gathers, one name says it all.
        names = list(dict.fromkeys(contents[1].removesuffix(", …").split(", ")))
        return visible(
            f"{step.type} of {' and '.join(names)}" if names[0] else f"empty {step.type}"
        )
    return visible(f"{step.type} ({step.label})" if step.label else step.type)


_CONTENTS = re.compile(r"[\[({](.*)[\])}]", re.DOTALL)


def step_edge(before: Step, step: Step) -> str:
    """The reference into a step as a person would write it: ``SharedSystemClient._systems``.

    An attribute is written behind the short name of the class or object that has it; a module's
    alone, since the module stands right above it.
    """
    edge = visible(step.edge).replace(".<locals>.", "().")
    if not edge.startswith(".") or before.type == "module":
        return edge
    owner = before.label if before.type in ("class", "function") else before.type
    return f"{visible(owner).rpartition('.')[2]}{edge}"


def step_status(step: Step) -> str:
    """``expected: a loaded module``, ``stuck: closed file``, or nothing where it is not known."""
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
        margin = " " * len(tree.line) if last else tree.line
        edge = step_edge(steps[position - 1], step)
        short = len(edge) <= _EDGE_WIDTH
        lines.append(
            (tree.last if last else tree.branch) + (f"{edge:<28} {said}" if short else edge)
        )
        if step.suspect:
            lines.append(margin + "~" * min(len(edge), 60))
        if not short:
            lines.append(f"{margin}    {said}")
    return lines


#: A longer reference has a line of its own, so that what it leads to stands in one column.
_EDGE_WIDTH = 28


def cause_lines(summary: CauseSummary, tree: Tree = ASCII, width: int = 100) -> list[str]:
    """Everything that is known about one cause, as lines of text."""
    cause = summary.cause
    lines = [f"{cause_sentence(cause)}: {growth_words(summary.slopes)} per run."]
    lines += [f"  {line}" for line in path_lines(cause.steps, tree)]
    culprits = [f"  {line}" for line in culprit_lines(cause, summary.shared, summary.unexplained)]
    lines += culprits or ["  It retains:"] * bool(cause.contents)
    if cause.contents:
        lines += [
            f"    {visible(item.path)}  {visible(item.type)}, {size(item.bytes)}"
            for item in cause.contents[:MOST_SITES]
        ]
    sites = [site for site in cause.sites if site.bytes]
    if sites:
        lines.append("  Allocated at:")
        lines += [
            f"    {site_name(site)}, {size(site.bytes)} per run" for site in sites[:MOST_SITES]
        ]
    lines += resource_lines(summary.opened)
    lines.append(f"  {known_sentence(cause)}")
    tests = [shorten(visible(nodeid), width - 4) for nodeid in summary.witnesses[:MOST_SITES]]
    lines.append(f"  Seen in {plural(len(summary.witnesses), 'test')}:")
    lines += [f"    {test}" for test in tests]
    if len(summary.witnesses) > len(tests):
        lines.append(f"    and {count(len(summary.witnesses) - len(tests))} more")
    return lines


def resource_lines(opened: Sequence[ResourceRecord]) -> list[str]:
    """What stays open and where it was opened, most first."""
    if not opened:
        return []
    lines = ["  Opened and left open, per run:"]
    lines += [f"    {resource_name(found)}" for found in opened[:MOST_OPENED]]
    if len(opened) > MOST_OPENED:
        lines.append(f"    and {count(len(opened) - MOST_OPENED)} more kinds")
    return lines


def resource_name(found: ResourceRecord) -> str:
    """``2 pipe, opened at app/server.py:41 in Server.__init__ by posix.pipe``."""
    told = f"{count(found.count)} {visible(found.what)}"
    site = found.site
    if site is None:
        return f"{told}, opened where it could not be seen"
    by = site.stack[0].removesuffix(COMPILED) if site.stack else ""
    by = f" by {by}" if by and site.stack[0].endswith(COMPILED) else ""
    return visible(f"{told}, opened at {site.file}:{site.line} in {site.function}{by}")


def culprit_lines(
    cause: Cause, shared: int = 0, unexplained: Mapping[str, float] | None = None
) -> list[str]:
    """Who is at fault and what merely goes with it, where Python objects show both.

    Args:
        shared: objects that no cause of the test keeps alone.
        unexplained: what no cause of the test accounts for, by signal.
    """
    if cause.kind != "held" or not cause.objects:
        return []
    heads = max(1, round(cause.per_run))
    others = cause.objects - heads
    culprit = visible(cause.head) + (f" ({visible(cause.label)})" if cause.label else "")
    lines = [f"Culprit: {count(heads)} {culprit}, kept by the path above."]
    if others > 0 or cause.contents:
        told = plural(others, "more object") if others > 0 else "plain values"
        lines.append(f"Victims, kept by nothing else: {told}; {size(cause.python_bytes)} in all.")
    if shared:
        stays = "object stays" if shared == 1 else "objects stay"
        lines.append(f"{count(shared)} more {stays} that none of the test's causes keeps alone.")
    if unexplained:
        left = " and ".join(phrase(name, value) for name, value in unexplained.items())
        lines.append(f"Unexplained: {left} per run that none of the test's causes accounts for.")
    return lines


def site_name(site: Site) -> str:
    """``src/app/cache.py:12 remember``; without a line or function where there is none."""
    place = f"{site.file}:{site.line}" if site.line else site.file
    return visible(f"{place} {site.function}".rstrip())


def known_sentence(cause: Cause) -> str:
    """What the catalogue says about a cause, or that it says nothing."""
    if not cause.known:
        told = f" {visible(cause.what)}" if cause.what else ""
        return f"Known cause: none in the catalogue.{told}"
    told = " ".join(visible(text) for text in (cause.what, cause.remedy, cause.link) if text)
    return f"Known cause {visible(cause.known)}: {told}"
