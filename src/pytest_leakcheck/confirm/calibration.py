"""How small a leak this session can see: leaks of known sizes, planted and repeated.

The sizes grow until one is seen on every repeat; that size stands in the report. Everything that is
planted is dropped again.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from pytest_leakcheck.judge.evidence import Blank, Evidence
from pytest_leakcheck.judge.ledger import rises_always
from pytest_leakcheck.model.journal_lines import CalibrationRecord, RepeatRecord
from pytest_leakcheck.model.settings import Settings
from pytest_leakcheck.model.signals import Growth

_malloc = ctypes.pythonapi.PyMem_RawMalloc
_malloc.restype = ctypes.c_void_p
_malloc.argtypes = [ctypes.c_size_t]
_free = ctypes.pythonapi.PyMem_RawFree
_free.restype = None
_free.argtypes = [ctypes.c_void_p]

#: An empty bytes object; what is planted is this and its content.
_EMPTY_BYTES = 33
_EMPTY_LIST = 56

#: From the smallest on, until one is seen.
_SIZES = (64, 256, 1024, 4096, 16_384, 65_536)
_HEAP_SIZES = (1024, 4096, 16_384, 65_536, 262_144)
_WARM_UPS, _REPEATS = 2, 4

Repeat = Callable[[pytest.Item, int], list[RepeatRecord]]


class PlantedItem(pytest.Item):
    """A test that leaves something of a known size on each run."""

    plant: Callable[[], object]

    def runtest(self) -> None:
        self.plant()


def calibrate(
    session: pytest.Session, repeat: Repeat, blank: Growth, settings: Settings
) -> CalibrationRecord:
    """Plant and repeat. About 50 ms on a small heap.

    Args:
        repeat: so many measured runs of an item.
        blank: growth of the blank test.
    """

    def smallest(signal: str, sizes: tuple[int, ...], plant: Callable[[int], object]) -> int | None:
        for size in sizes:
            item: Any = PlantedItem.from_parent(session, name="leakcheck-planted")
            item.plant = lambda size=size: plant(size)
            seen = repeat(item, _WARM_UPS + _REPEATS)[_WARM_UPS:]
            told = Evidence(steady=tuple(seen), blank=Blank(growth=blank))
            if rises_always(signal, told, settings.policy):
                return size
        return None

    # One slot each is there from the start: what is planted is the value, not the list's growth.
    kept: list[Any] = [None] * 1000
    pointers: list[int | None] = [None] * 1000
    at = iter(range(1000))

    def plant_object(_: int) -> None:
        kept[next(at)] = []

    def plant_bytes(size: int) -> None:
        kept[next(at)] = bytes(bytearray(size - _EMPTY_BYTES))

    def plant_heap(size: int) -> None:
        pointers[next(at)] = _malloc(size)

    try:
        return CalibrationRecord(
            null=blank,
            object_bytes=smallest("survivors", (_EMPTY_LIST,), plant_object),
            python_bytes=smallest("blocks", _SIZES, plant_bytes),
            heap_bytes=smallest("heap_bytes", _HEAP_SIZES, plant_heap),
        )
    finally:
        kept.clear()
        for pointer in pointers:
            _free(pointer)
