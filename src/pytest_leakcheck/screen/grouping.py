"""Tests that are alike in the sweep form a group; a few representatives are repeated for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import replace

from pytest_leakcheck.screen.candidate import Suspect
from pytest_leakcheck.screen.nodeids import file_of, function_of
from pytest_leakcheck.screen.signature import digest


def choose_witnesses(
    suspects: Iterable[Suspect], most: int, heard: Container[str] = ()
) -> dict[str, list[Suspect]]:
    """Up to ``most`` suspects of each signature, less those of it who were ``heard``: the heaviest
    first, then from other files."""
    chosen: dict[str, list[Suspect]] = {}
    for key, group in _by_signature(suspects).items():
        new = [s for s in group if s.nodeid not in heard]
        chosen[key] = _spread_over_files(new, max(0, most - (len(group) - len(new))))
    return chosen


def quickest_of_each(suspects: Iterable[Suspect], heard: Container[str]) -> list[Suspect]:
    """One suspect of each signature of which nobody was ``heard``."""
    return [
        min(group, key=lambda s: (s.duration_s, s.nodeid))
        for group in _by_signature(suspects).values()
        if not any(s.nodeid in heard for s in group)
    ]


def _by_signature(suspects: Iterable[Suspect]) -> dict[str, list[Suspect]]:
    groups: dict[str, list[Suspect]] = defaultdict(list)
    for suspect in suspects:
        groups[suspect.signature].append(suspect)
    return groups


def split_by_function(suspects: Iterable[Suspect], unheard: Container[str]) -> list[Suspect]:
    """The suspects whose signatures have members for whom no witness speaks, grouped anew: by test
    function, too. Those of one function only are left out, since nothing would change."""
    groups = _by_signature(suspects)
    return [
        replace(suspect, signature=_finer(suspect))
        for group in groups.values()
        if any(s.nodeid in unheard for s in group)
        and len({function_of(s.nodeid) for s in group}) > 1
        for suspect in group
    ]


def _finer(suspect: Suspect) -> str:
    return digest([suspect.signature, function_of(suspect.nodeid)])


def _spread_over_files(group: list[Suspect], most: int) -> list[Suspect]:
    ranked = sorted(group, key=lambda s: (-s.weight, s.nodeid))
    chosen: list[Suspect] = []
    functions: set[str] = set()
    files: set[str] = set()
    for taken in (files, functions):
        for suspect in ranked:
            function = function_of(suspect.nodeid)
            key = file_of(function) if taken is files else function
            if len(chosen) < most and key not in taken and suspect not in chosen:
                chosen.append(suspect)
                files.add(file_of(function))
                functions.add(function)
    chosen += [s for s in ranked if s not in chosen][: most - len(chosen)]
    return chosen
