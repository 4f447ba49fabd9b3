"""Boxes, and the turn between the page as a viewer shows it and the way its text runs.

Here: plain tuples of floats and what is done with them. Not here: anything that knows a PDF or an
OCR engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 with the origin at the top left."""

EMPTY: Final[Box] = (0.0, 0.0, 0.0, 0.0)


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them."""
    found = list(boxes)
    if not found:
        return EMPTY
    if len(found) == 1:
        return found[0]
    x0, y0, x1, y1 = zip(*found, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def area(box: Box) -> float:
    """The area of a box; 0 when it is turned inside out."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def intersection(a: Box, b: Box) -> Box:
    """The box that both share (of no area when they are apart)."""
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def share_inside(inner: Box, outer: Box) -> float:
    """The share of `inner` that lies in `outer`, 0-1; a box without area counts by its centre."""
    own = area(inner)
    if own <= 0:
        return 1.0 if holds_centre(outer, inner) else 0.0
    return area(intersection(inner, outer)) / own


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0-1."""
    shared = area(intersection(a, b))
    whole = area(a) + area(b) - shared
    return shared / whole if whole > 0 else 0.0


def holds_centre(outer: Box, inner: Box) -> bool:
    """Whether the centre of `inner` lies in `outer`."""
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def shared_width(a: Box, b: Box) -> float:
    """How many points wide the columns of two boxes overlap (negative: the gap between them)."""
    return min(a[2], b[2]) - max(a[0], b[0])


def shared_height(a: Box, b: Box) -> float:
    """How many points high the rows of two boxes overlap (negative: the gap between them)."""
    return min(a[3], b[3]) - max(a[1], b[1])


@dataclass(frozen=True)
class Turn:
    """A clockwise turn of a sheet by 0, 90, 180 or 270 degrees.

    Attributes:
        degrees: the turn from the sheet `width` × `height` to the turned one.
        width: of the sheet before the turn.
        height: of the sheet before the turn.
    """

    degrees: int
    width: float
    height: float

    @property
    def turned_size(self) -> tuple[float, float]:
        """Width and height after the turn."""
        upright = self.degrees % 180 == 0
        return (self.width, self.height) if upright else (self.height, self.width)

    def forth(self, box: Box) -> Box:
        """A box on the sheet, as it lies on the turned sheet."""
        x0, y0, x1, y1 = box
        w, h = self.width, self.height
        match self.degrees:
            case 90:
                return (h - y1, x0, h - y0, x1)
            case 180:
                return (w - x1, h - y1, w - x0, h - y0)
            case 270:
                return (y0, w - x1, y1, w - x0)
            case _:
                return box

    def back(self, box: Box) -> Box:
        """A box on the turned sheet, as it lies on the sheet."""
        w, h = self.turned_size
        return Turn((360 - self.degrees) % 360, w, h).forth(box)
