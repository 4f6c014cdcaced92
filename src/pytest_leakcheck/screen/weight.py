"""How much a test grew, as one number and in powers of two."""

from __future__ import annotations

from pytest_leakcheck.model.signals import Growth


def weight(growth: Growth) -> float:
    """Growth as one number, in bytes about: it orders candidates, and decides nothing."""
    return (
        (growth.heap_bytes or 0)
        + 64.0 * (growth.blocks or 0)
        + 100.0 * (growth.survivors or 0)
        + 10_000.0 * ((growth.fds or 0) + (growth.threads or 0) + (growth.children or 0))
    )


def grew(count: int | None) -> bool:
    """Whether a count that may be unseen went up."""
    return (count or 0) > 0


def magnitude(value: float) -> int:
    """The power of four of an amount."""
    return int(abs(value)).bit_length() // 2
