"""Whether what OCR read can be believed: a script that the engine lacks is not a success.

Here: which lines were not really read, from what the engine says of them, and when that is too much
of a page. Not here: reading (`reading.py`), the trust in a text layer (`../routing`).

An engine reads a script that it has no model for as something else, and is sure of most of it.
RapidOCR reads Cyrillic and Arabic as stray punctuation; Hangul, Greek prose, Armenian and Georgian
as letters of which it doubts every second one. So two things are asked of each line: does it hold
about as many characters as it has room for, and is the engine sure of them.
docs/decisions/ocr-trust.md has the measurements.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from assets.pages.ocr.orientation import extent, n_letters
from resources.ocr.base import OcrLine

MIN_LETTERS_PER_HEIGHT: Final = 0.6
"""Letters and digits that a line holds per its own height of width. Measured with RapidOCR, whole
pages: Latin 1.7-2.8, tables of numbers 1.8, Chinese and Japanese 1.1-1.4; Russian, Ukrainian,
Bulgarian, Serbian 0-0.2, Arabic and Persian 0."""

MIN_CONFIDENCE_OF_READ: Final = 0.87
"""Mean confidence of the characters of a line from which it counts as read. Measured on whole
pages: 20 Latin languages and Chinese, Japanese 0.97-1.0, worn and blurred pages with 5-8 %
character errors 0.91-0.92; Greek 0.82-0.84, Hangul 0.65-0.84, Armenian 0.78, Arabic 0.6-0.68."""

MAX_UNREAD_SHARE: Final = 0.4
"""Share of the width of all lines, in their own heights, that may be in lines that were not read:
logos, stamps, signatures and a few words of another script."""

_LEADERS: Final = re.compile(r"[.·…_\-—=]{4,}")
"""Leaders of a table of contents, lines to write on: ink that is no letters."""


def ocr_problem(lines: Sequence[OcrLine]) -> str | None:
    """Why the text that OCR read is not to be believed, or None.

    Args:
        lines: every line that the engine found, doubtful ones too.
    """
    if not lines:
        return "there is ink, but OCR found no lines"
    share = unread_share(lines)
    if share <= MAX_UNREAD_SHARE:
        return None
    return (
        f"OCR could not read {share:.0%} of the text: a script that the engine has no model for "
        "(RapidOCR reads Latin, Chinese and Japanese), handwriting, or a bad scan; read it with "
        "another QUIRE_OCR, or see whether the page is legible"
    )


def unread_share(lines: Sequence[OcrLine]) -> float:
    """Share (0-1) of the lines' width, in heights of each, in lines that were not really read."""
    total = unread = 0.0
    for line in lines:
        room = _room(line)
        total += room
        if not _is_read(line, room):
            unread += room
    return unread / total if total else 0.0


def _room(line: OcrLine) -> float:
    width, height = extent(line.box)
    return max(width, height) / max(1.0, min(width, height))


def _is_read(line: OcrLine, room: float) -> bool:
    if line.confidence < MIN_CONFIDENCE_OF_READ:
        return False
    leaders = sum(len(run) for run in _LEADERS.findall(line.text))
    return n_letters(line.text) + leaders >= MIN_LETTERS_PER_HEIGHT * room
