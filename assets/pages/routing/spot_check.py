"""A look at the ink of a few lines of a text layer: is there any, and does it say the same?

Here: faint lines told from those that stand over ink, and a comparison of a few lines with what OCR
reads there. Not here: when a layer is doubted (`soundness.py`), and what follows (`../read.py`).

The comparison costs about half a CPU-second, a tenth of reading the page, so only pages with odd
characters, or with a text that is not drawn at all, pay it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Final

import pymupdf

from assets.pages.geometry import Box, Turn, area
from assets.pages.ocr.reading import read_by
from assets.pages.ocr.rendering import MAX_PIXELS, render, render_gray
from assets.pages.records import Line
from resources.ocr.base import OcrEngine, OcrLine

if TYPE_CHECKING:
    from resources.ocr.base import Image

MAX_LINES: Final = 3
DPI: Final = 150
MIN_CHARS: Final = 3
MAX_AREA: Final = 500_000.0
"""Square points of a line to compare: an A4 page has as many, and at DPI they are 2 megapixels."""
SAME: Final = 0.5
"""Likeness (0-1) of what the layer says and what OCR reads, from which they are one text. Measured
with RapidOCR on lines drawn in three faces of 6-12 pt: the same line 0.73 and more, one with a
letter in seven wrong 0.65, another line of the same language 0.40 at most."""
MAX_WORDS: Final = 2.0
"""Times as many words as OCR finds in the same letters: every letter stands alone."""
MARGIN: Final = 0.4
"""Of the line's height, shown around it."""
GAP: Final = 16
"""Pixels of paper between the lines on the sheet that OCR reads."""
LOOK_DPI: Final = 72
MIN_CONTRAST: Final = 16
"""Of 255, between the darkest and the lightest pixel under a line that has ink."""


def without_ink(page: pymupdf.Page, turn: Turn, lines: Sequence[Line]) -> set[int]:
    """Which of these lines (by index) stand on bare paper: a reader of the page sees nothing."""
    gray, scale = render_gray(page, LOOK_DPI, MAX_PIXELS)
    bare = set()
    for i, line in enumerate(lines):
        x0, y0, x1, y1 = (round(v * scale) for v in turn.back(line.box))
        under = gray[max(0, y0) : max(0, y1) + 1, max(0, x0) : max(0, x1) + 1]
        if under.size == 0 or int(under.max()) - int(under.min()) < MIN_CONTRAST:
            bare.add(i)
    return bare


def agrees(
    engine: OcrEngine,
    page: pymupdf.Page,
    turn: Turn,
    lines: Sequence[Line],
    progress: Callable[[], None],
) -> bool:
    """Whether OCR reads in a few lines what the text layer says there; True when it cannot tell.

    Args:
        engine: what reads.
        page: as shown.
        turn: from the page as shown to the frame of the lines.
        lines: of the layer; a few are looked at.
        progress: called at every step.

    Raises:
        DocumentError: ocr_failed, when the engine fails.
    """
    chosen = _chosen(lines)
    if not chosen:
        return True
    strips = [_strip(page, turn, line) for line in chosen]
    sheet, tops = _sheet(strips)
    found = read_by(engine, partial(engine.read, sheet, progress))
    likenesses = []
    n_said = n_read = 0
    for line, strip, top in zip(chosen, strips, tops, strict=True):
        said = line.text
        read = _between(found, top - GAP // 2, top + strip.shape[0] + GAP // 2)
        likenesses.append(_likeness(said, read))
        n_said, n_read = n_said + len(said.split()), n_read + len(read.split())
    return fmean(likenesses) >= SAME and n_said <= MAX_WORDS * n_read + len(chosen)


def _chosen(lines: Sequence[Line]) -> list[Line]:
    """The longest lines in a script that engines read, of which no two start alike."""
    chosen: dict[str, Line] = {}
    for line in sorted(lines, key=lambda line: len(line.text), reverse=True):
        letters = _letters(line.text)
        if len(letters) < MIN_CHARS or not _is_readable(letters):
            continue
        if not 0 < area(line.box) <= MAX_AREA:
            continue
        chosen.setdefault(letters[:20], line)
        if len(chosen) == MAX_LINES:
            break
    return list(chosen.values())


def _is_readable(letters: str) -> bool:
    """Whether the script is one that the embedded engine reads well: Latin, Chinese, Japanese."""
    known = sum(
        c < "\u0370" or "\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" for c in letters
    )
    return known >= 0.8 * len(letters)


def _strip(page: pymupdf.Page, turn: Turn, line: Line) -> Image:
    import numpy as np

    x0, y0, x1, y1 = line.box
    margin = MARGIN * (y1 - y0)
    width, height = turn.turned_size
    box: Box = (
        max(0.0, x0 - margin),
        max(0.0, y0 - margin / 2),
        min(width, x1 + margin),
        min(height, y1 + margin / 2),
    )
    return np.rot90(render(page, DPI, turn.back(box)), k=-turn.degrees // 90)


def _sheet(strips: Sequence[Image]) -> tuple[Image, list[int]]:
    """Strips under one another on the paper of the first, and where each starts."""
    import numpy as np

    paper = np.median(strips[0].reshape(-1, 3), axis=0).astype(np.uint8)
    height = sum(strip.shape[0] + GAP for strip in strips) + GAP
    width = max(strip.shape[1] for strip in strips) + 2 * GAP
    sheet = np.full((height, width, 3), paper, dtype=np.uint8)
    tops, y = [], GAP
    for strip in strips:
        sheet[y : y + strip.shape[0], GAP : GAP + strip.shape[1]] = strip
        tops.append(y)
        y += strip.shape[0] + GAP
    return sheet, tops


def _between(found: Sequence[OcrLine], top: float, bottom: float) -> str:
    """What was read between two heights, left to right."""
    inside = []
    for line in found:
        middle = sum(y for _, y in line.box) / 4
        if top <= middle < bottom:
            inside.append((min(x for x, _ in line.box), line.text))
    return " ".join(text for _, text in sorted(inside))


def _likeness(said: str, read: str) -> float:
    return SequenceMatcher(None, _letters(said), _letters(read), autojunk=False).ratio()


def _letters(text: str) -> str:
    """Letters and digits alone, in one form: OCR and layers differ in spaces and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if c.isalnum())
