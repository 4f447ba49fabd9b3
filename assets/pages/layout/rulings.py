"""The grid that a page draws around the cells of a table.

Here: which drawings are rulings, the rows and columns between them, and cells over several of them.
Not here: what stands in the cells (`table_cells.py`), or where a table is (`model.py`).

What is drawn wins over what the layout model guesses from white space: a cell whose text wraps is
one cell, and a cell over two columns is too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import pymupdf

from assets.pages.geometry import Box

WHITE: Final = (1.0, 1.0, 1.0)
MAX_SLANT: Final = 1.0
"""Points that the ends of a line may be off."""
MAX_THICKNESS: Final = 3.0
"""Points; rulings are 0.2 to 2 points thick, and the least type that is read is 4 points high."""
MIN_LENGTH: Final = 6.0
MARGIN: Final = 4.0
"""The model's boxes end at the text; the rulings around it stand a few points outside."""
MIN_COVERED: Final = 0.8
"""The share of a cell's side that must be drawn to part it from its neighbour: the underline of a
link covers less, and rulings drawn cell by cell leave gaps at the corners."""
MAX_CUT: Final = 0.05
"""The share of words that a ruling may run through; a grid goes around its words."""
STEP: Final = 8.0
SLACK: Final = 1.0
"""Points by which an underline may be longer than its words."""
MAX_LINES: Final = 400
"""Edges each way; more are hatchings and charts."""


@dataclass(frozen=True)
class Grid:
    """Edges of rows and columns, outer ones included, and for each base cell the one it is part of.

    `owner[row][column]` is the (row, column) of the cell's upper left base cell.
    """

    rows: tuple[float, ...]
    columns: tuple[float, ...]
    owner: tuple[tuple[tuple[int, int], ...], ...]

    def place(self, x: float, y: float) -> tuple[int, int]:
        """The (row, column) of the base cell at a point; what stands outside is in the nearest."""
        row = min(max(bisect_right(self.rows, y) - 1, 0), len(self.rows) - 2)
        column = min(max(bisect_right(self.columns, x) - 1, 0), len(self.columns) - 2)
        return row, column


def drawn_lines(page: pymupdf.Page) -> list[Box]:
    """All lines that a page draws along its sides, each as a thin box; none where it draws charts.

    The boxes of a text page's vectors are nearly these, and free; but around a stroke they are
    wider than the line by up to ten times its width (the limit of its mitres).
    """
    lines: list[Box] = []
    for path in page.get_cdrawings():
        if "s" in path["type"] and path["color"] != WHITE:
            for item in path["items"]:
                lines.extend(_stroked(item))
        elif "f" in path["type"] and path["fill"] != WHITE:
            # The sides of a filled rectangle are no lines: shading runs over rows as it likes.
            x0, y0, x1, y1 = path["rect"]
            if min(x1 - x0, y1 - y0) <= MAX_THICKNESS:
                lines.append((x0, y0, x1, y1))
    return [x for x in lines if max(x[2] - x[0], x[3] - x[1]) >= MIN_LENGTH]


def _stroked(item: tuple[Any, ...]) -> Iterator[Box]:
    """A straight line as it is, a rectangle as its four sides."""
    if item[0] == "l":
        (ax, ay), (bx, by) = item[1], item[2]
        if min(abs(ax - bx), abs(ay - by)) <= MAX_SLANT:
            yield (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
    elif item[0] == "re":
        x0, y0, x1, y1 = item[1]
        yield from ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1))


def rulings_in(lines: Sequence[Box], box: Box) -> tuple[Box, ...]:
    """The parts of lines that stand in and around a box."""
    x0, y0, x1, y1 = box[0] - MARGIN, box[1] - MARGIN, box[2] + MARGIN, box[3] + MARGIN
    near = (r for r in lines if r[2] > x0 and r[0] < x1 and r[3] > y0 and r[1] < y1)
    clipped = ((max(a, x0), max(b, y0), min(c, x1), min(d, y1)) for a, b, c, d in near)
    return tuple(dict.fromkeys(r for r in clipped if max(r[2] - r[0], r[3] - r[1]) >= MIN_LENGTH))


def drawn_grid(rulings: Sequence[Box], words: Sequence[Box]) -> Grid | None:
    """The grid that these lines draw around these words; None when it is less than two by two."""
    flat, tall = _by_direction(_without_underlines(rulings, words))
    rows, columns = _positions(flat), _positions(tall)
    if not words or not rows or not columns:
        return None
    columns = _around(columns, [w[0] for w in words], [w[2] for w in words])
    rows = _around(rows, [w[1] for w in words], [w[3] for w in words])
    if not 3 <= len(rows) <= MAX_LINES or not 3 <= len(columns) <= MAX_LINES:
        return None
    parted_rows = [[_covered(flat, y, a, b) for a, b in pairwise(columns)] for y in rows[1:-1]]
    parted_columns = [[_covered(tall, x, a, b) for x in columns[1:-1]] for a, b in pairwise(rows)]
    owner = _owners(parted_rows, parted_columns, len(rows) - 1, len(columns) - 1)
    grid = Grid(tuple(rows), tuple(columns), owner)
    in_use = {cell for row in owner for cell in row}
    if len({row for row, _ in in_use}) < 2 or len({column for _, column in in_use}) < 2:
        return None
    return grid if _is_around(grid, words) else None


