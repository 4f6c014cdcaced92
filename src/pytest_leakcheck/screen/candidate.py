"""A test that may leak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A test whose growth asks for repeats."""

    nodeid: str
    signature: str
    """Tests of one signature grew alike."""
    weight: float
    """How much it grew; orders witnesses."""
    why: str
    duration_s: float = 0.0
    patient: bool = False
    """It left something and imported nothing: a few calm repeats do not clear it, since it may leak
    on some runs only."""
