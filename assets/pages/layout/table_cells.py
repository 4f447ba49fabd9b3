"""The cells of a table that the layout model found: rows of text.

Here: which words stand in which cell, by the drawn grid if there is one, else by the model's edges;
rows that only carry on the row above. Not here: the grid (`rulings.py`), columns that the model
put into one (`table_columns.py`), writing (`markdown.py`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from assets.pages import markdown
from assets.pages.geometry import Box, holds_centre
from assets.pages.layout.model import Region
from assets.pages.layout.rulings import Grid, drawn_grid, drawn_rows
from assets.pages.layout.table_columns import MIN_GAP, split_columns

Words = Sequence[tuple[Box, str]]
_Cell = list[tuple[Box, str]]
_Placed = tuple[int, tuple[Box, str]]
"""A word and the column it stands in."""

UNDIVIDED_LINES: Final = 3
UNDIVIDED_SHARE: Final = 0.75
"""A band between two rulings with at least so many lines, of which the columns have at least this
share, may hold rows that nobody ruled; text that wraps leaves its neighbours' cells shorter."""
MAX_UNPARTED: Final = 0.2
"""The share of drawn cells with a gap as wide as between columns; with more, the lines do not part
the columns, such as one line beside the first column or around the head."""
SPACE: Final = 0.2
"""The width of a space in heights of a word (Times 0.19, Helvetica 0.2)."""
PADDED: Final = 0.9
"""The share of a drawn cell's width that text may fill; the rest is white at its sides."""
SAME_LEFT: Final = 0.2
"""Lines of one cell start at one place, to this share of their height."""
HANGING: Final = 2.0
"""In a first column they may be set in by so many heights."""
MAX_LEADING: Final = 0.6
"""The white between two lines of one cell, in heights of a line: set solid it is 0, double-spaced
type has about 1."""
MIN_WRAPPED: Final = 6.0
"""A line that wraps is at least so many heights long, about a dozen letters: short cells of one
column end at one place by chance."""


def table_texts(region: Region, words: Words) -> list[list[str]]:
    """The rows of a table, cells equally many in each; no row and no column is empty.

    Args:
        region: the table.
        words: those of the page, in the order of its text.
    """
    inside = [word for word in words if holds_centre(region.box, word[0])]
    boxes = [box for box, _ in inside]
    grid = _grid(region, inside)
    if grid is not None:
        texts = _drawn(grid, inside)
    else:
        rows = _ruled_rows(region, inside)
        columns = split_columns(rows, region.columns, boxes)
        cells = _cells(rows, columns, inside)
        texts = [[_text(cell) for cell in row] for row in _carried_on(cells)]
    texts = [row for row in texts if any(row)]
    return _without_empty(texts) if texts else []


def has_grid(region: Region, words: Words) -> bool:
    """Whether the page draws the cells of a table."""
    return _grid(region, [word for word in words if holds_centre(region.box, word[0])]) is not None


