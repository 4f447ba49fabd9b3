"""Small charts as SVG inside the page: dots of two sides, lines over time, points of cost.

Here: drawing. Not here: what is drawn (`sections.py`), or colours (`style.py`, by class).

Places across are percentages and places down are pixels, without a viewBox: a chart is as wide as
its column, on a telephone too, and its letters keep their size. No library: matplotlib is 30 MB and
its SVG repeats its fonts; pygal and plotly bring scripts, which the page's policy forbids.

Errors stand on a square-root scale: 0.1 % and 0.5 % can be told apart beside 40 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from resources.report.escaping import safe

SERIES: Final = 8
"""Colours and shapes that can be told apart; a further series has the last of them."""
_TICKS: Final = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_NEAR: Final = 13.0
"""Per cent of the width that a tick's words take."""


def percent(value: float | None) -> str:
    """An error for people, as narrow as it may be: `0.31 %`, `12.4 %`."""
    if value is None or not math.isfinite(value):
        return "–"
    share = abs(value) * 100
    if 0 < share < 0.005:
        return "<0.01 %" if value > 0 else ">-0.01 %"
    digits = 2 if share < 10 else 1 if share < 100 else 0
    return f"{value * 100:.{digits}f} %"


@dataclass(frozen=True)
class Scale:
    """A square-root scale from 0 to `top`, in per cent of the width."""

    top: float

    @staticmethod
    def of(values: Sequence[float | None]) -> Scale:
        """A scale that every finite value fits in."""
        known = [v for v in values if v is not None and math.isfinite(v) and v > 0]
        return Scale(max(known, default=0.01) * 1.1)

    def share(self, value: float) -> float:
        """Where a value stands, 0..1; below 0 is 0."""
        if not math.isfinite(value):
            return 1.0 if value > 0 else 0.0
        return min(1.0, math.sqrt(max(0.0, value) / self.top))

    def ticks(self) -> Iterator[float]:
        """Round values on the scale, none so near to another that their words meet."""
        last = -math.inf
        for tick in _TICKS:
            place = self.share(tick) * 100
            if tick <= self.top and place - last >= _NEAR:
                last = place
                yield tick


def dots(scale: Scale, new: float | None, old: float | None, low: float | None, title: str) -> str:
    """Old as a ring, new as a diamond, the way between them, and the bound of the difference.

    Args:
        scale: Of the whole table.
        new: The new error; None draws the old one alone.
        old: The old error; None draws the new one alone.
        low: The least that the difference is with the confidence asked for.
        title: What it says, for those who cannot see it.
    """
    grid = "".join(
        f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="26"/>'
        for x in (_x(scale.share(tick)) for tick in scale.ticks())
    )
    parts = [grid]
    if old is not None and new is not None:
        parts.append(_way(scale, new, old, low))
    if old is not None:
        parts.append(f'<circle class="old" cx="{_x(scale.share(old))}" cy="13" r="5"/>')
    if new is not None:
        parts.append(_marker(0, _x(scale.share(new)), 13, "new"))
    return _svg("dots", 26, title, "".join(parts))


def _way(scale: Scale, new: float, old: float, low: float | None) -> str:
    """From old to new, and below it the part of the way that is sure."""
    x_old, x_new = _x(scale.share(old)), _x(scale.share(new))
    way = "up" if new > old else "down"
    line = f'<line class="way {way}" x1="{x_old}" x2="{x_new}" y1="13" y2="13"/>'
    if low is None or not math.isfinite(low):
        return line
    x_low = _x(scale.share(old + low))
    return (
        f'{line}<line class="bound" x1="{x_low}" x2="{x_new}" y1="20" y2="20"/>'
        f'<line class="bound" x1="{x_low}" x2="{x_low}" y1="16" y2="24"/>'
    )


def axis(scale: Scale) -> str:
    """The ticks above a table of `dots`, in words."""
    words = "".join(
        f'<text class="tick" x="{_x(scale.share(tick))}" y="12" text-anchor="middle">'
        f"{_tick(tick)}</text>"
        for tick in scale.ticks()
    )
    return f'<svg class="dots" height="16" aria-hidden="true">{words}</svg>'


@dataclass(frozen=True)
class Point:
    """A place in a chart; `x` in units of its axis, `y` an error, `title` what it says."""

    x: float
    y: float
    title: str
    label: str = ""


