"""Shared objects of native frames, from memray's dump of a capture."""

from __future__ import annotations

from pytest_leakcheck.native.symbols import Addresses

DUMP = """\
HEADER magic=memray version=13
MEMORY_MAP_START
SEGMENT_HEADER filename=/usr/bin/python3.11 num_segments=2 addr=0x1000
SEGMENT (nil) 100
SEGMENT 0x200 100
SEGMENT_HEADER filename=/srv/pkg/../pkg.libs/libz num_segments=9.so num_segments=1 addr=0x9000
SEGMENT 0x0 1000
NATIVE_TRACE_INDEX ip=0x1010 index=0
NATIVE_TRACE_INDEX ip=0x9001 index=1
NATIVE_TRACE_INDEX ip=0x1180 index=2
NATIVE_TRACE_INDEX ip=0xa000 index=3
MEMORY_MAP_START
SEGMENT_HEADER filename=/srv/late.so num_segments=1 addr=0x9000
SEGMENT 0x0 1000
"""


def test_each_frame_lies_in_a_shared_object() -> None:
    """Innermost first; where no map has the address, nothing."""
    found = Addresses.read(DUMP.splitlines(keepends=True))
    library = "/srv/pkg.libs/libz num_segments=9.so"
    assert found.libraries(2, 1) == [library, "/usr/bin/python3.11"]
    assert found.libraries(3, 1) == ["", library, "/usr/bin/python3.11"]


def test_an_address_behind_the_last_byte_belongs_to_the_call_before_it() -> None:
    """A call may be the last instruction of a segment."""
    found = Addresses.read(DUMP.splitlines())
    assert found.libraries(4, 1)[0] == "/srv/pkg.libs/libz num_segments=9.so"


def test_the_map_that_was_current_counts() -> None:
    """A library may lie where another lay before."""
    found = Addresses.read(DUMP.splitlines())
    assert found.libraries(2, 2) == ["/srv/late.so", ""]


def test_unknown_stacks_and_maps_tell_nothing() -> None:
    """As of an empty dump."""
    found = Addresses.read([])
    assert found.libraries(7, 1) == []
    assert Addresses.read(DUMP.splitlines()).libraries(1, 9) == [""]
