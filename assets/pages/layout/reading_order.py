"""The order in which boxes of a page are read: columns top to bottom, left to right.

Here: a recursive cut along gaps (XY-cut), the question whether a given order makes sense, and where
a further box belongs. Not here: what the boxes are (`../text_layer.py`, `../ocr/blocks.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from assets.pages.geometry import Box, shared_height, shared_width

MAX_DEPTH: Final = 40
MIN_COLUMN_LINES: Final = 8.0
"""A column of prose is at least this many line heights wide (about 16 letters); columns narrower
than that are a table's, and a table is read by rows."""
MIN_GUTTER_LINES: Final = 0.2
"""White between columns, in line heights. The Federal Register sets 7 pt between columns of 9 pt,
of which OCR's padded boxes leave 3 (0.27 of their height); boxes are whole lines, so that spaces
between words do not matter."""

MIN_FILL: Final = 0.4
"""Lines of prose fill this much of a column's height even when double-spaced; what fills less, such
as words of a drawing above a heading, is a column only beside white of a whole line."""
MASTHEAD_GAP: Final = 1.2
"""White across all columns, in line heights, below a masthead: more than between paragraphs."""
MASTHEAD_LINES: Final = 5
"""Lines that a masthead has above one column."""

Interval = tuple[float, float]


def reading_order(boxes: Sequence[Box], line_height: float) -> list[int]:
    """Indices of the boxes in reading order.

    Args:
        boxes: boxes of lines or blocks.
        line_height: of the body text, in the boxes' unit.
    """
    return _cut(list(range(len(boxes))), boxes, line_height, 0)


def is_plausible(boxes: Sequence[Box]) -> bool:
    """Whether boxes in this order read like a page: hardly ever upwards within a column.

    Born-digital PDFs are mostly written in reading order, which is then better than any guess from
    boxes; those that are not jump back up within the same column again and again.
    """
    jumps = 0
    for before, after in itertools.pairwise(boxes):
        narrower = min(before[2] - before[0], after[2] - after[0])
        same_column = shared_width(before, after) > 0.5 * max(narrower, 1.0)
        if same_column and after[3] < before[1] + 1:
            jumps += 1
    return jumps <= max(1, len(boxes) // 12)


def insertion_index(boxes: Sequence[Box], box: Box) -> int:
    """Where a further box belongs among boxes in reading order: above what it stands above."""
    last_above = -1
    for i, other in enumerate(boxes):
        if shared_width(other, box) <= 0:
            continue
        if (other[1] + other[3]) / 2 >= (box[1] + box[3]) / 2:
            return i
        last_above = i
    return last_above + 1 if last_above >= 0 else len(boxes)


def _cut(indices: list[int], boxes: Sequence[Box], height: float, depth: int) -> list[int]:
    if len(indices) < 2:
        return indices
    if depth < MAX_DEPTH:
        columns = _columns(indices, boxes, height)
        head = _masthead(indices, columns, boxes, height) if columns else []
        parts = head or columns or _bands(indices, boxes, height)
        if parts:
            return [i for part in parts for i in _cut(part, boxes, height, depth + 1)]
    return _by_rows(indices, boxes)


def _columns(indices: list[int], boxes: Sequence[Box], height: float) -> list[list[int]]:
    """Groups left to right, each a column of prose; empty when there are none."""
    parts = _split(indices, boxes, axis=0, gap=MIN_GUTTER_LINES * height)
    if len(parts) < 2 or sum(len(part) > 1 for part in parts) < 2:
        return []
    least = MIN_COLUMN_LINES * height
    if any(_extent(part, boxes) < least for part in parts):
        return []
    fills = [_fill(part, boxes) for part in parts]
    for (left, right), (fill, other) in zip(
        itertools.pairwise(parts), itertools.pairwise(fills), strict=True
    ):
        gutter = min(boxes[i][0] for i in right) - max(boxes[i][2] for i in left)
        if min(fill, other) < MIN_FILL and gutter < height:
            return []
    return parts


def _masthead(
    indices: list[int], columns: list[list[int]], boxes: Sequence[Box], height: float
) -> list[list[int]]:
    """A few lines above all columns and apart from them, and the rest; empty when there are none.

    They stand above some of the columns only: a page whose columns start level has no such lines.
    """
    parts = _split(indices, boxes, axis=1, gap=MASTHEAD_GAP * height)
    head = set(parts[0])
    over = [[i for i in column if i in head] for column in columns]
    is_small = all(len(part) <= MASTHEAD_LINES for part in over)
    if len(parts) < 2 or not is_small or all(over):
        return []
    return [parts[0], [i for part in parts[1:] for i in part]]


def _bands(indices: list[int], boxes: Sequence[Box], height: float) -> list[list[int]]:
    """Groups top to bottom: rows under one another stay together while a gutter parts them."""
    rows = _split(indices, boxes, axis=1, gap=0.0)
    bands: list[list[int]] = []
    used: list[Interval] = []
    middle = (min(boxes[i][0] for i in indices) + max(boxes[i][2] for i in indices)) / 2
    for row in rows:
        own = _occupied((boxes[i][0], boxes[i][2]) for i in row)
        joined = _occupied([*used, *own])
        is_title = len(used) == 1 and _juts(used[0], own, middle, height)
        if bands and not is_title and _has_gutter(joined, MIN_GUTTER_LINES * height):
            bands[-1].extend(row)
            used = joined
        else:
            bands.append(list(row))
            used = own
    return bands if len(bands) > 1 else []


def _juts(above: Interval, row: Sequence[Interval], middle: float, height: float) -> bool:
    """Whether what stands above a row of columns is centred and reaches into a gutter of theirs."""
    if abs(above[0] + above[1] - 2 * middle) > 2 * height:
        return False
    return any(
        min(above[1], after[0]) - max(above[0], before[1]) > height
        for before, after in itertools.pairwise(row)
    )


def _by_rows(indices: list[int], boxes: Sequence[Box]) -> list[int]:
    rows: list[list[int]] = []
    for i in sorted(indices, key=lambda i: (boxes[i][1] + boxes[i][3], boxes[i][0])):
        if rows:
            first = boxes[rows[-1][0]]
            height = min(first[3] - first[1], boxes[i][3] - boxes[i][1])
            if shared_height(first, boxes[i]) > 0.5 * height:
                rows[-1].append(i)
                continue
        rows.append([i])
    return [i for row in rows for i in sorted(row, key=lambda i: boxes[i][0])]


def _occupied(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _has_gutter(occupied: Sequence[Interval], gap: float) -> bool:
    return any(b[0] - a[1] >= gap for a, b in itertools.pairwise(occupied))


def _split(indices: list[int], boxes: Sequence[Box], *, axis: int, gap: float) -> list[list[int]]:
    ordered = sorted(indices, key=lambda i: boxes[i][axis])
    parts = [[ordered[0]]]
    reach = boxes[ordered[0]][axis + 2]
    for i in ordered[1:]:
        if boxes[i][axis] > reach + gap:
            parts.append([])
        parts[-1].append(i)
        reach = max(reach, boxes[i][axis + 2])
    return parts


def _fill(indices: list[int], boxes: Sequence[Box]) -> float:
    """How much of its height a column has lines in, 0-1."""
    lines = _occupied((boxes[i][1], boxes[i][3]) for i in indices)
    return sum(high - low for low, high in lines) / max(1.0, lines[-1][1] - lines[0][0])


def _extent(indices: list[int], boxes: Sequence[Box]) -> float:
    return max(boxes[i][2] for i in indices) - min(boxes[i][0] for i in indices)
