"""When a suspect has been repeated often enough: readings so far → whether to go on."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_leakcheck.judge.net_growth import comes_and_goes, still_undecided, tails_off
from pytest_leakcheck.judge.repeats import Repeats, grows_never, is_calm, is_quick, only_replaces
from pytest_leakcheck.judge.verdict import grows_exactly, worth_explaining
from pytest_leakcheck.model.journal_lines import RepeatRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth


def is_decided(
    steady: Sequence[RepeatRecord], null: Growth, settings: Settings, *, patient: bool = False
) -> bool:
    """Whether the steady repeats so far, at least one, need no more.

    Args:
        null: growth of an empty test in the same process.
        patient: do not let a test go after a few calm repeats: it may leak on some runs only.
    """
    if steady[-1].outcome != "passed":
        return True
    calm = len(steady) >= _calm_repeats(steady, settings, patient)
    if calm and grows_never(steady, null, settings.thresholds):
        return True
    return len(steady) >= enough(steady, null, settings)


def enough(steady: Sequence[RepeatRecord], null: Growth, settings: Settings) -> int:
    """How many steady repeats decide, going by those so far."""
    limits = settings.thresholds
    if grows_exactly(steady, null):
        return settings.repeats
    found = Repeats(steady=steady, null=null)
    if not is_quick(steady, settings):
        return settings.most_repeats if still_undecided(found, limits) else settings.repeats
    hesitates = comes_and_goes(found, limits) or tails_off(found, limits)
    if hesitates or worth_explaining(found, limits):
        return settings.weak_repeats
    return settings.most_repeats


def is_slow_and_calm(records: Sequence[RepeatRecord], null: Growth, settings: Settings) -> bool:
    """Whether a test that takes a while has calmed down, going by all its runs but the first: a
    warm-up that left nothing is as good as a repeat.

    Args:
        records: all runs, the warm-ups first.
    """
    steady = records[settings.warmups :]
    return not is_quick(steady, settings) and is_calm(
        records[1:], null, settings.thresholds, settings.calm_repeats
    )


def lately_only_replaces(
    steady: Sequence[RepeatRecord], null: Growth, settings: Settings, *, patient: bool = False
) -> bool:
    """Whether as many repeats as let a calm test go brought nothing but objects: the last ones,
    since blocks that only come and go may have come in any."""
    calm = _calm_repeats(steady, settings, patient)
    last = steady[-calm:]
    return len(last) == calm and only_replaces(last, null, settings.thresholds)


def runs_that_grew(
    records: Sequence[RepeatRecord], null: Growth, settings: Settings
) -> Sequence[RepeatRecord]:
    """The last runs of a test that takes a while, where all of them grew and it pays to ask already
    who holds that: where it is known, fewer repeats are enough. The last warm-up is as good as a
    repeat. None, where it does not pay.

    Args:
        records: all runs, the warm-ups first.
    """
    for first in (settings.warmups - 1, settings.warmups):
        runs = records[first:]
        if len(runs) < settings.known_repeats:
            break
        longest = max(record.duration_s for record in runs)
        if longest >= settings.known_s and grows_exactly(runs, null):
            return runs
    return []


def _calm_repeats(steady: Sequence[RepeatRecord], settings: Settings, patient: bool) -> int:
    """How many repeats without growth let a test go."""
    patient = patient and is_quick(steady, settings)
    return settings.most_repeats if patient else settings.calm_repeats
