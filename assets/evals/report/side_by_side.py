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
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Final

from assets.evals.report.words import PageDiff, Piece, compare_pages, count_words
from resources.report.escaping import counted, visible

NARROW: Final = 60
"""Columns under which the sides stand one below the other."""
_NEAR: Final = 2
"""Lines shown around a difference."""
_SEPARATORS: Final = {True: " | ", False: "   "}
_MARKS: Final = {
    "old": {"changed": ("[-", "-]"), "moved": ("<~", "~>")},
    "new": {"changed": ("{+", "+}"), "moved": ("<~", "~>")},
}


@dataclass
class _Line:
    """A line with its marks; `first` and `end` count the words that both texts have, in order."""

    text: str = ""
    differs: bool = False
    first: int = 0
    end: int = 0

    @property
    def empty(self) -> bool:
        """Whether it shares no word with the other text."""
        return self.first == self.end


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
    sides = _lines(diff.old, "old"), _lines(diff.new, "new")
    parts = [*_told_before(diff)]
    if width < NARROW:
        parts += _below(sides[0], "old", width) + _below(sides[1], "new", width)
    else:
        parts += _beside(_aligned(*sides), (width - 3) // 2)
    return "\n".join([*parts, *_told_rest(diff)])


def _told_before(diff: PageDiff) -> Iterator[str]:
    gone = counted(diff.removed, "word")
    words = f"{gone} gone, {diff.added:,} come, {diff.moved:,} elsewhere"
    yield f"{words} ({diff.changed:.1%} of all)"
    if diff.before:
        yield f"... {diff.before:,} characters, the same in both"


def _told_rest(diff: PageDiff) -> Iterator[str]:
    if diff.rest_old or diff.rest_new:
        rest = f"{diff.rest_old:,} more characters of the old, {diff.rest_new:,} of the new"
        yield f"... {rest} are not compared"


def _lines(pieces: Sequence[Piece], side: str) -> list[_Line]:
    """The text's own lines; a mark that runs over lines is closed and opened again on each."""
    lines = [_Line()]
    for piece in pieces:
        for place, part in enumerate(visible(piece.text, lines=True).expandtabs(4).split("\n")):
            if place:
                lines.append(_Line(first=lines[-1].end, end=lines[-1].end))
            line = lines[-1]
            if piece.kind == "same" or not part.strip():
                line.text += part
                line.end += count_words(part)
            else:
                opened, closed = _MARKS[side][piece.kind]
                line.text += f"{opened}{part}{closed}"
                line.differs = True
    for line in lines:
        line.text = " ".join(line.text.split())
    return [line for line in lines if line.text]


def _aligned(old: Sequence[_Line], new: Sequence[_Line]) -> list[tuple[_Line, _Line]]:
    """Rows: lines that share words stand beside each other, and lines that share none."""
    rows: list[tuple[_Line, _Line]] = []
    left, right = list(reversed(old)), list(reversed(new))
    while left or right:
        a, b = left[-1] if left else None, right[-1] if right else None
        take_old = a is not None and (b is None or a.first < b.end or a.empty)
        take_new = b is not None and (a is None or b.first < a.end or b.empty)
        if a and b and a.empty != b.empty:  # what shares nothing stands alone, before the other
            take_old, take_new = a.empty, b.empty
        rows.append((left.pop() if take_old else _Line(), right.pop() if take_new else _Line()))
    return rows


def _beside(rows: Sequence[tuple[_Line, _Line]], column: int) -> list[str]:
    shown = _near([old.differs or new.differs for old, new in rows])
    out: list[str] = []
    for is_shown, group in groupby(zip(shown, rows, strict=True), key=lambda pair: pair[0]):
        part = [row for _, row in group]
        if not is_shown:
            out.append(f"... {counted(len(part), 'line')} alike")
            continue
        for old, new in part:
            separator = _SEPARATORS[old.differs or new.differs]
            for left, right in zip_longest(
                _wrapped(old.text, column), _wrapped(new.text, column), fillvalue=""
            ):
                out.append(f"{_padded(left, column)}{separator}{right}".rstrip())
    return out


def _below(lines: Sequence[_Line], side: str, width: int) -> list[str]:
    out = [f"{side}:"]
    shown = _near([line.differs for line in lines])
    for is_shown, group in groupby(zip(shown, lines, strict=True), key=lambda pair: pair[0]):
        part = [line.text for _, line in group]
        if is_shown:
            out += [f"  {row}" for text in part for row in _wrapped(text, max(width - 2, 8))]
        else:
            out.append(f"  ... {counted(len(part), 'line')} alike")
    return out


def _near(differs: Sequence[bool]) -> list[bool]:
    return [any(differs[max(0, i - _NEAR) : i + _NEAR + 1]) for i in range(len(differs))]


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
