"""How one run is measured, and the numbers of the rules: one frozen :class:`Settings`."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Depth = Literal["sweep", "default", "full"]
DEPTHS: tuple[str, ...] = get_args(Depth)


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers that the rules in ``judge/`` use."""

    # --- sweep: what makes a test a suspect ----------------------------------------------------
    suspect_heap_bytes: int = 1024
    """C heap beyond the suite's median test …"""
    suspect_blocks: int = 1
    """… or Python blocks beyond the median test …"""
    suspect_spread: float = 3.0
    """… and beyond so many median absolute deviations."""

    # --- repeats: what is noise in one run ------------------------------------------------------
    noise_heap_bytes: int = 200
    """Less C heap than this per run is allocator noise."""
    noise_python_bytes: int = 512
    """Less traced Python memory than this per run, beyond the empty test's, is noise."""
    noise_blocks: int = 4
    """So few Python blocks per run are noise, unless a container is seen to grow by them."""
    steady_spread: float = 0.25
    """C heap that grows alone counts as an exact signal when its growth per run keeps within this
    share of the median …"""
    steady_runs: int = 6
    """… over at least so many runs."""
    rss_support: float = 0.3
    """RSS supports C heap growth when it grew by at least this share of it over the repeats."""
    rss_least_bytes: int = 256 * 1024
    """RSS moves in pages and arenas: below this total it neither supports nor refutes."""
    released_share: float = 0.9
    """Wider fixtures let go when, with them ended each time, this share of the growth is gone."""
    native_least_bytes: int = 256
    """C heap that Python's own memory does not explain is looked into above this per run …"""
    native_share: float = 0.2
    """… and above this share of the C heap's growth."""
    traced_runs_tell: int = 5
    """Over at least so many runs under tracemalloc, a place that leaves a block on each of them is
    a second signal, however few bytes it leaves."""
    own_blocks: int = 1
    """What a single repeat may leave in Python blocks until the next one replaces it: a number, a
    name."""
    adding_share: float = 0.5
    """Python blocks that grow by ever so few add up when over many runs at least this share of
    them stays …"""
    adding_runs: int = 20
    """… over at least so many runs."""
    net_share: float = 0.5
    """Growth adds up when several runs together show at least this share of what single runs do."""
    long_share: float = 0.5
    """Growth goes on when each window of many runs shows at least this share of it."""
    even_windows: int = 3
    """Growth by less goes on, too, where the last of more than so many windows …"""
    even_runs: int = 120
    """… of at least so many runs in all …"""
    even_spread: float = 0.1
    """… differ by no more than this share of the largest where each is less than the one before,
    and else by no more than ``steady_spread``."""
    few_items: float = 64.0
    """A container that gains no more than this per run may be a cache that fills slowly."""
    limit_slack: float = 2.0
    """A container that gained more than this times what its owner states as its limit does not keep
    to it: caches that drop items in batches go a little beyond."""
    dead_references: int = 600
    """Weak references to what is gone retain nothing, and libraries drop them once there are some
    hundred: growth by fewer of them than this is no proof of a leak."""
    intermittent_share: float = 0.3
    """Growth that came back on at least this share of the repeats, but not on all, stays
    unconfirmed, where no longer stretch was measured."""
    late_bytes: int = 64 * 1024
    """Cyclic garbage below this per test is not worth a verdict of its own."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one run is measured. Stored in ``run.json``."""

    depth: Depth = "default"
    """``sweep``: signals only, no confirmation. ``default``: suspects are repeated and explained.
    ``full``: memray and tracemalloc around every test as well."""
    warmups: int = 2
    repeats: int = 6
    """Steady repeats of a suspect that grows …"""
    known_repeats: int = 3
    """… of which so many, the last warm-up among them, are enough where what it grows by is known
    to go on, or did so on all repeats of another test, and one run takes …"""
    known_s: float = 0.03
    """… so long: to ask who holds it takes a while, too …"""
    most_repeats: int = 12
    """… and while it is undecided, at most."""
    weak_repeats: int = 24
    """Repeats of a quick test that grows by inexact signals only (blocks, C heap): the
    interpreter's own caches may take that long to fill."""
    quick_s: float = 0.1
    """A test is quick when one run takes less."""
    calm_repeats: int = 3
    """A suspect that does not grow at all in so many repeats is let go early."""
    most_kin: int = 12
    """Of a function whose screened test leaks, so many further instances are repeated."""
    screen_cost_s: float = 0.008
    """What the measuring of one screened test costs beside its own repeats, about."""
    witnesses: int = 3
    """Suspects of one signature that are repeated."""
    screen_share: float = 0.25
    """Tests that show nothing at first sight are repeated too, quick ones first, for this share of
    the time that the tests took …"""
    screen_least_s: float = 10.0
    """… and at least for so long …"""
    screen_s: float | None = None
    """… or for so long, where it was asked for."""
    confirm_budget_s: float = 600.0
    """Confirmation stops after so long; what is left stays unconfirmed."""
    confirm_workers: int | None = None
    """Processes that repeat suspects; where not asked for, as many as the suite had workers."""
    test_timeout_s: float = 120.0
    """One suspect's confirmation is given up after so long."""
    net_repeats: int = 6
    """Repeats between two collections of the whole heap, of a suspect that grows by inexact signals
    only …"""
    net_sure_repeats: int = 3
    """… and of one whose descriptors, threads or children grow: they only say what else stays …"""
    net_quick_repeats: int = 60
    """… and of a quick one …"""
    net_s: float = 0.25
    """… of which, where they would take longer than this, a few runs together may clear it."""
    long_runs: int = 400
    """Further runs, without a closer look at each, of a test that would be called a leak …"""
    long_windows: int = 4
    """… in so many windows …"""
    long_s: float = 3.0
    """… and about so many seconds …"""
    least_long_runs: int = 40
    """… where at least so many runs fit."""
    longer_runs: int = 1_000
    """Where a container gains few items a run, as a filling cache does: so many runs in all, in
    the same time …"""
    doubtful_s: float = 10.0
    """… or in about so many seconds, where all that is gained is dead weak references, or has an
    owner that states a limit."""
    release_repeats: int = 2
    """Repeats in which every fixture but the session's ends, of a suspect that grows; one more
    where they disagree."""
    traced_repeats: int = 2
    """Traces by tracemalloc of a suspect that grows; one, where it is known who holds what does …
    """
    traced_quick_runs: int = 6
    """… each of so many runs where it is quick, of one where it is not …"""
    traced_s: float = 1.5
    """… as far as they fit into so many seconds, for a quick test may be slow under it …"""
    traced_held_s: float = 0.6
    """… or into so many, where it is known who holds what stays: a trace decides nothing then."""
    native_repeats: int = 2
    """Repeats under memray of a suspect whose C heap grows."""
    traceback_frames: int = 6
    catalogue: list[str] = []
    """Files with known causes of the user's own; relative to the root folder if they lie in it."""
    thresholds: Thresholds = Thresholds()
