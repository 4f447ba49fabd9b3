"""Lines with Arabic or Hebrew in the order that they are read.

Here: from the characters of a line and where they stand to the order of reading. Not here: which
lines need it (`characters.py`), or how pieces of a row are joined (`text_layer.py`).

A PDF holds glyphs where they are drawn. MuPDF turns runs of right-to-left letters round and leaves
the rest, so that numbers and leaders come out at the wrong end, digits backwards, and the letters
of a ligature (one glyph that stands for lam and alef) reversed. Here the line is laid out again
from left to right by its boxes, and read as the bidirectional algorithm (UAX #9) would have laid
it out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from assets.pages.geometry import Box

LETTERS: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
"""Blocks of right-to-left scripts, their presentation forms, signs and digits (for a `re` set)."""

SPACE_AT: Final = 0.15
"""Share of the font size that two characters stand apart with a space between: MuPDF's SPACE_DIST.
MuPDF itself measures along its own order, and misses the gap where the direction changes."""

_PRESENTATION: Final = re.compile("[\ufb1d-\ufdf9\ufe70-\ufefc]")
_LINKS: Final = frozenset(" -\u2010\u2013.,/:_+#%&@'\u00a0")
"""What may stand between a Latin word and a number of one run: `Python 3.11`, `U+0660`."""
_IN_NUMBER: Final = frozenset(".,/:-\u2013\u066b\u066c\u060c")
_BY_NUMBER: Final = frozenset("%\u066a+-\u2212\u00b0$\u20ac\u00a3#")
_ENDING: Final = frozenset(".,:;!?")
_PAIRS: Final = ("()", "[]", "{}", "\u00ab\u00bb", "<>")
_OPENING: Final = {pair[0]: pair[1] for pair in _PAIRS}
_MIRRORED: Final = _OPENING | {pair[1]: pair[0] for pair in _PAIRS}


class Char(NamedTuple):
    """A character of a line, where it stands along the line, its size, and its span's index."""

    text: str
    x0: float
    x1: float
    size: float
    span: int
    box: Box

    @property
    def centre(self) -> float:
        """Its middle along the line."""
        return (self.x0 + self.x1) / 2


def is_right_to_left(text: str) -> bool:
    """Whether most letters of a text are of a right-to-left script."""
    classes = [unicodedata.bidirectional(c) for c in text if c.isalpha()]
    return sum(c in ("R", "AL") for c in classes) * 2 > len(classes)


def touches(before: str, after: str) -> bool:
    """Whether a word of a left-to-right script ends, and one from right to left starts at once.

    Word draws the space after `Python` on its other side. Prefixes are written onto foreign words
    (`وPython`), endings hardly ever.
    """
    return _kind(before[-1:]) == "L" and _kind(after) == "R"


def in_reading_order(chars: Sequence[Char], *, right_to_left: bool) -> list[Char]:
    """The characters of a line as they are read, in a text of this direction.

    Where one glyph stands for letters of both directions, boxes say nothing: the line stays.
    """
    clusters = _clusters(chars)
    if any({"L", "R"} <= {_kind(char.text) for char in cluster} for cluster in clusters):
        return list(chars)
    clusters.sort(key=lambda cluster: cluster[0].centre)
    row = _with_spaces(clusters)
    kinds = [_kind(cluster[0].text) for cluster in row]
    if not right_to_left:
        return _flat(_left_to_right(row, kinds))
    return _flat(_units(row, kinds, mirrors=_mirrors(row, kinds)))


def _clusters(chars: Sequence[Char]) -> list[list[Char]]:
    """Characters that stand and fall together: a letter with its marks, the letters of a ligature.

    Of a ligature, MuPDF gives the first letter the glyph's box and the others no width, at the
    glyph's right edge; turned round, the others come first.
    """
    clusters: list[list[Char]] = []
    i = 0
    while i < len(chars):
        end = _ligature_end(chars, i)
        if end > i:
            first = chars[end]
            box = first.box
            rest = [c._replace(x0=first.x0, x1=first.x1, box=box) for c in chars[i:end]]
            clusters.append(_plain([first, *reversed(rest)]))
        elif clusters and _belongs(chars[i], clusters[-1][-1]):
            clusters[-1].extend(_plain([chars[i]]))
        else:
            clusters.append(_plain([chars[i]]))
        i = end + 1
    return clusters


def _ligature_end(chars: Sequence[Char], start: int) -> int:
    """The index of the glyph whose other letters, turned round, start here; else `start`."""
    if not _is_empty(chars[start]) or not chars[start].text.isalpha():
        return start
    end = start
    while end < len(chars) and _is_empty(chars[end]):
        end += 1
    near = end < len(chars) and abs(chars[end].x1 - chars[start].x0) <= 0.05 * chars[end].size
    return end if near and _kind(chars[end].text) == "R" else start


def _belongs(char: Char, before: Char) -> bool:
    """Whether a mark, or a character without width of its own, belongs to the one before it."""
    if unicodedata.category(char.text[:1])[0] == "M":
        return before.text != " "
    return _is_empty(char) and abs(char.x0 - before.x1) <= 0.05 * char.size


def _is_empty(char: Char) -> bool:
    return char.x1 - char.x0 <= 0.01 * char.size


def _plain(cluster: list[Char]) -> list[Char]:
    """The letters that presentation forms (glyphs with a code of their own) stand for."""
    return [
        c._replace(text=unicodedata.normalize("NFKC", c.text).strip() or c.text)
        if _PRESENTATION.match(c.text)
        else c
        for c in cluster
    ]


