"""Tests that are alike in the sweep form a group; a few representatives are repeated for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import replace

from pytest_leakcheck.screen.candidate import Candidate
from pytest_leakcheck.screen.nodeids import file_of, function_of
from pytest_leakcheck.screen.signature import digest


def choose_representatives(
    candidates: Iterable[Candidate], most: int, heard: Container[str] = ()
) -> dict[str, list[Candidate]]:
    """Up to ``most`` candidates of each signature, less those of it who were ``heard``: the
    heaviest first, then from other files."""
    chosen: dict[str, list[Candidate]] = {}
    for key, group in _by_signature(candidates).items():
        new = [s for s in group if s.nodeid not in heard]
        chosen[key] = _spread_over_files(new, max(0, most - (len(group) - len(new))))
    return chosen


def quickest_of_each(candidates: Iterable[Candidate], heard: Container[str]) -> list[Candidate]:
    """One candidate of each signature of which nobody was ``heard``."""
    return [
        min(group, key=lambda s: (s.duration_s, s.nodeid))
        for group in _by_signature(candidates).values()
        if not any(s.nodeid in heard for s in group)
    ]


def _by_signature(candidates: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.signature].append(candidate)
    return groups


def split_by_function(candidates: Iterable[Candidate], unheard: Container[str]) -> list[Candidate]:
    """The candidates whose signatures have members for whom no witness speaks, grouped anew: by
    test function, too. Those of one function only are left out, since nothing would change."""
    groups = _by_signature(candidates)
    return [
        replace(candidate, signature=_finer(candidate))
        for group in groups.values()
        if any(s.nodeid in unheard for s in group)
        and len({function_of(s.nodeid) for s in group}) > 1
        for candidate in group
    ]


def _finer(candidate: Candidate) -> str:
    return digest([candidate.signature, function_of(candidate.nodeid)])


def _spread_over_files(group: list[Candidate], most: int) -> list[Candidate]:
    ranked = sorted(group, key=lambda s: (-s.weight, s.nodeid))
    chosen: list[Candidate] = []
    functions: set[str] = set()
    files: set[str] = set()
    for taken in (files, functions):
        for candidate in ranked:
            function = function_of(candidate.nodeid)
            key = file_of(function) if taken is files else function
            if len(chosen) < most and key not in taken and candidate not in chosen:
                chosen.append(candidate)
                files.add(file_of(function))
                functions.add(function)
    chosen += [s for s in ranked if s not in chosen][: most - len(chosen)]
    return chosen
