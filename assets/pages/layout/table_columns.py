"""Columns of a table that the layout model took for one.

Here: edges where no word of any row stands. Not here: the model's own grid and the cells
(`blocks.py`), or columns that are joined again (`docs`, which sees the whole table).

The model places its edges by the heads as much as by the cells: numbers set to the right under
heads set to the left put two columns into one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from statistics import median
from typing import Final

from assets.pages.geometry import Box

MIN_ROWS: Final = 4
"""Rows that must have words on both sides: in fewer, spaces between words line up by chance."""
MIN_GUTTER: Final = 0.15
"""The least share of the words' height that no row may reach into, on top of rounding."""
MIN_GAP: Final = 1.0
"""And the least that half of the rows leave between their words on its two sides, in heights of a
word: spaces between words measure 0.19 (Times), 0.2 (Helvetica) and 0.5 (Courier)."""


def split_columns(
    rows: Sequence[float], columns: Sequence[float], boxes: Sequence[Box]
) -> tuple[float, ...]:
    """The inner edges of a table's columns, with those added where all rows have a gap.

    Args:
        rows: inner edges of the rows, top to bottom.
        columns: inner edges of the columns, left to right.
        boxes: the words of the table.
    """
    if len(rows) + 1 < MIN_ROWS or not boxes:
        return tuple(columns)
    held: list[list[Box]] = [[] for _ in range(len(columns) + 1)]
    for box in boxes:
        held[bisect_right(columns, (box[0] + box[2]) / 2)].append(box)
    height = median(box[3] - box[1] for box in boxes)
    added = [edge for words in held for edge in _gutters(words, rows, height)]
    return tuple(sorted([*columns, *added]))


def _gutters(words: Sequence[Box], rows: Sequence[float], height: float) -> list[float]:
    """The middles of the gutters of a column that part enough of its rows in two."""
    found: list[float] = []
    right = float("inf")
    for x0, x1 in sorted((box[0], box[2]) for box in words):
        middle = (right + x0) / 2
        if x0 - right >= MIN_GUTTER * height and _parts(words, rows, middle, MIN_GAP * height):
            found.append(middle)
        right = x1 if right == float("inf") else max(right, x1)
    return found


def _parts(words: Sequence[Box], rows: Sequence[float], edge: float, least: float) -> bool:
    """Whether enough rows have words on both sides of an edge, mostly this far apart."""
    left: dict[int, float] = {}
    right: dict[int, float] = {}
    for x0, y0, x1, y1 in words:
        row = bisect_right(rows, (y0 + y1) / 2)
        if (x0 + x1) / 2 < edge:
            left[row] = max(x1, left.get(row, x1))
        else:
            right[row] = min(x0, right.get(row, x0))
    gaps = [right[row] - left[row] for row in left if row in right]
    return len(gaps) >= MIN_ROWS and median(gaps) >= least
