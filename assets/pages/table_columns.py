"""Columns of a table that the layout model took for one.

Here: edges where no word of any row stands. Not here: the model's own grid and the cells
(`layout.py`), or columns that are joined again (`docs`, which sees the whole table).

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
MIN_GAP: Final = 0.4
"""A gap's least share of the words' height: spaces between words are 0.25 to 0.33 of the size."""


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
    least = MIN_GAP * median(box[3] - box[1] for box in boxes)
    added = [edge for words in held for edge in _gaps(words, rows, least)]
    return tuple(sorted([*columns, *added]))


def _gaps(words: Sequence[Box], rows: Sequence[float], least: float) -> list[float]:
    """The middles of the gaps of a column that part enough of its rows in two."""
    found: list[float] = []
    right = float("inf")
    for x0, x1 in sorted((box[0], box[2]) for box in words):
        if x0 - right >= least and _parts(words, rows, (right + x0) / 2):
            found.append((right + x0) / 2)
        right = x1 if right == float("inf") else max(right, x1)
    return found


def _parts(words: Sequence[Box], rows: Sequence[float], edge: float) -> bool:
    left: set[int] = set()
    right: set[int] = set()
    for x0, y0, x1, y1 in words:
        (left if (x0 + x1) / 2 < edge else right).add(bisect_right(rows, (y0 + y1) / 2))
    return len(left & right) >= MIN_ROWS
