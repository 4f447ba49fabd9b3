"""Where a text stands in another, as a person who compares them would say.

Here: the comparison of golden cases, the nearest place of a text that is nowhere, and the cells of
markdown tables. Not here: cases and their verdicts (`cases.py`, `judging.py`).

No difference are: unicode forms, kinds of quotes and dashes, all white space, and hyphens between
letters (a broken word may be joined or not). Every other sign is one, and so is case. A text stands
only where its ends are ends of words. A place that is merely near never counts when one of the
words is missing there, however few letters it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from assets.docs.markup import unescape
from assets.evals.measures.matching import matched
from assets.evals.measures.words import plain, words_of

_HYPHEN: Final = re.compile(r"(?<=[^\W\d_])-\s?(?=[^\W\d_])")
_IMAGE: Final = re.compile(r"(?<!\\)!\[[^\[\]\n]*\]\(image:[0-9a-f]{64}\)")
_OUR_NOTE: Final = re.compile(r"^> \[.*$", re.MULTILINE)
_SHAPE: Final = re.compile(r"^(?:#{1,6} |> |[-*] |`{3,}$|\|(?:-{3,}\|)+$|\|)", re.MULTILINE)
_BORDER: Final = re.compile(r"(?<!\\)\||<br>")
_ROW: Final = re.compile(r"^\|(.*)\|$")
_RULE: Final = re.compile(r"^\|(?: ?:?-{3,}:? ?\|)+$")
_IN_NUMBER: Final = re.compile(r"\d[.,'\u2019]\d")
_AROUND: Final = 40

Table = list[list[str]]


@dataclass(frozen=True)
class Place:
    """The place of a text that is nearest to what is looked for.

    Attributes:
        error: 0 where it stands as it is; else the share of its characters, or of its words if
            that is more, that are wrong. 1 when nothing is like it.
        found: What stands there.
        missing: Its words that do not.
        start: Where, in characters of the text as it is compared; -1 when nowhere.
        end: Where it ends.
    """

    error: float
    found: str
    missing: tuple[str, ...] = ()
    start: int = -1
    end: int = -1

    def within(self, tolerance: float) -> bool:
        """Whether it counts as the text that was looked for."""
        return self.start >= 0 and not self.missing and self.error <= tolerance


class Searched:
    """A text that others are looked for in."""

    def __init__(self, text: str) -> None:
        self._plain = _HYPHEN.sub("", plain(text))
        self._places = [i for i, char in enumerate(self._plain) if char != " "]
        self._key = self._plain.replace(" ", "")

    def all(self, wanted: str) -> list[Place]:
        """Every place where a text stands as it is, in order; they do not overlap."""
        key = _key(wanted)
        found: list[Place] = []
        start = self._key.find(key) if key else -1
        while start >= 0:
            end = start + len(key)
            whole = self._is_whole(start, end)
            if whole:
                found.append(Place(0.0, self._said(start, end), (), start, end))
            start = self._key.find(key, end if whole else start + 1)
        return found

    def nearest(self, wanted: str, start: int = 0) -> Place:
        """The place where a text stands best, at or after a place."""
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.fuzz import partial_ratio_alignment

        exact = next((place for place in self.all(wanted) if place.start >= start), None)
        if exact is not None:
            return exact
        key, text = _key(wanted), self._key[start:]
        aligned = partial_ratio_alignment(key, text) if key and text else None
        if aligned is None or not aligned.score:
            return Place(1.0, "", tuple(words_of(plain(wanted))))
        first, last = self._ends_of_words(start + aligned.dest_start, start + aligned.dest_end)
        said = self._said(first, last)
        wrong = Levenshtein.distance(key, self._key[first:last]) / len(key)
        words = words_of(_HYPHEN.sub("", plain(wanted)))
        bags = matched(words, words_of(said))
        missing = tuple(bags.missing.elements())
        share = len(missing) / len(words) if words else 0.0
        return Place(min(1.0, max(wrong, share)), said, missing, first, last)

    def around(self, place: Place) -> str:
        """A place with what stands about it."""
        return self._said(max(0, place.start - _AROUND), place.end + _AROUND)

    def _said(self, start: int, end: int) -> str:
        if start >= len(self._places) or start < 0 or end <= start:
            return ""
        last = self._places[min(end, len(self._places)) - 1]
        return self._plain[self._places[start] : last + 1]

    def _is_whole(self, start: int, end: int) -> bool:
        return not (self._is_inside(start) or self._is_inside(end))

    def _is_inside(self, at: int) -> bool:
        """Whether a word or a number goes on across a border between two characters."""
        if not 0 < at < len(self._key):
            return False
        first, second = self._places[at - 1], self._places[at]
        if second - first > 1:
            return False
        left, right = self._plain[max(0, second - 2) : second], self._plain[second : second + 2]
        if _IN_NUMBER.fullmatch(left[-2:] + right[:1]) or _IN_NUMBER.fullmatch(left[-1:] + right):
            return True
        pair = left[-1:] + right[:1]
        return len(words_of(pair)) == 1 and all(map(str.isalnum, pair))

    def _ends_of_words(self, start: int, end: int) -> tuple[int, int]:
        while self._is_inside(start):
            start -= 1
        while self._is_inside(end):
            end += 1
        return start, end


def _key(wanted: str) -> str:
    return _HYPHEN.sub("", plain(wanted)).replace(" ", "")


def is_same(wanted: str, found: str) -> bool:
    """Whether two texts are one, but for differences that are none."""
    return _key(wanted) == _key(found)


def text_of_markdown(markdown: str) -> str:
    """The text of a document's markdown: no shapes, image references or notes of Quire's."""
    bare = _OUR_NOTE.sub("", _IMAGE.sub("", markdown))
    return unescape(_BORDER.sub(" ", _SHAPE.sub("", bare)))


def tables_of(markdown: str) -> Iterator[Table]:
    """The pipe tables of a page's or document's markdown: rows of the texts of cells."""
    rows: Table = []
    for line in [*markdown.split("\n"), ""]:
        row = _ROW.match(line.strip())
        if row is None:
            if rows:
                yield rows
            rows = []
        elif _RULE.match(line.strip()) is None:
            cells = re.split(r"(?<!\\)\|", row.group(1))
            rows.append([unescape(cell.replace("<br>", " ")).strip() for cell in cells])


def cells_of(tables: Sequence[Table], row: str, column: str) -> list[str]:
    """The cells that stand beside one text in its row and under another in its column."""
    return [
        cells[j]
        for table in tables
        for i, cells in enumerate(table)
        for j in range(len(cells))
        if any(is_same(row, label) for k, label in enumerate(cells) if k != j)
        and any(is_same(column, above[j]) for above in table[:i] if j < len(above))
    ]