def _grid(region: Region, words: Words) -> Grid | None:
    """The grid drawn around the cells; None when there is none, or it leaves columns unparted."""
    boxes = [box for box, _ in words]
    grid = drawn_grid(region.rulings, boxes)
    if grid is None:
        return None
    held: dict[tuple[int, int], list[Box]] = {}
    for box in boxes:
        row, column = grid.place((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        held.setdefault(grid.owner[row][column], []).append(box)
    wide = sum(any(map(_is_wide, _lines([(0, (b, "")) for b in cell]))) for cell in held.values())
    return grid if wide <= MAX_UNPARTED * len(held) else None


def _is_wide(line: Sequence[_Placed]) -> bool:
    """Whether words of a line stand as far apart as those of two columns."""
    boxes = sorted(box for _, (box, _) in line)
    return any(b[0] - a[2] >= MIN_GAP * (b[3] - b[1]) for a, b in pairwise(boxes))


def _text(words: Words) -> str:
    return markdown.clean(" ".join(word for _, word in words))


def _drawn(grid: Grid, words: Words) -> list[list[str]]:
    """Text by drawn cell; a band of rows without rulings between them is parted at its lines."""
    bands: list[list[_Placed]] = [[] for _ in grid.rows[1:]]
    for box, word in words:
        row, column = grid.place((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        row, column = grid.owner[row][column]
        bands[row].append((column, (box, word)))
    texts: list[list[str]] = []
    for number, band in enumerate(bands):
        for row_words in _spread(band, grid) or _parted(band, grid, number):
            cells: list[_Cell] = [[] for _ in grid.columns[1:]]
            for column, placed in row_words:
                cells[column].append(placed)
            texts.append([_text(cell) for cell in cells])
    return texts


def _spread(band: Sequence[_Placed], grid: Grid) -> list[list[_Placed]]:
    """The lines of a band where one of its cells holds the heads of several columns; else none.

    Such heads stand under the name of their group, in one frame with it, as far apart as columns.
    """
    lines: list[list[_Placed]] = []
    found = False
    for line in _lines(band):
        placed: list[_Placed] = []
        for column in {c for c, _ in line}:
            cell = [word for c, word in line if c == column]
            if _is_wide([(column, word) for word in cell]):
                found = True
                placed += [(_column(grid, box), (box, word)) for box, word in cell]
            else:
                placed += [(column, word) for word in cell]
        lines.append(placed)
    return lines if found else []


def _column(grid: Grid, box: Box) -> int:
    return grid.place((box[0] + box[2]) / 2, box[1])[1]


def _parted(band: Sequence[_Placed], grid: Grid, number: int) -> Iterator[Sequence[_Placed]]:
    """The words of a band as one row, or line by line where it holds rows that nobody ruled.

    They are rows when nearly every column goes on from line to line, and most lines end although
    the next line's first word would still have fitted.
    """
    lines = _lines(band)
    columns = {column for column, _ in band}
    filled = sum(len({column for column, _ in line}) for line in lines)
    if (
        len(columns) < 2
        or len(lines) < UNDIVIDED_LINES
        or filled < UNDIVIDED_SHARE * len(lines) * len(columns)
    ):
        yield band
        return
    ends = [
        _has_room(line, following, column, _width(grid, number, column))
        for line, following in pairwise(lines)
        for column in {c for c, _ in line} & {c for c, _ in following}
    ]
    yield from lines if sum(ends) * 2 > len(ends) else (band,)


def _width(grid: Grid, row: int, column: int) -> float:
    owner = grid.owner[row]
    last = max(c for c in range(len(owner)) if owner[c] == owner[column])
    return grid.columns[last + 1] - grid.columns[column]


def _has_room(
    line: Sequence[_Placed], following: Sequence[_Placed], column: int, width: float
) -> bool:
    """Whether the first word of the next line would have fitted at the end of this one."""
    here = [box for c, (box, _) in line if c == column]
    first = next(box for c, (box, _) in following if c == column)
    used = max(box[2] for box in here) - min(box[0] for box in here)
    return used + SPACE * (first[3] - first[1]) + first[2] - first[0] <= PADDED * width


def _lines(band: Sequence[_Placed]) -> list[list[_Placed]]:
    """Words by line, top to bottom, in each as they come."""
    lines: list[tuple[float, list[int]]] = []
    order = sorted(range(len(band)), key=lambda i: band[i][1][0][1] + band[i][1][0][3])
    for i in order:
        _, y0, _, y1 = band[i][1][0]
        if lines and (y0 + y1) / 2 <= lines[-1][0]:
            lines[-1][1].append(i)
        else:
            lines.append((y1, [i]))
    return [[band[i] for i in sorted(members)] for _, members in lines]


def _ruled_rows(region: Region, words: Words) -> tuple[float, ...]:
    """The inner edges of the rows: the drawn ones where each row has its own, else the model's.

    A band between two rulings stays as the model cut it when its first column has more than one
    cell: rulings around a head and a body do not part the rows of the body.
    """
    drawn = drawn_rows(region.rulings, [box for box, _ in words])
    if len(drawn) < UNDIVIDED_LINES + 1:
        return region.rows
    first = min(region.columns, default=float("inf"))
    labels = [box for box, _ in words if (box[0] + box[2]) / 2 < first]
    edges = [float("-inf"), *drawn, float("inf")]
    kept = list(drawn)
    for top, bottom in pairwise(edges):
        inner = [y for y in region.rows if top < y < bottom]
        parts = {bisect_right(inner, (b[1] + b[3]) / 2) for b in labels if top < b[1] < bottom}
        if len(parts) != 1:
            kept.extend(inner)
    return tuple(sorted(kept))


def _cells(rows: Sequence[float], columns: Sequence[float], words: Words) -> list[list[_Cell]]:
    cells: list[list[_Cell]] = [[[] for _ in range(len(columns) + 1)] for _ in range(len(rows) + 1)]
    for box, word in words:
        row = bisect_right(rows, (box[1] + box[3]) / 2)
        column = bisect_right(columns, (box[0] + box[2]) / 2)
        cells[row][column].append((box, word))
    return [row for row in cells if any(row)]


def _carried_on(rows: Sequence[list[_Cell]]) -> list[list[_Cell]]:
    """Rows with those that only carry on the text of the row above as part of it."""
    columns = zip(*rows, strict=True)
    rights = [max((b[2] for cell in column for b, _ in cell), default=0.0) for column in columns]
    merged: list[list[_Cell]] = []
    for row in rows:
        if merged and _carries_on(merged[-1], row, rights):
            merged[-1] = [[*above, *below] for above, below in zip(merged[-1], row, strict=True)]
        else:
            merged.append(row)
    return merged


def _carries_on(above: list[_Cell], row: list[_Cell], rights: Sequence[float]) -> bool:
    """Whether a row is the rest of the one above.

    It has fewer cells, no white is between, and each of its cells goes on where the line above had
    no room left. A row of a first cell alone is a heading unless it starts in small letters.
    """
    filled = [i for i, cell in enumerate(row) if cell]
    if not above[0] or len(filled) >= sum(map(bool, above)):
        return False
    if 0 in filled and (len(filled) > 1 or not row[0][0][1][0].islower()):
        return False
    return all(bool(above[i]) and _wraps(above[i], row[i], rights[i], first=i == 0) for i in filled)


def _wraps(above: _Cell, below: _Cell, right: float, *, first: bool) -> bool:
    bottom = max(box[3] for box, _ in above)
    last = [box for box, _ in above if box[3] >= bottom - (box[3] - box[1]) / 2]
    height = median(box[3] - box[1] for box, _ in below)
    (x0, y0, x1, _), word = below[0]
    start, end = min(box[0] for box in last), max(box[2] for box in last)
    inset = x0 - start
    return (
        any(c.isalpha() for c in word)
        and -SAME_LEFT * height <= inset <= (HANGING if first else SAME_LEFT) * height
        and y0 - bottom <= MAX_LEADING * height
        and end - start >= MIN_WRAPPED * height
        and end + SPACE * height + x1 - x0 > right
    )


def _without_empty(rows: list[list[str]]) -> list[list[str]]:
    """Rows without empty columns, and without those that hold a heading and nothing below it.

    Over a column of numbers set to the right, the model finds a column of its own for the heading.
    """
    columns = [list(column) for column in zip(*rows, strict=True) if any(column)]
    merged: list[list[str]] = []
    for column in columns:
        last = merged[-1] if merged else None
        if last and last[0] and not any(last[1:]) and not column[0]:
            last[1:] = column[1:]
        else:
            merged.append(column)
    return [list(row) for row in zip(*merged, strict=True)]
