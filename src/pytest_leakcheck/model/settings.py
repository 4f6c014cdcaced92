"""How one run is measured, and the numbers of the rules: one frozen :class:`Settings`."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Depth = Literal["sweep", "default", "full"]
DEPTHS: tuple[str, ...] = get_args(Depth)


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """The sweep: what makes a test a candidate."""

    candidate_heap_bytes: int = 1024
    """C heap beyond the floor …"""
    candidate_blocks: int = 1
    """… or Python blocks beyond it …"""
    candidate_spread: float = 3.0
    """… and beyond so many median absolute deviations."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of the verdict: one alpha, one smallest amount of interest per signal, and what
    libraries are known to do."""

    alpha: float = 0.01
    """With at most this chance may a series that is called growth have come about in any order."""
    least_heap_bytes: float = 16.0
    """Growth of the C heap per repeat up to this is none. glibc hands out 32 bytes at the least:
    a leak of one such piece on every second repeat is seen …"""
    least_blocks: float = 0.1
    """… one Python block on every tenth …"""
    least_objects: float = 0.05
    """… one object on every twentieth …"""
    least_mapped_bytes: float = 4096.0
    """… and a page of address space on each."""
    window_heap_bytes: float = 512.0
    """What looking at the whole heap twice leaves in the C heap, however many repeats lie between;
    more where the blank test's windows differ by more (``blank-window`` records) …"""
    window_blocks: float = 5.0
    """… in Python blocks …"""
    window_objects: float = 2.0
    """… in objects …"""
    window_mapped_bytes: float = 65536.0
    """… and in address space."""
    noise_python_bytes: int = 512
    """Less traced Python memory than this per repeat, beyond the blank test's, is noise."""
    rss_support: float = 0.3
    """RSS supports C heap growth when it grew by at least this share of it over the repeats."""
    rss_least_bytes: int = 256 * 1024
    """RSS moves in pages and arenas: below this total it neither supports nor refutes."""
    released_share: float = 0.9
    """Wider fixtures let go when, with them ended each time, this share of the growth is gone."""
    native_least_bytes: int = 256
    """C heap that Python's own memory does not explain is looked into above this per repeat …"""
    native_share: float = 0.2
    """… and above this share of the C heap's growth."""
    limit_slack: float = 2.0
    """A container that gained more than this times what its owner states as its limit does not keep
    to it: caches that drop items in batches go a little beyond."""
    dead_references: int = 600
    """Libraries drop what is dead once there are some hundred (pandas its references to indexes
    after 500, sqlite3 its cursors after 200)."""
    late_bytes: int = 64 * 1024
    """Cyclic garbage below this per test is not worth a verdict of its own."""

    def single_noise(self, signal: str) -> float:
        """Growth of one repeat up to this is none."""
        return {"heap_bytes": self.least_heap_bytes}.get(signal, 0.0)

    def window_noise(self, signal: str) -> float:
        """Growth between two collections of the heap up to this is none, however many repeats lie
        between."""
        return {
            "heap_bytes": self.window_heap_bytes,
            "blocks": self.window_blocks,
            "survivors": self.window_objects,
            "mapped_bytes": self.window_mapped_bytes,
        }.get(signal, 0.0)

    def least(self, signal: str) -> float:
        """Growth per repeat up to this is none, over many repeats together."""
        return {
            "heap_bytes": self.least_heap_bytes,
            "blocks": self.least_blocks,
            "survivors": self.least_objects,
            "mapped_bytes": self.least_mapped_bytes,
        }.get(signal, 0.0)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one run is measured. Stored in ``run.json``."""

    depth: Depth = "default"
    """``sweep``: signals only, no confirmation. ``default``: candidates are repeated and explained.
    ``full``: memray and tracemalloc around every test as well."""
    warmups: int = 2
    repeats: int = 6
    """Steady repeats of a candidate that grows …"""
    known_repeats: int = 3
    """… of which so many, the last warm-up among them, are enough where what it grows by is known
    to go on, or did so on all repeats of another test, and one run takes …"""
    known_s: float = 0.03
    """… so long: to ask who holds it takes a while, too."""
    quick_s: float = 0.1
    """A test is quick when one run takes less."""
    calm_repeats: int = 3
    """A candidate that does not grow at all in so many repeats is let go early."""
    most_kin: int = 12
    """Of a function whose screened test leaks, so many further instances are repeated."""
    screen_cost_s: float = 0.008
    """What the measuring of one screened test costs beside its own repeats, about."""
    witnesses: int = 3
    """Candidates of one signature that are repeated."""
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
    """Processes that repeat candidates; where not asked for, as many as the suite had workers."""
    test_timeout_s: float = 120.0
    """One candidate's confirmation is given up after so long."""
    blank_windows: int = 3
    """Soak windows of the blank test, of as many repeats as a candidate's first one."""
    first_window_repeats: int = 60
    """Repeats in the first soak window of a quick test: most often it clears the test …"""
    soak_repeats: int = 400
    """… and in all that follow …"""
    soak_windows: int = 4
    """… in so many windows …"""
    soak_s: float = 3.0
    """… and about so many seconds …"""
    least_soak_repeats: int = 40
    """… where at least so many fit."""
    longest_soak_repeats: int = 1_000
    """So many repeats in all where windows leave a signal open, or where a container gains few
    items a repeat, as a filling cache does: in the same time …"""
    doubtful_s: float = 10.0
    """… or in about so many seconds, where a nuisance may come to its end."""
    net_repeats: int = 6
    """Repeats in the one window of a test that takes a while …"""
    net_sure_repeats: int = 3
    """… and of one whose descriptors, threads or children grow."""
    release_windows: int = 2
    """Windows in which every fixture but the session's ends after each repeat …"""
    release_repeats: int = 1
    """… of so many repeats for a test that takes a while …"""
    quick_release_repeats: int = 6
    """… and of so many for a quick one, or more where it leaves little …"""
    most_release_repeats: int = 60
    """… up to so many."""
    traced_repeats: int = 2
    """Traces by tracemalloc of a candidate that grows; one, where it is known who holds what does …
    """
    traced_quick_runs: int = 6
    """… each of so many runs where it is quick, of one where it is not …"""
    traced_s: float = 1.5
    """… as far as they fit into so many seconds, for a quick test may be slow under it …"""
    traced_held_s: float = 0.6
    """… or into so many, where it is known who holds what stays: a trace decides nothing then."""
    native_repeats: int = 2
    """Repeats under memray of a candidate whose C heap grows."""
    traceback_frames: int = 6
    catalogue: list[str] = []
    """Files with known causes of the user's own; relative to the root folder if they lie in it."""
    thresholds: Thresholds = Thresholds()
    policy: Policy = Policy()
