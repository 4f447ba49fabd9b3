"""Which of two readings is kept: what a text layer says, or what OCR reads.

Here: the rules. Not here: who reads what (`../read.py`, `route.py`).
"""

from __future__ import annotations

from typing import Final

import pymupdf

from assets.pages.geometry import Box
from assets.pages.ocr.orientation import n_letters
from assets.pages.ocr.reading import OcrResult
from assets.pages.records import Line, PageText
from assets.pages.routing.soundness import unsound_share
from assets.pages.text_layer import TextLayer, plain_blocks
from resources.errors import ErrorClass

PYMUPDF: Final = f"pymupdf-{pymupdf.__version__}"
MIN_LINES: Final = 3
MIN_LINE_LETTERS: Final = 12
"""A picture holds text when OCR finds this many lines of this many letters, and more letters in
them than in shorter ones: labels of plots, maps and dialogues are shorter, captions are fewer. A
region without room for so many lines holds as many as there is room for."""
LINE_SPACE: Final = 1.5
"""Of a line's height: what a line takes of a region, loosely set."""


def reads_worse(result: OcrResult, layer: TextLayer) -> bool:
    """Whether OCR got less out of the page than an unsound text layer holds."""
    text = layer.text
    sound = sum(c.isalnum() for c in text) * (1 - unsound_share(text))
    return bool(result.problem) or result.is_blank or result.n_letters < sound / 2


def has_text(result: OcrResult, region: Box, *, is_scan: bool) -> bool:
    """Whether what OCR read in a region is text rather than the labels of a figure."""
    if is_scan:
        return bool(result.n_letters)
    lines = [n_letters(line) for block in result.blocks for line in block.text.splitlines()]
    long = [n for n in lines if n >= MIN_LINE_LETTERS]
    enough = 2 * sum(long) > sum(lines) and len(long) >= min(MIN_LINES, _room(result, region))
    return not result.problem and enough


def _room(result: OcrResult, region: Box) -> int:
    """How many lines as high as those that were read a region has room for, at least one."""
    heights = sorted((b.box[3] - b.box[1]) / len(b.text.splitlines()) for b in result.blocks)
    if not heights or heights[-1] <= 0:
        return MIN_LINES
    line = heights[len(heights) // 2]
    return max(1, int((region[3] - region[1]) / (LINE_SPACE * line)))


def unsound(layer: TextLayer, fault: str | None, reason: str) -> PageText:
    """A text layer that is kept though it is not sound, and says so."""
    blocks = (b.moved(layer.turn.back(b.box)) for b in plain_blocks(layer.lines))
    if fault is None:
        share = unsound_share(layer.text)
        fault = f"{share:.0%} of the text layer's characters mean nothing"
    return PageText(
        tuple(blocks),
        "text_layer",
        (PYMUPDF,),
        problem=f"{fault}; {reason}",
        problem_class=ErrorClass.OCR_FAILED,
    )


def restores(result: OcrResult, line: Line) -> bool:
    """Whether OCR read a line whose own characters mean nothing."""
    return not result.problem and 2 * result.n_letters >= len(line.text.replace(" ", ""))