def drawn_rows(rulings: Sequence[Box], words: Sequence[Box]) -> tuple[float, ...]:
    """Heights of the lines that run across all words, for tables ruled between their rows only."""
    if not words:
        return ()
    left, right = min(w[0] for w in words), max(w[2] for w in words)
    flat, _ = _by_direction(_without_underlines(rulings, words))
    return tuple(y for y in _positions(flat) if _covered(flat, y, left, right))


def _without_underlines(rulings: Sequence[Box], words: Sequence[Box]) -> list[Box]:
    """Rulings without those that stand within the height of words and are no longer than they."""
    by_height: dict[int, list[Box]] = {}
    for box in words:
        for step in range(int(box[1] // STEP), int(box[3] // STEP) + 1):
            by_height.setdefault(step, []).append(box)

    def underlines(x0: float, y: float, x1: float) -> bool:
        over = [
            b for b in by_height.get(int(y // STEP), ()) if (b[1] + b[3]) / 2 < y <= b[3] + SLACK
        ]
        over = [b for b in over if x0 - SLACK <= (b[0] + b[2]) / 2 <= x1 + SLACK]
        return bool(over) and (
            min(b[0] for b in over) <= x0 + SLACK and max(b[2] for b in over) >= x1 - SLACK
        )

    return [r for r in rulings if not underlines(r[0], (r[1] + r[3]) / 2, r[2])]


_Segment = tuple[float, float, float]
"""Where a line stands, and from where to where it runs."""


def _by_direction(rulings: Sequence[Box]) -> tuple[list[_Segment], list[_Segment]]:
    flat: list[_Segment] = []
    tall: list[_Segment] = []
    for x0, y0, x1, y1 in rulings:
        if x1 - x0 >= y1 - y0:
            flat.append(((y0 + y1) / 2, x0, x1))
        else:
            tall.append(((x0 + x1) / 2, y0, y1))
    return sorted(flat), sorted(tall)


def _positions(segments: Sequence[_Segment]) -> list[float]:
    """The middle of each group of segments that stand on one line."""
    groups: list[list[float]] = []
    for at, _, _ in segments:
        if groups and at - groups[-1][0] <= MAX_THICKNESS:
            groups[-1].append(at)
        else:
            groups.append([at])
    return [sum(group) / len(group) for group in groups]


def _covered(segments: Sequence[_Segment], at: float, start: float, end: float) -> bool:
    """Whether the segments at a position cover most of a stretch."""
    covered, reached = 0.0, start
    near = [s for s in segments if abs(s[0] - at) <= MAX_THICKNESS]
    for _, a, b in sorted(near, key=lambda s: s[1]):
        covered += max(0.0, min(b, end) - max(a, reached))
        reached = max(reached, b)
    return covered >= MIN_COVERED * (end - start)


def _around(edges: Sequence[float], starts: Sequence[float], ends: Sequence[float]) -> list[float]:
    """Edges with an outer one where words stand outside them: many tables are open at the sides."""
    found = list(edges)
    if any((a + b) / 2 < found[0] for a, b in zip(starts, ends, strict=True)):
        found.insert(0, min(*starts, found[0] - 1.0))
    if any((a + b) / 2 > found[-1] for a, b in zip(starts, ends, strict=True)):
        found.append(max(*ends, found[-1] + 1.0))
    return found


def _is_around(grid: Grid, words: Sequence[Box]) -> bool:
    """Whether the sides of cells run through next to no words."""
    cut = 0
    for x0, y0, x1, y1 in words:
        third = (x1 - x0) / 4
        left = grid.place(x0 + third, (y0 + y1) / 2)
        right = grid.place(x1 - third, (y0 + y1) / 2)
        cut += grid.owner[left[0]][left[1]] != grid.owner[right[0]][right[1]]
    return cut <= MAX_CUT * len(words)


def _owners(
    parted_rows: Sequence[Sequence[bool]],
    parted_columns: Sequence[Sequence[bool]],
    n_rows: int,
    n_columns: int,
) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Base cells that no line parts, as one; what is then no rectangle stays in pieces."""
    group = {(r, c): (r, c) for r in range(n_rows) for c in range(n_columns)}

    def find(cell: tuple[int, int]) -> tuple[int, int]:
        while group[cell] != cell:
            group[cell] = group[group[cell]]
            cell = group[cell]
        return cell

    for r, c in list(group):
        if r + 1 < n_rows and not parted_rows[r][c]:
            _join(find((r, c)), find((r + 1, c)), group)
        if c + 1 < n_columns and not parted_columns[r][c]:
            _join(find((r, c)), find((r, c + 1)), group)
    members: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for cell in list(group):
        members.setdefault(find(cell), []).append(cell)
    owner = {cell: cell for cell in group}
    for cells in members.values():
        (r0, c0), (r1, c1) = map(min, zip(*cells)), map(max, zip(*cells))  # noqa: B905
        if (r1 - r0 + 1) * (c1 - c0 + 1) == len(cells):
            owner.update(dict.fromkeys(cells, (r0, c0)))
    return tuple(tuple(owner[r, c] for c in range(n_columns)) for r in range(n_rows))


def _join(
    a: tuple[int, int], b: tuple[int, int], group: dict[tuple[int, int], tuple[int, int]]
) -> None:
    group[max(a, b)] = min(a, b)
