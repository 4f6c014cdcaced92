"""Scenarios of known leaks: the registry, and those of mocks, caches, logging and the interpreter.

Each is a generator that leaks up to its ``yield`` and does the catalogue's remedy after it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Scenario(NamedTuple):
    """One way to make a known leak."""

    id: str
    name: str
    make: Callable[[], Iterator[None]]
    clean: Callable[[], object]
    """Takes everything away that the leak left, so that the next test starts afresh."""
    remedy: bool
    """Whether what follows the ``yield`` lets everything go."""
    container: bool
    """Whether it leaves plain values, which only a growing container shows."""
    package: str
    since: tuple[int, int]
    slow: bool


SCENARIOS: list[Scenario] = []

#: Where scenarios keep things, as a module of the user's would.
KEPT: list[Any] = []
TABLE: dict[Any, Any] = {}

_numbers = itertools.count()


def fresh(text: str) -> str:
    """A name that was not used before."""
    return f"{text}{next(_numbers)}"


def leak(
    identifier: str,
    *,
    clean: Callable[[], object] | None = None,
    remedy: bool = True,
    container: bool = False,
    package: str = "",
    since: tuple[int, int] = (3, 10),
    slow: bool = False,
) -> Callable[[Callable[[], Iterator[None]]], Callable[[], Iterator[None]]]:
    """Register a scenario of a known cause."""

    def register(make: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
        def clean_all() -> None:
            if clean is not None:
                clean()
            KEPT.clear()
            TABLE.clear()

        name = make.__name__
        SCENARIOS.append(
            Scenario(identifier, name, make, clean_all, remedy, container, package, since, slow)
        )
        return make

    return register


class Payload:
    """What a test should not leave behind."""

    def __init__(self) -> None:
        self.data = bytearray(2_000)

    def method(self, *_: object) -> None: ...
