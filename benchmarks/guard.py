"""Compare fresh ratios with stored ones, and tell a regression from noise.

    python benchmarks/guard.py STORED FRESH       two folders of results; fails on a regression

A ratio was measured within one run, so other machines and other load move it little. It is worse
only when its median has risen by a tenth and its rounds do not overlap the stored ones.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from timing import Row, load

Finding = Literal["regression", "improvement", "noise", "same"]

#: A change of the median below this factor is no finding.
FACTOR = 1.1


def judge(stored: Row, fresh: Row, factor: float = FACTOR) -> Finding:
    """What became of one ratio. Rows without one are the same."""
    if stored.ratio is None or fresh.ratio is None:
        return "same"
    if fresh.ratio > stored.ratio * factor:
        apart = _low(fresh) > _high(stored)
        return "regression" if apart else "noise"
    if fresh.ratio * factor < stored.ratio:
        apart = _high(fresh) < _low(stored)
        return "improvement" if apart else "noise"
    return "same"


def _low(row: Row) -> float:
    return row.ratio_low if row.ratio_low is not None else row.ratio or 0.0


def _high(row: Row) -> float:
    return row.ratio_high if row.ratio_high is not None else row.ratio or 0.0


def compare(stored: list[Row], fresh: list[Row]) -> list[tuple[Finding, Row, Row]]:
    """Each fresh row with the stored row of the same subject and way, and the finding."""
    known = {(row.subject, row.way, row.unit): row for row in stored}
    pairs = [(known.get((row.subject, row.way, row.unit)), row) for row in fresh]
    return [(judge(old, row), old, row) for old, row in pairs if old is not None]


def main() -> int:
    """Say what changed; 1 for a regression."""
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    worst = 0
    stored, fresh = map(Path, sys.argv[1:])
    for path in sorted(fresh.glob("*.json")):
        if not (stored / path.name).exists():
            continue
        rows = compare(load(stored / path.name)[1], load(path)[1])
        for finding, old, row in rows:
            if finding == "same":
                continue
            print(f"{finding}: {row.subject}, {row.way}: {old.ratio:.2f} → {row.ratio:.2f}")
            worst = max(worst, finding == "regression")
    return worst


if __name__ == "__main__":
    sys.exit(main())
