"""What the rule says of stored runs: journals are packed once, and judged again by any source tree.

``python -m leakbench.replay pack STORE PACK``: the journals of a store's runs, compressed, with
what the rule says of them now.
``python -m leakbench.replay check [PACK]``: whether it says the same still.
``python -m leakbench.replay judge PACK [--src PATH]``: a line for each test, as the package of that
tree (default: the one that is importable) judges it.
``python -m leakbench.replay compare PACK --src OLD --src NEW``: the tests whose verdict differs,
each with whether it leaks.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from leakbench.cases import SideName, load_cases
from pytest_leakcheck.conclude.run import judge_run
from pytest_leakcheck.store.reader import load_run

HERE = Path(__file__).resolve().parents[1]
#: The journals of the last whole run that is on the page.
PACK = HERE / "results" / "leakbench-journals.tar.xz"
_VERDICTS = "verdicts.json"

#: Runs in a process whose package is the one that is asked. Trees before the rooms had other names.
_JUDGE = """
import json, sys
from pathlib import Path
try:
    from pytest_leakcheck.conclude.run import judge_run
    from pytest_leakcheck.store.reader import load_run
except ImportError:
    from pytest_leakcheck.journal import load_run
    from pytest_leakcheck.judge.runs import judge_run
for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
    for test in judge_run(load_run(folder)).tests:
        print(json.dumps([folder.name, test.nodeid, test.verdict, test.reason]))
"""


class Judged(NamedTuple):
    """What a tree says of one test."""

    verdict: str
    reason: str


def pack(store: Path, file: Path) -> int:
    """Write the journals of all runs of a store to one file; returns how many runs there are."""
    verdicts: list[tuple[str, str, str]] = []
    with tarfile.open(file, "w:xz", preset=9) as archive:
        folders = sorted((store / "work").glob("*/.leakcheck/run"))
        for folder in folders:
            key = folder.parents[1].name
            for part in ("run.json", *(p.name for p in sorted(folder.glob("journal-*.jsonl")))):
                _add(archive, f"{key}/{part}", _portable((folder / part).read_bytes()))
            tests = judge_run(load_run(folder)).tests
            verdicts += [(key, test.nodeid, test.verdict) for test in tests]
        _add(archive, _VERDICTS, json.dumps(verdicts).encode())
    return len(folders)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


#: Where an interpreter or an environment lies is of no interest elsewhere.
_PLACES = re.compile(rb"/[^\"\s,:()]*?/(lib/python3\.[0-9]+|include|bin)/")


def _portable(journal: bytes) -> bytes:
    """A journal without the folders of the machine that it was made on."""
    return _PLACES.sub(rb"\1/", journal)


def changed(packed: Path) -> list[str]:
    """Tests of a pack whose verdict is another now than when it was made, a sentence each."""
    with tarfile.open(packed) as archive:
        member = archive.extractfile(_VERDICTS)
        assert member is not None
        stored = {(key, nodeid): verdict for key, nodeid, verdict in json.load(member)}
    now = {place: found.verdict for place, found in judge(packed).items()}
    return [
        f"{key} {nodeid}: {verdict}, now {now.get((key, nodeid), 'gone')}"
        for (key, nodeid), verdict in sorted(stored.items())
        if now.get((key, nodeid)) != verdict
    ]


def judge(packed: Path, source: Path | None = None) -> dict[tuple[str, str], Judged]:
    """Each test of each run, judged by the package of a source tree."""
    environment = dict(os.environ)
    if source is not None:
        environment["PYTHONPATH"] = str(source)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        done = subprocess.run(
            [sys.executable, "-c", _JUDGE, folder],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    lines = map(json.loads, done.stdout.splitlines())
    return {(key, nodeid): Judged(verdict, reason) for key, nodeid, verdict, reason in lines}


def truths() -> dict[tuple[str, SideName], set[str]]:
    """Names of the tests of each side that are known to leak, or not to."""
    found: dict[tuple[str, SideName], set[str]] = {}
    for case in load_cases():
        for name in ("leaks", "innocent"):
            side = case.side(name)
            if side is not None:
                found[f"{case.family}--{case.name}", name] = set(side.tests)
    return found


def truth_of(key: str, nodeid: str, known: dict[tuple[str, SideName], set[str]]) -> str:
    """``leaks``, ``innocent``, or ``beside`` of a test that the case says nothing of."""
    family, name, side, *_ = key.split("--")
    tests = known.get((f"{family}--{name}", side), set())  # type: ignore[arg-type]
    function = nodeid.rpartition("::")[2].partition("[")[0]
    return side if function in tests else "beside"


def differences(
    packed: Path, old: Path, new: Path
) -> Iterator[tuple[str, str, str, Judged, Judged]]:
    """Tests whose verdict differs: run, test, truth, and both judgements. ``clean`` and ``settles``
    say the same of an innocent."""
    known = truths()
    before, after = judge(packed, old), judge(packed, new)
    for place in sorted(before.keys() & after.keys()):
        if _plain(before[place].verdict) != _plain(after[place].verdict):
            yield (*place, truth_of(*place, known), before[place], after[place])


def _plain(verdict: str) -> str:
    return "settles" if verdict == "clean" else verdict


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="leakbench.replay", description=__doc__)
    parser.add_argument("what", choices=["pack", "check", "judge", "compare"])
    parser.add_argument("from_", metavar="STORE_OR_PACK", type=Path, nargs="?", default=PACK)
    parser.add_argument("to", metavar="PACK", type=Path, nargs="?")
    parser.add_argument("--src", type=Path, action="append", default=[])
    told = parser.parse_args()
    if told.what == "pack":
        if told.to is None:
            parser.error("pack needs a store and the file to write")
        runs = pack(told.from_, told.to)
        print(f"{runs} runs, {told.to.stat().st_size / 1e6:.1f} MB: {told.to}")
    elif told.what == "check":
        found = changed(told.from_)
        print("\n".join(found) or "every verdict is the same")
        sys.exit(bool(found))
    elif told.what == "judge":
        for (key, nodeid), test in sorted(judge(told.from_, *told.src[:1]).items()):
            print(f"{key}  {nodeid}  {test.verdict}: {test.reason}")
    else:
        if len(told.src) != 2:
            parser.error("compare needs two source trees: --src OLD --src NEW")
        _print_differences(told.from_, *told.src)


def _print_differences(packed: Path, old: Path, new: Path) -> None:
    counts: Counter[str] = Counter()
    for key, nodeid, truth, before, after in differences(packed, old, new):
        counts[f"{truth}: {before.verdict} → {after.verdict}"] += 1
        print(f"{truth:9}{before.verdict} → {after.verdict}  {key}  {nodeid}")
        print(f"         old: {before.reason}\n         new: {after.reason}")
    for kind, number in sorted(counts.items()):
        print(f"{number:5}  {kind}")


if __name__ == "__main__":
    main()
