"""A thread that still runs is one cause: what its stack holds goes with it."""

from __future__ import annotations

from collections.abc import Collection
from threading import _active  # type: ignore[attr-defined]

import msgspec

from pytest_leakcheck.explain.introspect import Live
from pytest_leakcheck.model.causes import Cause


class Stacks:
    """Which causes are held by the stacks of threads that the measured run itself started."""

    def __init__(self, born: Collection[int]) -> None:
        self._born = born
        self._owners: dict[str, set[int]] = {}
        self._threads: dict[int, str] = {}

    def saw(self, fingerprint: str, thread: int, owned: Collection[int]) -> None:
        """One cause: the thread on whose stack its path begins (0: none), and what goes with it."""
        if thread:
            o: Live = _active.get(thread)
            self._owners.setdefault(fingerprint, set()).add(id(o))
        for ident in owned:
            self._threads.setdefault(ident, fingerprint)

    def merge(self, causes: list[Cause]) -> list[Cause]:
        """The causes without those that only such a stack holds; their sizes are its thread's."""
        merged = {cause.fingerprint: cause for cause in causes}
        for fingerprint, owners in self._owners.items():
            homes = {self._threads.get(o, "") if o in self._born else "" for o in owners}
            home = homes.pop()
            if homes or home == fingerprint or home not in merged or fingerprint not in merged:
                continue
            part, whole = merged.pop(fingerprint), merged[home]
            merged[home] = msgspec.structs.replace(
                whole,
                objects=whole.objects + part.objects,
                python_bytes=whole.python_bytes + part.python_bytes,
                extension=whole.extension or part.extension,
            )
        return list(merged.values())
