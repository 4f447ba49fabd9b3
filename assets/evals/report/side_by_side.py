"""Two readings of one page beside each other in a terminal, as plain text.

Here: two columns of lines with marks, in a given width. Not here: the comparison (`words.py`), or
HTML (`pages.py`).

The marks are words' own, so that they can be read without colour: `[-gone-]` and `{+come+}` as
`git diff --word-diff` has them, and `<~elsewhere~>` for words that both sides have at
another place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from assets.evals.report.rows import Line, Row, rows_of, stretches
from assets.evals.report.words import PageDiff, compare_pages
from resources.report.escaping import counted, percent, visible

NARROW: Final = 60
"""Columns under which the sides stand one below the other."""
_NEAR: Final = 2
"""Lines shown around a difference."""
_SEPARATORS: Final = {True: " | ", False: "   "}
_MARKS: Final = (
    {"changed": ("[-", "-]"), "moved": ("<~", "~>")},
    {"changed": ("{+", "+}"), "moved": ("<~", "~>")},
)
"""Of the old side and of the new."""


def diff_text(old: str, new: str, width: int) -> str:
    """Two texts side by side, differing words marked; lines that are alike are left out.

    Args:
        old: The text before; hidden and control characters are written out.
        new: The text now.
        width: Columns of the terminal; under `NARROW` the sides stand one below the other.
    """
    diff = compare_pages(old, new)
    if diff.changed == 0 and not (diff.rest_old or diff.rest_new):
        return "the words are the same"
    rows = rows_of(diff)
    parts = [*_told_before(diff)]
    if width < NARROW:
        parts += _below(rows, 0, max(width - 2, 8)) + _below(rows, 1, max(width - 2, 8))
    else:
        parts += _beside(rows, (width - 3) // 2)
    return "\n".join([*parts, *_told_rest(diff)])


def _told_before(diff: PageDiff) -> Iterator[str]:
    gone = counted(diff.removed, "word")
    words = f"{gone} gone, {diff.added:,} come, {diff.moved:,} elsewhere"
    yield f"{words} ({percent(diff.changed)} of all)"
    if diff.before:
        yield f"... {diff.before:,} characters, the same in both"


def _told_rest(diff: PageDiff) -> Iterator[str]:
    if diff.rest_old or diff.rest_new:
        rest = f"{diff.rest_old:,} more characters of the old, {diff.rest_new:,} of the new"
        yield f"... {rest} are not compared"


def _beside(rows: Sequence[Row], column: int) -> list[str]:
    out: list[str] = []
    for shown, part in stretches(rows, _NEAR):
        if not shown:
            out.append(_alike(part))
            continue
        for old, new in part:
            differs = any(line is not None and line.differs for line in (old, new))
            left, right = (_wrapped(_marked(line, i), column) for i, line in enumerate((old, new)))
            for a, b in zip_longest(left, right, fillvalue=""):
                out.append(f"{_padded(a, column)}{_SEPARATORS[differs]}{b}".rstrip())
    return out


def _below(rows: Sequence[Row], side: int, width: int) -> list[str]:
    """One side alone; the other follows."""
    out = [("old:", "new:")[side]]
    for shown, part in stretches(rows, _NEAR):
        lines = [row[side] for row in part if row[side] is not None]
        if shown:
            out += [f"  {row}" for line in lines for row in _wrapped(_marked(line, side), width)]
        elif lines:
            out.append(f"  {_alike(part)}")
    return out


def _alike(part: Sequence[Row]) -> str:
    return f"... {counted(len(part), 'line')} alike"


def _marked(line: Line | None, side: int) -> str:
    """A line with its marks, control characters written out."""
    parts = []
    for piece in line.pieces if line else ():
        opened, closed = ("", "") if piece.kind == "same" else _MARKS[side][piece.kind]
        parts.append(f"{opened}{visible(piece.text, lines=True)}{closed}")
    return " ".join("".join(parts).split())


def _wrapped(text: str, column: int) -> list[str]:
    """The text in rows of at most `column` columns, cut at spaces where there are any."""
    rows, row = [], ""
    for word in text.split(" "):
        joined = f"{row} {word}" if row else word
        if _columns(joined) <= column:
            row = joined
            continue
        if row:
            rows.append(row)
        *full, row = _cut(word, column)
        rows += full
    return [*rows, row]


def _cut(word: str, column: int) -> list[str]:
    parts, part, wide = [], "", 0
    for character in word:
        columns = _columns(character)
        if part and wide + columns > column:
            parts.append(part)
            part, wide = "", 0
        part += character
        wide += columns
    return [*parts, part]


def _padded(text: str, column: int) -> str:
    return text + " " * max(0, column - _columns(text))


def _columns(text: str) -> int:
    """Columns of a terminal: Han and kana take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
