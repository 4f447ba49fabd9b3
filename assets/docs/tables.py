"""Pipe tables: reading the ones of the pages, writing them anew, joining over pages.

Here: rows and cells. Not here: finding a table on a page (the pages stage does).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from assets.docs.joining import shorten_leaders
from assets.docs.markup import cell, unescape
from assets.docs.records import Block

Rows = tuple[tuple[str, ...], ...]

_SPLIT: Final = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_DELIMITER: Final = re.compile(r":?-{1,}:?")
_BREAK: Final = re.compile(r"(?<!\\)<br\s*/?>", re.IGNORECASE)

MANY_ROWS: Final = 8
MAX_HEAD_ROWS: Final = 4
MIN_KNOWN: Final = 2
MOSTLY: Final = 0.8
_NAMES: Final = re.compile(r"\s*(?:table|tab\.|tabelle|tableau|tabla|tabela)\s+\S", re.IGNORECASE)
_GOES_ON: Final = re.compile(r"\bcont(?:\.|'?d|inue)|fortsetz|\bsuite\b", re.IGNORECASE)
SAME_EDGE_POINTS: Final = 12.0
"""Left and right edges of a table and its continuation differ by less than this."""


def read_table(block: Block) -> Rows:
    """The rows of a table block, head first, all equally wide; empty when it is no pipe table."""
    lines = [line.strip() for line in block.markdown.split("\n") if line.strip()]
    if len(lines) < 2 or not all(line.startswith("|") for line in lines):
        return ()
    rows = [_cells(line) for line in lines]
    if not all(_DELIMITER.fullmatch(text) for text in rows[1]):
        return ()
    del rows[1]
    width = max(len(row) for row in rows)
    return _join_columns([[*row, *([""] * (width - len(row)))] for row in rows])


def _join_columns(rows: list[list[str]]) -> Rows:
    """Rows with neighbouring columns as one where they are halves of one.

    Numbers set to the right under a head set to the left are two columns to whoever looks for
    edges. No row has both; and one of them is without a head, or the table is long enough that this
    is no accident.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    joined: list[list[str]] = []
    for column in columns:
        if joined and _are_halves(joined[-1], column):
            joined[-1] = [a or b for a, b in zip(joined[-1], column, strict=True)]
        else:
            joined.append(column)
    return tuple(zip(*joined, strict=True))


def _are_halves(left: Sequence[str], right: Sequence[str]) -> bool:
    if any(a and b for a, b in zip(left, right, strict=True)):
        return False
    return bool(left[0]) != bool(right[0]) or len(left) >= MANY_ROWS


def _cells(line: str) -> tuple[str, ...]:
    inner = line[1:]
    # Odd numbers of backslashes before a bar escape it; keep even ones with their cell.
    marked = _SPLIT.sub(lambda found: found.group(1) + "\x00", inner)
    parts = marked.split("\x00")
    if parts and not parts[-1].strip():
        parts.pop()
    return tuple(shorten_leaders(unescape(_BREAK.sub("\n", part.strip()))) for part in parts)


def write_table(rows: Rows) -> str:
    """Rows as a pipe table; every cell is escaped."""
    written = ["|" + "|".join(cell(text) for text in row) + "|" for row in rows]
    written.insert(1, "|" + "|".join("---" for _ in rows[0]) + "|")
    return "\n".join(written)


def is_continued(before: Block, before_rows: Rows, after: Block, after_rows: Rows) -> bool:
    """Whether a table goes on at the top of the next page: the same columns, at the same place."""
    return (
        bool(before_rows and after_rows)
        and after.page == before.page + 1
        and len(before_rows[0]) == len(after_rows[0])
        and abs(before.x0 - after.x0) <= SAME_EDGE_POINTS
        and abs(before.x1 - after.x1) <= SAME_EDGE_POINTS
        and _agree(before_rows[1:], after_rows[1:] or after_rows)
    )


def names_another(caption: str) -> bool:
    """Whether what stands over a table names it as a new one, not as one that goes on."""
    return _NAMES.match(caption) is not None and not _GOES_ON.search(caption)


def _agree(before: Rows, after: Rows) -> bool:
    """Whether no column is numbers in one table and words in the other.

    Of a column that has fewer than two cells with text, nothing is known.
    """
    for left, right in zip(zip(*before, strict=True), zip(*after, strict=True), strict=False):
        known = [share for share in map(_number_share, (left, right)) if share is not None]
        if len(known) == 2 and max(known) >= MOSTLY and min(known) <= 1 - MOSTLY:
            return False
    return True


def _number_share(column: Sequence[str]) -> float | None:
    filled = [text for text in column if any(map(str.isalnum, text))]
    if len(filled) < MIN_KNOWN:
        return None
    return sum(not any(map(str.isalpha, text)) for text in filled) / len(filled)


def continue_rows(head: Rows, rows: Rows) -> Rows:
    """The rows that a continuation adds: without its head when that only repeats the first.

    Args:
        head: the first rows of the table that goes on.
        rows: those of its continuation.
    """
    same = 0
    while same < min(len(rows), len(head), MAX_HEAD_ROWS) and _plain(rows[same]) == _plain(
        head[same]
    ):
        same += 1
    return rows[same:]


def _plain(row: Sequence[str]) -> list[str]:
    return [" ".join(text.split()).casefold() for text in row]
