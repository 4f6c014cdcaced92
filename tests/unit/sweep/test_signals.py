"""Readings of this process: exact where they count things, to the byte where they can."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_leakcheck.model.signals import Growth, Reading
from pytest_leakcheck.sweep import signals
from pytest_leakcheck.sweep.signals import Probes, growth

MIB = 2**20
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the probes of Linux")


@pytest.fixture(name="probes")
def _probes() -> Iterator[Probes]:
    """Probes that are read each time."""
    probes = Probes(paced=False)
    probes.read()
    yield probes
    probes.close()


def moved(probes: Probes, before: Reading) -> Growth:
    """Growth since a reading."""
    return growth(before, probes.read())


def test_every_signal_has_a_source_or_a_reason(probes: Probes) -> None:
    """What is not seen here says why."""
    names = {"rss_bytes", "peak_bytes", "heap_bytes", "mapped_bytes", "blocks"}
    names |= {"fds", "threads", "children"}
    assert set(probes.sources) == names
    for name in names:
        unseen = getattr(probes.read(), name) is None
        assert probes.sources[name].startswith("not seen: ") == unseen


def test_an_open_file_is_one_descriptor(probes: Probes, tmp_path: Path) -> None:
    """Exact: one more while it is open, none after."""
    before = probes.read()
    with (tmp_path / "file").open("w"):
        assert moved(probes, before).fds == 1
    assert moved(probes, before).fds == 0


def test_a_thread_is_one_thread(probes: Probes) -> None:
    """Exact: one more while it runs, none after."""
    before = probes.read()
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert moved(probes, before).threads == 1
    finally:
        end.set()
        thread.join()
    # The kernel takes a thread away a moment after Python has joined it.
    for _ in range(1000):
        if moved(probes, before).threads == 0:
            break
    else:
        pytest.fail("the ended thread is still counted")


def test_a_child_is_one_child_until_it_is_waited_for(probes: Probes) -> None:
    """Zombies count: they are what a test forgot to wait for."""
    before = probes.read()
    child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
    try:
        assert moved(probes, before).children == 1
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            assert moved(probes, before).children == 1
    finally:
        child.wait()
    assert moved(probes, before).children == 0


def test_children_of_other_threads_count(probes: Probes) -> None:
    """A child started from a thread is this process's child too."""
    before = probes.read()
    children: list[subprocess.Popen[bytes]] = []
    end = threading.Event()

    def spawn() -> None:
        children.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        end.wait()

    thread = threading.Thread(target=spawn)
    thread.start()
    try:
        while not children:
            end.wait(0.01)
        assert moved(probes, before).children == 1
    finally:
        end.set()
        thread.join()
        children[0].communicate(b"\n")


@on_linux
def test_native_memory_is_seen_to_the_byte(probes: Probes) -> None:
    """A megabyte from malloc is a megabyte within one per cent, and free gives it back."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    before = probes.heap()
    block = libc.malloc(MIB)
    during = probes.heap()
    libc.free(block)
    after = probes.heap()
    assert before is not None
    assert during is not None
    assert after is not None
    assert during - before == pytest.approx(MIB, rel=0.01)
    assert after - before == pytest.approx(0, abs=MIB / 100)


@on_linux
def test_small_native_blocks_add_up(probes: Probes) -> None:
    """A thousand blocks of 1000 bytes are seen as a million bytes, allocator's headers apart."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = (ctypes.c_void_p * 1000)()
    before = probes.heap()
    for number in range(1000):
        blocks[number] = libc.malloc(1000)
    during = probes.heap()
    for number in range(1000):
        libc.free(blocks[number])
    assert before is not None
    assert during is not None
    assert during - before == pytest.approx(1_000_000, rel=0.02)


@on_linux
def test_the_peak_sees_what_was_there_in_between(probes: Probes) -> None:
    """50 MB that came and went show in the peak, not in what stays, and not in the next peak."""
    before = probes.read()
    block = bytearray(50 * MIB)
    block[:: mmap.PAGESIZE] = b"x" * len(range(0, len(block), mmap.PAGESIZE))
    del block
    after = probes.read()
    assert after.peak_bytes is not None
    assert before.rss_bytes is not None
    assert after.rss_bytes is not None
    assert after.peak_bytes - before.rss_bytes >= 49 * MIB
    assert after.rss_bytes - before.rss_bytes < 25 * MIB
    later = probes.read()
    assert later.peak_bytes is not None
    assert after.peak_bytes - later.peak_bytes >= 25 * MIB


