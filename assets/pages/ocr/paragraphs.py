"""Which of OCR's lines are one paragraph, and which short ones are headings.

Here: decisions on boxes and letters of lines that are in reading order already. Not here: that
order (`../layout/reading_order.py`), and blocks (`blocks.py`).

The distance from line to line decides, not the white between boxes: boxes are padded, and as high
as the letters in them happen to be, which leaves white of any height. Their middles keep the
distance of the type to a tenth (measured with RapidOCR on a rendered page of 9 pt type set at 10:
9.4 to 10.8 points).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, Literal

from assets.pages import markdown
from assets.pages.geometry import shared_width
from assets.pages.records import Line

HEADING_RATIO: Final = 1.25
"""Heights of boxes vary by 10-15 % with ascenders and descenders alone."""
PARAGRAPH_GAP: Final = 0.75
"""White between two lines, in heights of a line, from which a paragraph starts where the distance
of lines is not known; lines set solid to 1.5 spacing stay below, since boxes are padded."""
APART: Final = 1.3
"""Distance of two lines, over the usual one, from which they are apart: half a line more is the
least that style sheets put around headings; a quarter is within what boxes are off by."""
DOUBLE_SPACED: Final = 1.5
"""White in heights of a line that one paragraph can have: double spacing gives 0.5 to 1.2."""
CLOSE: Final = 1.12
"""Distance over the usual one that lines of one paragraph may have."""
OWN_LINES: Final = 3
"""A paragraph of more lines than this knows its own distance of lines."""
MIN_PROSE_LINE: Final = 30
"""Characters of a line of double-spaced prose; shorter lines far apart are entries of a list."""
NEAR: Final = 12
"""Lines before and after that tell what is usual."""
INDENT: Final = 0.6
"""Of the type's size: the least indent in use is one em, and a box's side is off by a quarter."""
NOTE_PITCH: Final = 0.93
"""Distance of footnotes' lines over the body's: they are set at 8 on 9.5 for 10 on 12 points."""
FOOT_APART: Final = 2.0
"""Distance over that of footnotes' lines from which the last line is the page's foot."""
MAX_NOTES: Final = 40
"""Paragraphs at the foot of a column that are looked at."""
MAX_HEADING_LINES: Final = 2
MAX_STACKED: Final = 3
"""Texts below that are looked at: headings of two levels stand above one another, then prose."""
MAX_HEADING_CHARS: Final = 100
MIN_PROSE_CHARS: Final = 60
"""A text as long as this is prose that a heading can stand above."""
MIN_PROSE_LINES: Final = 2
"""And of at least as many lines, for their usual distance to be known."""
SHORT: Final = 0.75
"""Of the widest line below: a line as wide as this may be a sentence that goes on."""
MIN_LETTERS: Final = 3

_ITEM: Final = re.compile(
    rf"\s*(?:[{markdown.BULLETS}*-]|\(?(?:\d{{1,3}}|[a-zA-Z]|[ivxIVX]{{1,5}})[.)])"
)
_CAPTION: Final = re.compile(r"(?i)(?:fig|tab|abb|plate|box)[a-z]*\.?\s*\d")
_NOTE: Final = re.compile(
    r"\s*(?:[*\u2020\u2021\u00a7]|[\d\u00b2\u00b3\u00b9\u2070-\u2079]{1,3}\s?[^\W\d_])"
)
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_STOPS: Final = tuple(".!?:;,-\u2010\u2013\u2014")
_ENDS: Final = tuple(".!?:\"'\u201d\u2019)")


Role = Literal["text", "heading", "footnote"]


@dataclass(frozen=True)
class Paragraph:
    """Lines that belong together, and what they are by where they stand."""

    lines: tuple[Line, ...]
    role: Role = "text"

    @property
    def text(self) -> str:
        """Its lines as one."""
        return " ".join(line.text for line in self.lines)


def paragraphs(rows: Sequence[Line]) -> list[Paragraph]:
    """Paragraphs of lines in reading order; headings and footnotes told by where they stand."""
    found: list[Paragraph] = []
    seen_prose = False
    for run in _runs(rows):
        groups = _Run(run).groups()
        first_note = _first_note(groups)
        for i, group in enumerate(groups[:first_note]):
            is_heading = seen_prose and _is_heading(
                group, groups[i - 1 : i], groups[i + 1 : first_note][:MAX_STACKED]
            )
            found.append(Paragraph(tuple(group), "heading" if is_heading else "text"))
            seen_prose = seen_prose or _is_prose(group)
        notes = _notes(groups[first_note:])
        foot = notes.pop() if _is_foot(notes) else []
        found += [Paragraph(tuple(note), "footnote") for note in notes]
        found += [Paragraph(tuple(foot))] if foot else []
    return found


def _is_foot(notes: Sequence[Sequence[Line]]) -> bool:
    """Whether the last of these notes is the foot of the page: a line apart from them."""
    if len(notes) < 2 or len(notes[-1]) > 1:
        return False
    near = [_pitch(a, b) for note in notes for a, b in itertools.pairwise(note)]
    return bool(near) and _pitch(notes[-2][-1], notes[-1][0]) > FOOT_APART * median(near)


def _first_note(groups: Sequence[Sequence[Line]]) -> int:
    """The group of a column from which on all are footnotes; their number when none is.

    Notes are set closer than the body, apart from it, at the foot of a column, and one of them at
    least starts with its mark: the first may go on from the column before.
    """
    usual_size = median(_size(group) for group in groups)
    plain = [_size(group) <= HEADING_RATIO * usual_size for group in groups]
    pitches = [[_pitch(a, b) for a, b in itertools.pairwise(group)] for group in groups]
    for first in range(max(1, len(groups) - MAX_NOTES), len(groups)):
        body = [
            p
            for own, is_plain in zip(pitches[:first], plain, strict=False)
            if is_plain
            for p in own
        ]
        notes = [own for own in pitches[first:] if own]
        if len(body) < OWN_LINES or not notes:
            continue
        usual = median(body)
        if (
            _pitch(groups[first - 1][-1], groups[first][0]) > APART * usual
            and all(median(own) <= NOTE_PITCH * usual for own in notes)
            and any(_NOTE.match(group[0].text) for group in groups[first : first + 2])
            and all(plain[first:])
        ):
            return first
    return len(groups)


def _notes(groups: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Groups of footnotes cut where a note ends and the next line starts with a mark."""
    found: list[list[Line]] = []
    for group in groups:
        found.append([group[0]])
        for before, line in itertools.pairwise(group):
            if _NOTE.match(line.text) and before.text.rstrip().endswith(_ENDS):
                found.append([])
            found[-1].append(line)
    return found


