"""Whether a picture on a page is likely to hold text to read, told from a small rendering of it.

Here: a test of some milliseconds that comes before OCR, which costs seconds; and whether a page
where OCR found nothing shows anything that could be a letter. Not here: which pictures are looked
at (`route.py`), OCR of them, and whether it found text (`../ocr`).

Text is many small marks of like height, side by side in long rows, on paper of one shade, and there
is little else. A plot has rows of labels too, but most of its ink is no letter; a screenshot of a
dialogue or a flow chart has rows, but they fill little of it; a photograph has no paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pymupdf

from assets.pages.geometry import Box
from assets.pages.ocr.rendering import render_gray

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DPI: Final = 100
"""At which 6 pt text has letters of 4 pixels."""
MAX_PIXELS: Final = 4_000_000
"""A whole A3 page at this resolution; larger pictures are looked at more coarsely."""
CONTRAST: Final = 60
"""Of 255, between ink and paper. Text that is fainter is not looked for."""
MIN_PAPER: Final = 128
"""Paper is light; what is dark is a photograph or a screen."""
MIN_HEIGHT: Final = 4
MAX_HEIGHT: Final = 40
"""Pixels of a letter or of a few that touch: 3-29 pt."""
MAX_ASPECT: Final = 12
"""Of marks: cursive and heavily blurred words hang together, rules are longer."""
REACH: Final = 0.8
"""Of a mark's height, to each side: words of justified text stand up to 1.5 heights apart."""
MIN_ROW_MARKS: Final = 8
MIN_ROWS: Final = 3
MIN_MARKS: Final = 80
"""A caption, a label or a logo with a slogan has fewer."""
MIN_INK_SHARE: Final = 0.5
"""Of the ink that stands in rows."""
MIN_COVER: Final = 0.13
"""Of the picture's area that rows take up."""
MIN_STRIP_MARKS: Final = 12
"""Of a picture that is one line high: as many letters as make a line of text after OCR
(`verdicts.py`). Most names and logos beside a running header have fewer."""
MIN_VARIETY: Final = 0.1
"""Of widths: letters differ (0.46 in the middle; a typewriter's 0.07-0.15), dashes and rows of
signs do not (0.04)."""
MAX_SLIMNESS: Final = 2.0
"""Bars of a bar code are slimmer than letters."""


MIN_LONE_HEIGHT: Final = 6
"""Pixels: the height of a digit of 6 pt. What is smaller and no row of text is dust."""
BACKGROUND: Final = 41
"""Pixels (0.4 inch) over which paper is even: a hand's shadow is wider, a letter is narrower."""
HOLE_FILL: Final = 0.7
"""A disc fills 0.79 of its box, letters of its size hardly half."""
MIN_HOLE: Final = 12
"""Pixels: 3 mm; holes are 5-8 mm wide."""
HOLE_MARGIN: Final = 0.12
"""Of the page: holes are punched this close to an edge."""
RULE_ASPECT: Final = 20
"""Longer marks are folds, rules or the edge of another sheet."""


@dataclass(frozen=True)
class Look:
    """What a small rendering of a picture shows.

    Attributes:
        n_rows: rows of marks that look like lines of text.
        n_marks: marks in those rows, roughly its letters.
        ink_share: of all the ink, 0-1, how much stands in rows.
        cover: of the picture's area, 0-1, how much rows take up.
        dot_share: of all the ink, 0-1, how much are marks smaller than a letter.
        variety: deviation of the widths of those marks, as a share of their mean.
        slimness: height of the middle one of them, as a share of its width.
    """

    n_rows: int = 0
    n_marks: int = 0
    ink_share: float = 0.0
    cover: float = 0.0
    dot_share: float = 0.0
    variety: float = 0.0
    slimness: float = 0.0

    @property
    def is_text(self) -> bool:
        """Whether this is likely text rather than a photograph, a plot or a screenshot.

        The limits were measured on pictures drawn for it (bench/quality/drawn_pictures.py).
        """
        return (
            self.n_rows >= MIN_ROWS
            and self.n_marks >= MIN_MARKS
            and self.ink_share >= MIN_INK_SHARE
            and self.cover >= MIN_COVER
        )

    @property
    def is_text_strip(self) -> bool:
        """The same of a picture that is one line of text high; its leaders of dots are no ink."""
        return (
            self.n_rows >= 1
            and self.n_marks >= MIN_STRIP_MARKS
            and self.ink_share >= MIN_INK_SHARE * (1 - self.dot_share)
            and self.cover >= MIN_COVER
            and self.variety >= MIN_VARIETY
            and self.slimness <= MAX_SLIMNESS
        )


