"""Which shared object each frame of a memray capture lies in.

memray resolves addresses to names of functions and drops the object that they lie in, which for a
stripped library is all that there is. The capture has both: the address of every native frame and
the maps of the process's memory. They are read from memray's own dump of it, which is text.
"""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterable
from os.path import normpath
from pathlib import Path

_DUMP = "import sys, memray; memray.dump_all_records(sys.argv[1])"


class Addresses:
    """The native frames of one capture, and the maps of its process's memory."""

    def __init__(self) -> None:
        self._frames: list[tuple[int, int]] = [(0, 0)]
        self._maps: list[list[tuple[int, int, str]]] = [[]]
        self._sorted: dict[int, list[tuple[int, int, str]]] = {}

    @classmethod
    def of(cls, capture: Path) -> Addresses:
        """Read a capture. Empty where memray cannot dump it."""
        words = [sys.executable, "-c", _DUMP, str(capture)]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
        ) as dump:
            assert dump.stdout is not None
            return cls.read(dump.stdout)

    @classmethod
    def read(cls, lines: Iterable[str]) -> Addresses:
        """From the lines of a dump."""
        found = cls()
        file, base = "", 0
        for line in lines:
            kind, _, rest = line.rstrip("\n").partition(" ")
            if kind == "NATIVE_TRACE_INDEX":
                address, _, caller = rest.removeprefix("ip=").partition(" index=")
                found._frames.append((_number(address), int(caller)))
            elif kind == "MEMORY_MAP_START":
                found._maps.append([])
            elif kind == "SEGMENT_HEADER":
                file, _, rest = rest.removeprefix("filename=").rpartition(" num_segments=")
                file = normpath(file) if file else ""
                base = _number(rest.partition(" addr=")[2])
            elif kind == "SEGMENT":
                start, _, size = rest.partition(" ")
                first = base + _number(start)
                found._maps[-1].append((first, first + int(size, 16), file))
        return found

    def libraries(self, stack: int, generation: int) -> list[str]:
        """The shared object of each frame of a native stack, innermost first; empty where no map
        has it.

        Args:
            stack: memray's number of it.
            generation: memray's number of the memory map that was current.
        """
        found: list[str] = []
        while 0 < stack < len(self._frames):
            address, stack = self._frames[stack]
            # The address is the one behind the call.
            found.append(self._library(address - 1, generation))
        return found

    def _library(self, address: int, generation: int) -> str:
        if not 0 <= generation < len(self._maps):
            return ""
        segments = self._sorted.get(generation)
        if segments is None:
            segments = self._sorted[generation] = sorted(self._maps[generation])
        at = bisect_right(segments, (address, sys.maxsize, "")) - 1
        if at < 0 or not segments[at][0] <= address < segments[at][1]:
            return ""
        return segments[at][2]


def _number(text: str) -> int:
    """A pointer as C prints it."""
    return 0 if text in ("(nil)", "") else int(text, 16)