def _with_spaces(clusters: list[list[Char]]) -> list[list[Char]]:
    row: list[list[Char]] = []
    for cluster in clusters:
        char = cluster[0]
        if row and not char.text.isspace() and not row[-1][0].text.isspace():
            before = row[-1][0]
            if char.x0 - before.x1 > SPACE_AT * max(char.size, before.size):
                box = (before.box[2], char.box[1], char.box[0], char.box[3])
                row.append([Char(" ", before.x1, char.x0, char.size, char.span, box)])
        row.append(cluster)
    return row


def _kind(text: str) -> str:
    """R and L for letters of a direction, N for digits, an empty text for what has none."""
    cls = unicodedata.bidirectional(text[:1])
    return {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N"}.get(cls, "") if text else ""


def _runs(row: Sequence[list[Char]], kinds: Sequence[str]) -> list[tuple[int, int]]:
    """Runs of left-to-right text (start, end) in a line that is read from the right."""
    runs: list[tuple[int, int]] = []
    for i, kind in enumerate(kinds):
        if kind not in ("L", "N"):
            continue
        if runs:
            start, end = runs[-1]
            between = [cluster[0].text for cluster in row[end:i]]
            if _is_one_run(kinds, start, end, i, between):
                runs[-1] = (start, i + 1)
                continue
        runs.append((i, i + 1))
    return [_with_signs(row, kinds, start, end) for start, end in runs]


def _is_one_run(
    kinds: Sequence[str], start: int, end: int, at: int, between: Sequence[str]
) -> bool:
    if not between:
        return True
    if any(kinds[end:at]):
        return False
    if kinds[at] == "L" and kinds[end - 1] == "L":
        return True
    if kinds[at] == "L" or "L" in kinds[start:end]:
        return all(text in _LINKS for text in between)
    return len(between) == 1 and between[0] in _IN_NUMBER


def _with_signs(
    row: Sequence[list[Char]], kinds: Sequence[str], start: int, end: int
) -> tuple[int, int]:
    """A run with the brackets that it opens or closes inside, and the signs of a number."""
    texts = [cluster[0].text for cluster in row]
    inside = texts[start:end]
    if "L" not in kinds[start:end]:
        start -= start > 0 and texts[start - 1] in _BY_NUMBER
        end += end < len(texts) and texts[end] in _BY_NUMBER
        return start, end
    for a, b in _OPENING.items():
        if end < len(texts) and texts[end] == b and inside.count(a) > inside.count(b):
            end += 1
        if start and texts[start - 1] == a and inside.count(b) > inside.count(a):
            start -= 1
    if end == len(texts) - 1 and texts[end] in _ENDING:  # no line starts with a full stop
        end += 1
    return start, end


def _units(
    row: Sequence[list[Char]], kinds: Sequence[str], *, mirrors: bool
) -> list[list[list[Char]]]:
    """The line read from the right: runs of left-to-right text whole, everything else by itself."""
    units: list[list[list[Char]]] = []
    at = 0
    for start, end in [*_runs(row, kinds), (len(row), len(row))]:
        units.extend([_mirrored(cluster) if mirrors else cluster] for cluster in row[at:start])
        if end > start:
            run = list(row[start:end])
            if start and touches(run[-1][-1].text, row[start - 1][0].text):
                run.append([run[-1][-1]._replace(text=" ")])
            units.append(run)
        at = max(at, end)
    return units[::-1]


def _left_to_right(row: Sequence[list[Char]], kinds: Sequence[str]) -> list[list[list[Char]]]:
    """The line read from the left: runs of right-to-left text turned round."""
    units: list[list[list[Char]]] = []
    at = 0
    while at < len(row):
        end = at
        while kinds[at] == "R" and end < len(row) and kinds[end] != "L":
            end += 1
        while end > at and kinds[end - 1] != "R":
            end -= 1
        if end > at:
            part, part_kinds = row[at:end], kinds[at:end]
            units.extend(_units(part, part_kinds, mirrors=_mirrors(part, part_kinds)))
            at = end
        else:
            units.append([row[at]])
            at += 1
    return units


def _mirrors(row: Sequence[list[Char]], kinds: Sequence[str]) -> bool:
    """Whether brackets are named by what is drawn: read from the right, `(` opens as it stands.

    Most fonts say so; some writers give the character that was meant. What balances is right.
    """
    plain = _flat(_units(row, kinds, mirrors=False))
    turned = _flat(_units(row, kinds, mirrors=True))
    return _unbalanced(turned) <= _unbalanced(plain)


def _unbalanced(chars: Iterable[Char]) -> int:
    open_signs: list[str] = []
    n = 0
    for char in chars:
        if char.text in _OPENING:
            open_signs.append(_OPENING[char.text])
        elif char.text in _MIRRORED:
            if open_signs and open_signs[-1] == char.text:
                open_signs.pop()
            else:
                n += 1
    return n + len(open_signs)


def _mirrored(cluster: list[Char]) -> list[Char]:
    sign = _MIRRORED.get(cluster[0].text)
    return cluster if sign is None else [cluster[0]._replace(text=sign), *cluster[1:]]


def _flat(units: Iterable[Iterable[Iterable[Char]]]) -> list[Char]:
    return [char for unit in units for cluster in unit for char in cluster]