def lines(
    series: Mapping[str, Sequence[Point]],
    numbers: Mapping[str, int],
    span: tuple[datetime, datetime],
    title: str,
) -> str:
    """Errors over time, a line for each series.

    Args:
        series: Points by name.
        numbers: Of each name, which colour and shape it has.
        span: The first time and the last.
        title: What it shows.
    """
    first, last = span
    scale = Scale.of([point.y for points in series.values() for point in points])
    start, seconds = first.timestamp(), max(1.0, (last - first).total_seconds())
    parts = [_rows(scale)]
    for name, points in series.items():
        number, colour = numbers[name], _colour(numbers[name])
        places = [
            (_x(_inside((p.x - start) / seconds)), _y(scale, p.y))
            for p in sorted(points, key=lambda point: point.x)
        ]
        parts += [
            f'<line class="path {colour}" x1="{a}" y1="{y1}" x2="{b}" y2="{y2}"/>'
            for (a, y1), (b, y2) in pairwise(places)
        ]
        for (x, y), point in zip(places, sorted(points, key=lambda p: p.x), strict=True):
            parts.append(_marker(number, x, y, colour, point.title))
    days = (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")
    parts.append(f'<text class="tick" x="{_x(_inside(0))}" y="{_BOTTOM + 18}">{days[0]}</text>')
    if days[1] != days[0]:
        parts.append(
            f'<text class="tick" x="99%" y="{_BOTTOM + 18}" text-anchor="end">{days[1]}</text>'
        )
    return _svg("plot", _BOTTOM + 24, title, "".join(parts))


def scatter(
    series: Mapping[str, Sequence[Point]], numbers: Mapping[str, int], unit: str, title: str
) -> str:
    """Errors against a cost; what stands low and to the left is accurate and cheap."""
    points = [point for several in series.values() for point in several]
    scale = Scale.of([point.y for point in points])
    widest = max((point.x for point in points), default=0.0) * 1.1 or 1.0
    parts, labels = [_rows(scale)], 0
    for name, several in series.items():
        for point in several:
            share = point.x / widest
            x, y = _x(_inside(share)), _y(scale, point.y)
            parts.append(_marker(numbers[name], x, y, _colour(numbers[name]), point.title))
            if point.label:
                labels += 1  # each higher than the one before: two versions may cost the same
                parts.append(
                    f'<text class="label" x="{x}" y="{y}" dy="{4 - 14 * labels}" '
                    f'text-anchor="middle">{safe(point.label)}</text>'
                )
    for share in (0.0, 0.5, 1.0):
        anchor = "end" if share == 1 else "middle" if share else "start"
        words = f"{widest * share:.2g}{f' {unit}' if share == 1 else ''}"
        parts.append(
            f'<text class="tick" x="{_x(_inside(share))}" y="{_BOTTOM + 18}" '
            f'text-anchor="{anchor}">{safe(words)}</text>'
        )
    return _svg("plot", _BOTTOM + 24, title, "".join(parts))


def key(names: Iterable[str], numbers: Mapping[str, int]) -> str:
    """The legend of `lines` and `scatter`: shape and name of each series."""
    return "".join(
        '<li><svg class="mark" aria-hidden="true">'
        f"{_marker(numbers[name], '7', 7, _colour(numbers[name]))}</svg> {safe(name)}</li>"
        for name in names
    )


def _colour(number: int) -> str:
    return f"s{min(number, SERIES - 1)}"


_TOP: Final = 34
_BOTTOM: Final = 170
_LEFT: Final = 0.13
"""Of the width, for the words of the errors; a telephone has 300 pixels."""


def _inside(share: float) -> float:
    """A place across, right of the axis's words."""
    return _LEFT + min(1.0, max(0.0, share)) * (0.98 - _LEFT)


def _y(scale: Scale, value: float) -> float:
    return round(_BOTTOM - scale.share(value) * (_BOTTOM - _TOP), 1)


def _rows(scale: Scale) -> str:
    """Lines across at round errors, with their words."""
    parts, last = [], math.inf
    for tick in scale.ticks():
        y = _y(scale, tick)
        if last - y < 14:
            continue
        last = y
        parts.append(
            f'<line class="grid" x1="{_x(_LEFT)}" x2="98%" y1="{y}" y2="{y}"/>'
            f'<text class="tick" x="{_x(_LEFT - 0.015)}" y="{y + 4}" text-anchor="end">'
            f"{_tick(tick)}</text>"
        )
    return "".join(parts)


def _marker(number: int, x: str, y: float, classes: str, title: str = "") -> str:
    """A shape of its own for each series, so that colour is never alone; `x` as SVG takes it."""
    told = f"<title>{safe(title)}</title>" if title else ""
    shape = _SHAPES[min(number, SERIES - 1)]
    # Shapes are drawn around 0,0 of a nested SVG: a transform takes no percentages, its place does.
    return (
        f'<svg class="at {classes}" x="{x}" y="{y}" overflow="visible">{told}'
        f'<path class="shape {classes}" d="{shape}"/></svg>'
    )


_SHAPES: Final = (
    "M0-6 6 0 0 6-6 0Z",  # diamond
    "M-5-5H5V5H-5Z",  # square
    "M0-6 6 5H-6Z",  # triangle
    "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z",  # circle
    "M0 6-6-5H6Z",  # triangle, down
    "M-6-2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z",  # plus
    "M-6-6H-2L0-3 2-6H6L2 0 6 6H2L0 3-2 6H-6L-2 0Z",  # cross
    "M-6-3H6V3H-6Z",  # bar
)


def _svg(kind: str, height: int, title: str, content: str) -> str:
    return (
        f'<svg class="{kind}" height="{height}" role="img" aria-label="{safe(title)}">'
        f"<title>{safe(title)}</title>{content}</svg>"
    )


def _x(share: float) -> str:
    return f"{share * 100:.2f}%"


def _tick(value: float) -> str:
    return f"{value * 100:g} %" if value else "0"