def test_a_reading_without_the_peak_does_not_reset_it(probes: Probes) -> None:
    """Wider fixtures are read in the middle of a test, whose peak goes on."""
    if probes.read().peak_bytes is None:
        pytest.skip("no peak on this platform")
    before = probes.read()
    bytearray(50 * MIB)
    block = bytearray(50 * MIB)
    block[:: mmap.PAGESIZE] = b"x" * len(range(0, len(block), mmap.PAGESIZE))
    del block
    assert probes.read(peak=False).peak_bytes is None
    after = probes.read()
    assert after.peak_bytes is not None
    assert before.rss_bytes is not None
    assert after.peak_bytes - before.rss_bytes >= 49 * MIB


def test_resident_memory_rises_with_touched_pages(probes: Probes) -> None:
    """RSS sees 20 MB that are written to."""
    before = probes.rss()
    pages = mmap.mmap(-1, 20 * MIB)
    for at in range(0, 20 * MIB, mmap.PAGESIZE):
        pages[at] = 1
    after = probes.rss()
    pages.close()
    assert before is not None
    assert after is not None
    assert after - before >= 19 * MIB


def test_python_blocks_rise_with_objects(probes: Probes) -> None:
    """A thousand new objects are a thousand blocks, give or take a few."""
    before = probes.read()
    kept = [object() for _ in range(1000)]
    grown = moved(probes, before).blocks
    assert grown is not None
    assert 1000 <= grown <= 1100
    assert len(kept) == 1000


def test_blocks_do_not_depend_on_the_way_another_probe_takes(
    probes: Probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a probe drops waits in the interpreter's free lists, and a peak is read in two ways: one
    block between them made hundreds of tests candidates."""

    def wasteful(_: int | None = None) -> int:
        return len([{}, {}, {}, {}, {}, {}, {}, {}])

    counts = []
    for way in (probes._peak, wasteful):
        monkeypatch.setattr(probes, "_peak", way)
        gc.collect()  # it empties the free lists
        counts.append(probes.read().blocks)
    if counts[0] is None:
        pytest.skip("blocks are not seen here")
    assert (counts[1] or 0) - counts[0] <= 4  # the first count itself, the new probe


def test_readings_leave_nothing_behind(probes: Probes) -> None:
    """A hundred readings cost no descriptor, no thread and no Python block that stays."""
    before = probes.read()
    for _ in range(100):
        probes.read()
    grown = moved(probes, before)
    assert (grown.fds, grown.threads, grown.children) == (0, 0, 0)
    assert grown.blocks is not None
    assert grown.blocks < 20


def test_probes_do_not_hear_the_mocks_of_a_test(probes: Probes) -> None:
    """A test that patches os, time and open leaves the readings whole."""
    before = probes.read()
    with (
        mock.patch("os.stat", side_effect=OSError),
        mock.patch("os.pread", side_effect=OSError),
        mock.patch("os.listdir", side_effect=OSError),
        mock.patch("os.open", side_effect=OSError),
        mock.patch("os.read", side_effect=OSError),
        mock.patch("os.waitid", side_effect=OSError, create=True),
        mock.patch("time.perf_counter", side_effect=OSError),
        mock.patch("sys.getallocatedblocks", side_effect=OSError),
        mock.patch("builtins.open", side_effect=OSError),
    ):
        during = probes.read()
    for name in Reading.__struct_fields__:
        assert (getattr(during, name) is None) == (getattr(before, name) is None)


def test_a_signal_that_cannot_be_read_is_none_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No mallinfo2 (musl, macOS): the rest is measured all the same."""

    def missing() -> Any:
        raise AttributeError("mallinfo2")

    monkeypatch.setattr(signals, "_glibc_heap", missing)
    probes = Probes(paced=False)
    if sys.platform == "linux":
        assert probes.read().heap_bytes is None
        assert probes.sources["heap_bytes"] == "not seen: mallinfo2: mallinfo2"
    assert probes.read().blocks is not None
    probes.close()


def test_closed_probes_close_their_descriptors() -> None:
    """Nothing of the harness stays open."""
    watching = Probes()
    before = watching.read().fds
    probes = Probes()
    probes.read()
    probes.close()
    assert probes.rss() is None
    assert watching.read().fds == before
    watching.close()


READING = st.builds(
    Reading,
    at_s=st.just(0.0),
    rss_bytes=st.none() | st.integers(0, 2**40),
    heap_bytes=st.none() | st.integers(0, 2**40),
    blocks=st.none() | st.integers(0, 2**30),
    fds=st.none() | st.integers(0, 2**10),
)


@settings(max_examples=60, deadline=None)
@given(before=READING, after=READING)
def test_growth_is_the_difference_or_unknown(before: Reading, after: Reading) -> None:
    """A signal that either reading lacks is unknown, never zero."""
    grown = growth(before, after, survivors=3)
    assert grown.survivors == 3
    for name in ("rss_bytes", "heap_bytes", "blocks", "fds", "threads"):
        first, second = getattr(before, name), getattr(after, name)
        expected = None if first is None or second is None else second - first
        assert getattr(grown, name) == expected
