"""From OCR's lines to blocks: columns, then paragraphs, headings by the height of lines.

Here: lines in pixels become lines in points, in reading order, and blocks. Engines hand lines back
top to bottom across columns, so the order is ours. Not here: running OCR (`reading.py`), and which
lines are one paragraph (`paragraphs.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Final

from assets.pages import markdown
from assets.pages.geometry import Box
from assets.pages.layout.reading_order import reading_order
from assets.pages.ocr.paragraphs import HEADING_RATIO, MIN_LETTERS, Paragraph, paragraphs
from assets.pages.records import Block, Kind, Line, Span, box_of
from assets.pages.text_layer import join_rows
from resources.ocr.base import OcrLine, Point, Quad

SIZE_OF_HEIGHT: Final = 0.85
"""Font size over the height of a box, which is padded around the ink. Measured with RapidOCR on
rendered pages of 10-17 pt text: 0.80-0.99."""
SIDE_PADDING: Final = 0.15
"""White at either side of a box, in its heights, which would close a gutter of 7 pt. Measured with
RapidOCR on rendered pages of 7-12 pt: median 0.13-0.31, hardly ever under 0.11."""
OTHER_TYPE: Final = 1.5
"""A heading and a small line beside it are two things; a row's boxes differ by up to a third."""
MAX_SKEW_DEGREES: Final = 6.0
"""Of paper in a scanner: 5°, and what the measurement is off by."""
MIN_SKEW_DEGREES: Final = 0.4
"""Corners are whole pixels: a line of a column of 170 pt is level to 0.2° at best at 150 dpi."""


def to_lines(found: Sequence[OcrLine], points_per_pixel: float, slope: float) -> list[Line]:
    """OCR lines as lines in points; a skew of this slope is taken out of the boxes for grouping."""
    lines = []
    for line in found:
        quad = line.box
        box = _level_box(quad, slope)
        scaled: Box = tuple(v * points_per_pixel for v in box)  # type: ignore[assignment]
        height = _text_height(quad) * points_per_pixel
        size = round(height * SIZE_OF_HEIGHT, 1)
        text = markdown.clean(line.text)
        if text:
            lines.append(Line(scaled, (Span(text),), size, confidence=line.confidence))
    return lines


def skew_slope(found: Sequence[OcrLine]) -> float:
    """The slope of the longer lines.

    0 when it is more than paper in a scanner can have, or less than boxes in whole pixels show.
    """
    slopes = []
    for line in found:
        (x0, y0), (x1, y1) = line.box[0], line.box[1]
        if x1 - x0 > 8 * abs(line.box[3][1] - y0):  # short boxes have no reliable angle
            slopes.append((x1 - x0, (y1 - y0) / (x1 - x0)))
    if len(slopes) < 3:
        return 0.0
    longest = max(width for width, _ in slopes)
    slope = median(slope for width, slope in slopes if width >= longest / 2)
    degrees = abs(math.degrees(math.atan(slope)))
    return slope if MIN_SKEW_DEGREES <= degrees <= MAX_SKEW_DEGREES else 0.0


def ocr_blocks(lines: Sequence[Line], slope: float = 0.0) -> list[Block]:
    """Blocks of OCR lines in reading order, the skew of this slope back in their boxes."""
    if not lines:
        return []
    body = median(line.size for line in lines)
    heights = median(line.box[3] - line.box[1] for line in lines)
    order = reading_order([_without_padding(line.box) for line in lines], line_height=heights)
    rows = _rows([lines[i] for i in order])
    blocks = (_block(paragraph, body) for paragraph in paragraphs(rows))
    return [block.moved(_skewed(block.box, slope)) for block in blocks]


def _rows(lines: Sequence[Line]) -> list[Line]:
    """Lines with the pieces of one row joined, unless they are in type of different size."""
    rows: list[Line] = []
    like: list[Line] = []
    for line in lines:
        if like and max(like[-1].size, line.size) > OTHER_TYPE * min(like[-1].size, line.size):
            rows += join_rows(like)
            like = []
        like.append(line)
    return rows + join_rows(like)


def _block(paragraph: Paragraph, body: float) -> Block:
    lines = paragraph.lines
    kind = _kind(paragraph, body)
    n_chars = sum(len(line.text) for line in lines)
    confidence = sum((x.confidence or 0.0) * len(x.text) for x in lines) / max(1, n_chars)
    return Block(
        kind=kind,
        box=box_of(lines),
        text=markdown.plain(lines),
        markdown=markdown.render(kind, lines),
        font_size=median(line.size for line in lines),
        source="ocr",
        confidence=confidence,
    )


def _kind(paragraph: Paragraph, body: float) -> Kind:
    lines, text = paragraph.lines, paragraph.text
    if paragraph.role == "footnote":
        return "footnote"
    if markdown.starts_item(text):
        return "list_item"
    short = len(lines) <= 3 and len(text) <= 150
    large = median(line.size for line in lines) >= HEADING_RATIO * body
    large = large and sum(c.isalpha() for c in text) >= MIN_LETTERS
    if paragraph.role == "heading" or (short and large):
        return "heading"
    return "text"


def _level_box(quad: Quad, slope: float) -> Box:
    """The box of a quad after the page is turned level.

    A shear would not do: at 5° it leaves a column's foot 70 points beside its head, which closes
    every gutter.
    """
    return _box_around([_turned(point, -slope) for point in quad])


def _skewed(box: Box, slope: float) -> Box:
    """The box around a levelled box after the page is turned back."""
    x0, y0, x1, y1 = box
    return _box_around([_turned(p, slope) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])


def _without_padding(box: Box) -> Box:
    x0, y0, x1, y1 = box
    padding = min(SIDE_PADDING * (y1 - y0), (x1 - x0) / 4)
    return (x0 + padding, y0, x1 - padding, y1)


def _turned(point: Point, slope: float) -> Point:
    """A point turned about the origin, clockwise by the angle of this slope."""
    x, y = point
    length = math.hypot(1.0, slope)
    return ((x - slope * y) / length, (y + slope * x) / length)


def _box_around(points: Sequence[Point]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs), min(ys), max(xs), max(ys))


def _text_height(quad: Quad) -> float:
    left = math.dist(quad[0], quad[3])
    right = math.dist(quad[1], quad[2])
    return (left + right) / 2