def _size(group: Sequence[Line]) -> float:
    return median(line.size for line in group)


def _runs(rows: Sequence[Line]) -> list[list[Line]]:
    """Lines each of which stands below the one before: a column, or what is across columns."""
    runs = [[rows[0]]]
    for before, line in itertools.pairwise(rows):
        height = min(_height(before), _height(line))
        upwards = line.box[1] - before.box[3] < -height
        if upwards or shared_width(before.box, line.box) <= 0:
            runs.append([])
        runs[-1].append(line)
    return runs


class _Run:
    """The lines of a column, and what is usual around each."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._pitches = [_pitch(a, b) for a, b in itertools.pairwise(lines)]

    def groups(self) -> list[list[Line]]:
        groups = [[self._lines[0]]]
        for i in range(1, len(self._lines)):
            if self._starts(groups[-1], i):
                groups.append([])
            groups[-1].append(self._lines[i])
        return groups

    def _starts(self, group: Sequence[Line], i: int) -> bool:
        last, line = group[-1], self._lines[i]
        if self._is_apart(group, i) or self._is_of_other_size(group, i):
            return True
        if markdown.starts_item(line.text) or markdown.starts_number(line.text):
            return True
        right = max(x.box[2] for x in group)
        ended = right - last.box[2] > 4 * line.size and last.text.rstrip()[-1:] in ".!?:"
        return ended or self._is_indented(group, i)

    def _is_apart(self, group: Sequence[Line], i: int) -> bool:
        last, line = group[-1], self._lines[i]
        height = min(_height(last), _height(line))
        gap = (line.box[1] - last.box[3]) / height
        usual = self._usual(group, i)
        if usual is None:
            return gap > PARAGRAPH_GAP
        if self._pitches[i - 1] > APART * usual and (gap >= 0 or len(group) > OWN_LINES):
            return True
        if gap <= PARAGRAPH_GAP:
            return False
        is_prose = len(last.text) >= MIN_PROSE_LINE and self._is_full(last, i - 1)
        return gap > DOUBLE_SPACED or not is_prose

    def _is_of_other_size(self, group: Sequence[Line], i: int) -> bool:
        """A little larger only counts at a little more than the usual distance."""
        last, line = group[-1], self._lines[i]
        ratio = max(last.size, line.size) / max(1.0, min(last.size, line.size))
        usual = self._usual(group, i)
        if usual is not None and self._pitches[i - 1] < CLOSE * usual:
            return ratio > HEADING_RATIO * CLOSE
        return ratio > HEADING_RATIO

    def _usual(self, group: Sequence[Line], i: int) -> float | None:
        """The distance of lines here: the paragraph's own, else the smaller ones around.

        None where it is not known: few lines, or type that is larger than what is around.
        """
        if len(group) > OWN_LINES:
            return median(self._pitches[i - len(group) : i - 1])
        first, end = max(0, i - NEAR), i + NEAR
        near = self._pitches[first:end]
        size = median(line.size for line in self._lines[first:end])
        is_larger = min(group[-1].size, self._lines[i].size) > HEADING_RATIO * size
        return None if is_larger or len(near) <= OWN_LINES else quantiles(near, n=5)[1]

    def _is_full(self, line: Line, i: int) -> bool:
        """Whether a line reaches the right edge that lines around it have."""
        right = max(x.box[2] for x in self._lines[max(0, i - 2) : i + 3])
        return right - line.box[2] < 4 * line.size

    def _is_indented(self, group: Sequence[Line], i: int) -> bool:
        """Whether a line starts further right than the flush ones before and after it."""
        last, line = group[-1], self._lines[i]
        left = min(x.box[0] for x in group)
        indent = line.box[0] - last.box[0]
        if indent <= INDENT * line.size or last.box[0] - left >= line.size:
            return False
        if len(group) == 1 and _ITEM.match(last.text):  # an item's next lines hang
            return False
        if indent > 2 * INDENT * line.size:
            return True
        after = self._lines[i + 1] if i + 1 < len(self._lines) else None
        back = after is None or line.box[0] - after.box[0] > INDENT * line.size
        return back and (not self._is_full(last, i - 1) or last.text.rstrip().endswith(_ENDS))


def _is_heading(
    group: Sequence[Line], before: Sequence[Sequence[Line]], following: Sequence[Sequence[Line]]
) -> bool:
    """Whether a short text above prose is set apart from it and from what is before, or centred."""
    text = _text(group)
    after = next((lines for lines in following if not _may_be_heading(lines)), ())
    if not _may_be_heading(group) or not _is_prose(after):
        return False
    first, last = group[0], group[-1]
    near = [*after, *(line for lines in before for line in lines)]
    left, right = min(x.box[0] for x in near), max(x.box[2] for x in near)
    off = abs((first.box[0] + first.box[2]) - (left + right)) / 2
    if off < first.size and first.box[0] - left > 4 * first.size:
        return _is_capitalised(text)
    if first.box[0] - left > 2 * first.size or len(after) < MIN_PROSE_LINES:
        return False
    usual = median(_pitch(a, b) for a, b in itertools.pairwise(after))
    above = _pitch(before[-1][-1], first) if before else float("inf")
    if not (
        above > APART * usual and CLOSE * usual < _pitch(last, following[0][0]) < CLOSE * above
    ):
        return False
    widest = max(line.box[2] - line.box[0] for line in after)
    is_between = bool(before) and (_text(before[-1]).endswith(_ENDS) or _may_be_heading(before[-1]))
    is_short = last.box[2] - last.box[0] < SHORT * widest and after[0].text[:1].isupper()
    return _is_capitalised(text) or (is_between and is_short)


def _text(lines: Sequence[Line]) -> str:
    return " ".join(line.text for line in lines).strip()


def _may_be_heading(lines: Sequence[Line]) -> bool:
    """Whether lines may name a section: no sentence, no caption, no label with its value."""
    text = _text(lines)
    if len(lines) > MAX_HEADING_LINES or len(text) > MAX_HEADING_CHARS:
        return False
    if text.endswith(_STOPS) or _CAPTION.match(text):
        return False
    return (
        sum(c.isalpha() for c in text) >= MIN_LETTERS
        and text[0].isalnum()
        and not text[0].islower()
        and ": " not in text
        and _WORD.search(text) is not None
    )


def _is_capitalised(text: str) -> bool:
    """Whether most of the words are, as in titles."""
    words = _WORD.findall(text)
    if not words[0][0].isupper():
        return False
    return text[0].isdigit() or 2 * sum(word[0].isupper() for word in words) > len(words)


def _is_prose(lines: Sequence[Line]) -> bool:
    return sum(len(line.text) for line in lines) >= MIN_PROSE_CHARS


def _pitch(before: Line, after: Line) -> float:
    """From the middle of a line to that of the next, in points."""
    return (after.box[1] + after.box[3] - before.box[1] - before.box[3]) / 2


def _height(line: Line) -> float:
    return line.box[3] - line.box[1]
