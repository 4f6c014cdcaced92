"""The table of known causes in ``docs/catalogue.md``, made from ``catalogue.toml``.

``python docs/catalogue_table.py docs/catalogue.md`` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_leakcheck.explain.catalogue import Known, entries

BEGIN = "<!-- table of known causes: begin -->"
END = "<!-- table of known causes: end -->"


def known_table(known: Sequence[Known]) -> str:
    """A Markdown table of known causes, in the order in which they are tried."""
    lines = ["| cause | what it is | what lets it go |", "|---|---|---|"]
    for number, entry in enumerate(known):
        # One cause may have several patterns for one and the same advice.
        told = (entry.id, _applies(entry), entry.what, entry.remedy)
        if told not in [(k.id, _applies(k), k.what, k.remedy) for k in known[:number]]:
            name = f"[{entry.id}]({entry.link})" if entry.link else entry.id
            lines.append(
                f"| {_cell(name + _applies(entry))} | {_cell(entry.what)} | {_cell(entry.remedy)} |"
            )
    return "\n".join(lines)


def _applies(entry: Known) -> str:
    return f" ({entry.package} {entry.version})" if entry.version else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def with_table(page: str, known: Sequence[Known]) -> str:
    """The page with the table between its marks made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{known_table(known)}\n\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8"), entries()), encoding="utf-8")
