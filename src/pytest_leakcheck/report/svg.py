"""Small charts as inline SVG, drawn without a library: they print, copy and need no script.

Every chart carries its numbers as text (``aria-label``) and takes its colours from the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pytest_leakcheck.model.words import size

#: A curve is drawn with at most this many points; each keeps the highest value of its stretch.
MAX_POINTS = 600


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def repeats(values: Sequence[float], label: str) -> Markup:
    """Growth of each repeat as a bar from zero, in order."""
    step, wide, height = 16, 12, 48
    top, bottom = max([*values, 0]), min([*values, 0])
    scale = (height - 4) / ((top - bottom) or 1)
    zero = 2 + top * scale
    bars = []
    for position, value in enumerate(values):
        tall = max(abs(value) * scale, 1)
        y = zero - tall if value >= 0 else zero
        bars.append(
            f'<rect x="{position * step + 1}" y="{_n(y)}" width="{wide}" height="{_n(tall)}"/>'
        )
    width = max(len(values), 1) * step
    return Markup(
        '<svg class="repeats" role="img" width="{w}" height="{h}" viewBox="0 0 {w} {h}"'
        ' fill="currentColor" aria-label="{label}">{bars}'
        '<path d="M0 {zero}H{w}" stroke="currentColor" stroke-width=".5"/></svg>'
    ).format(w=width, h=height, label=label, bars=Markup("".join(bars)), zero=_n(zero))  # noqa: S704 - numbers only


def bar(value: float, most: float, label: str, *, width: int = 220) -> Markup:
    """One horizontal bar: ``value`` of ``most``."""
    long = max(value, 0) / most * width if most > 0 and math.isfinite(value) else 0
    return Markup(
        '<svg class="bar" role="img" width="{w}" height="12" viewBox="0 0 {w} 12"'
        ' fill="currentColor" aria-label="{label}"><rect width="{w}" height="12" opacity=".12"/>'
        '<rect width="{long}" height="12"/></svg>'
    ).format(w=width, long=_n(long), label=label)


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a curve that is told in words beside it."""

    position: int
    number: int


def thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """At most :data:`MAX_POINTS` of the values, with their positions; no peak is lost."""
    if len(values) <= MAX_POINTS:
        return list(enumerate(values))
    kept = []
    for stretch in range(MAX_POINTS):
        start = stretch * len(values) // MAX_POINTS
        end = (stretch + 1) * len(values) // MAX_POINTS
        best = max(range(start, end), key=values.__getitem__)
        kept.append((best, values[best]))
    return kept


def memory_curve(values: Sequence[float], spots: Sequence[Spot], label: str, top: float) -> Markup:
    """Memory after each test of one worker, from zero to ``top`` bytes; spots are numbered."""
    width, height, left, low = 900, 190, 76, 18
    wide, tall = width - left - 10, height - low - 12
    last = max(len(values) - 1, 1)

    def x(position: int) -> float:
        return left + position / last * wide

    def y(value: float) -> float:
        return height - low - (value / top if top else 0) * tall

    points = " ".join(f"{_n(x(at))},{_n(y(value))}" for at, value in thinned(values))
    parts = [_grid(top, share, left, width - 10, y(top * share)) for share in (0, 0.5, 1)]
    parts.append(f'<polyline class="line" points="{points}" fill="none" stroke="currentColor"/>')
    parts += [_spot(spot, x(spot.position), y(values[spot.position])) for spot in spots]
    parts.append(f'<text x="{left}" y="{height - 4}">first test</text>')
    parts.append(f'<text x="{width - 10}" y="{height - 4}" text-anchor="end">last test</text>')
    return Markup(
        '<svg class="curve" role="img" viewBox="0 0 {w} {h}" font-size="12" fill="currentColor"'
        ' aria-label="{label}">{parts}</svg>'
    ).format(w=width, h=height, label=label, parts=Markup("".join(parts)))  # noqa: S704 - numbers and our words


def _grid(top: float, share: float, left: int, right: int, y: float) -> str:
    return (
        f'<path d="M{left} {_n(y)}H{right}" stroke="currentColor" stroke-opacity=".2"/>'
        f'<text x="{left - 8}" y="{_n(y + 4)}" text-anchor="end">{escape(size(top * share))}</text>'
    )


def _spot(spot: Spot, x: float, y: float) -> str:
    return (
        f'<g class="spot"><circle cx="{_n(x)}" cy="{_n(y)}" r="4" stroke="none"/>'
        f'<text x="{_n(x)}" y="{_n(max(y - 8, 10))}" text-anchor="middle">{spot.number}</text></g>'
    )