def look_at(page: pymupdf.Page, region: Box) -> Look:
    """Look at a region of a page (points of the page as shown)."""
    return look(render_gray(page, DPI, MAX_PIXELS, region)[0])


def may_hold_letters(page: pymupdf.Page) -> bool:
    """Whether anything on the page could be a letter: no dust, punched hole, shadow or fold is."""
    import cv2
    import numpy as np

    gray, _ = render_gray(page, DPI, MAX_PIXELS)
    height, width = gray.shape
    if float(np.median(gray)) < MIN_PAPER:
        gray = 255 - gray
    paper = cv2.morphologyEx(gray, cv2.MORPH_CLOSE, np.ones((BACKGROUND, BACKGROUND), np.uint8))
    ink = (paper.astype(np.int16) - gray > CONTRAST).astype(np.uint8)
    _, _, marks, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    for x, y, wide, high, filled in marks[1:].tolist():
        at_edge = x == 0 or y == 0 or x + wide >= width or y + high >= height
        is_rule = max(wide, high) > RULE_ASPECT * min(wide, high)
        if at_edge or is_rule or max(wide, high) < MIN_LONE_HEIGHT:
            continue
        near = (
            min(x, width - x - wide) < HOLE_MARGIN * width
            or min(y, height - y - high) < HOLE_MARGIN * height
        )
        is_hole = near and min(wide, high) >= MIN_HOLE and filled >= HOLE_FILL * wide * high
        if not is_hole:
            return True
    return False


def look(gray: npt.NDArray[np.uint8]) -> Look:
    """Look at a picture in shades of grey, about 100 pixels an inch."""
    import cv2
    import numpy as np

    if gray.size == 0:
        return Look()
    counts = np.bincount(gray.ravel(), minlength=256)
    paper = int(np.convolve(counts, np.ones(9), "same").argmax())
    if paper < MIN_PAPER:
        return Look()
    apart = np.abs(gray.astype(np.int16) - paper)
    ink = (apart > CONTRAST).astype(np.uint8)
    _, _, marks, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    marks = marks[1:]  # the first is the paper
    wide, high, filled = (marks[:, i] for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, 4))
    is_letter = (high >= MIN_HEIGHT) & (high <= MAX_HEIGHT) & (wide <= MAX_ASPECT * high)
    n_ink = max(1, int(filled.sum()))
    n_dots = int(filled[(wide < MIN_HEIGHT) & (high < MIN_HEIGHT)].sum())
    return replace(_rows(marks[is_letter], gray.shape, n_ink), dot_share=n_dots / n_ink)


def _rows(letters: npt.NDArray[np.int32], shape: tuple[int, ...], n_ink: int) -> Look:
    """Join letters side by side: each is drawn by its middle, widened to reach its neighbours."""
    import cv2
    import numpy as np

    rows = np.zeros(shape[:2], dtype=np.uint8)
    for x, y, wide, high, _ in letters.tolist():
        reach = int(REACH * high) + 1
        top, bottom = y + high // 4, y + max(high // 4 + 1, 3 * high // 4)
        rows[top:bottom, max(0, x - reach) : x + wide + reach] = 1
    n_rows, labels, boxes, _ = cv2.connectedComponentsWithStats(rows, connectivity=4)
    if n_rows < 2 or not len(letters):
        return Look()
    x, y, wide, high, filled = letters.T
    member = labels[y + high // 2, np.minimum(x + wide // 2, shape[1] - 1)]
    n_marks = np.bincount(member, minlength=n_rows)
    in_row = np.bincount(member, weights=filled, minlength=n_rows)
    heights = np.bincount(member, weights=high, minlength=n_rows) / np.maximum(n_marks, 1)
    is_row = (
        (n_marks >= MIN_ROW_MARKS)
        & (boxes[:, cv2.CC_STAT_WIDTH] >= 6 * heights)
        & (boxes[:, cv2.CC_STAT_HEIGHT] <= 2.5 * heights)
    )
    is_row[0] = False
    letters = letters[is_row[member]]
    widths, tall = letters[:, cv2.CC_STAT_WIDTH], letters[:, cv2.CC_STAT_HEIGHT]
    covered = float((boxes[is_row, cv2.CC_STAT_WIDTH] * heights[is_row]).sum())
    return Look(
        n_rows=int(is_row.sum()),
        n_marks=int(n_marks[is_row].sum()),
        ink_share=float(in_row[is_row].sum()) / n_ink,
        cover=covered / (shape[0] * shape[1]),
        variety=float(widths.std() / widths.mean()) if len(letters) else 0.0,
        slimness=float(np.median(tall / widths)) if len(letters) else 0.0,
    )
