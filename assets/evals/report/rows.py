"""The lines of two compared texts beside each other: what shares words stands in one row.

Here: rows, and which of them are near a difference. Not here: the comparison of words (`words.py`),
or how rows are shown (`pages.py`, `side_by_side.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from assets.evals.report.words import PageDiff, Piece, count_words


@dataclass
class Line:
    """A line of one side; `first` and `end` count the words that both texts have, in order."""

    pieces: list[Piece] = field(default_factory=list)
    first: int = 0
    end: int = 0
    after_gap: bool = False
    """Whether a line without text stands before it."""

    @property
    def differs(self) -> bool:
        """Whether any of it is not in the other text, or elsewhere in it."""
        return any(piece.kind != "same" for piece in self.pieces)

    @property
    def alone(self) -> bool:
        """Whether it shares no word with the other text."""
        return self.first == self.end


Row = tuple[Line | None, Line | None]
"""An old line and a new one; None where the other side has nothing beside it."""


def rows_of(diff: PageDiff) -> list[Row]:
    """Both texts in rows; lines without text are left out."""
    return list(_aligned(lines_of(diff.old), lines_of(diff.new)))


def lines_of(pieces: Sequence[Piece]) -> list[Line]:
    """One text by its own lines; a piece that runs over lines is cut."""
    lines = [Line()]
    for piece in pieces:
        for place, part in enumerate(piece.text.split("\n")):
            if place:
                lines.append(Line(first=lines[-1].end, end=lines[-1].end))
            if not part:
                continue
            line = lines[-1]
            kind = piece.kind if part.strip() else "same"
            line.pieces.append(Piece(part, kind))
            line.end += count_words(part) if kind == "same" else 0
    return list(_with_text(lines))


def _with_text(lines: Sequence[Line]) -> Iterator[Line]:
    gap = False
    for line in lines:
        if any(piece.text.strip() for piece in line.pieces):
            line.after_gap = gap
            gap = False
            yield line
        else:
            gap = True


def _aligned(old: Sequence[Line], new: Sequence[Line]) -> Iterator[Row]:
    left, right = list(reversed(old)), list(reversed(new))
    while left or right:
        a, b = left[-1] if left else None, right[-1] if right else None
        take_old = a is not None and (b is None or a.first < b.end or a.alone)
        take_new = b is not None and (a is None or b.first < a.end or b.alone)
        if a and b and a.alone != b.alone:  # what shares nothing stands before the other
            take_old, take_new = a.alone, b.alone
        yield left.pop() if take_old else None, right.pop() if take_new else None


def stretches(rows: Sequence[Row], near: int) -> Iterator[tuple[bool, list[Row]]]:
    """Rows in turns: those within `near` rows of a difference (True), and the others (False)."""
    differs = [any(line is not None and line.differs for line in row) for row in rows]
    shown = [any(differs[max(0, i - near) : i + near + 1]) for i in range(len(rows))]
    for is_shown, group in groupby(zip(shown, rows, strict=True), key=lambda pair: pair[0]):
        yield is_shown, [row for _, row in group]
