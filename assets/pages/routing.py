"""Which way a page is read: its text layer, OCR, both, or nothing because it is blank.

Here: the test of a text layer and the choice of a route, from counts that cost nothing. Not here:
carrying the route out (`read.py`), rendering (`rendering.py`), OCR (`ocr_page.py`).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from assets.pages.geometry import Box, area, holds_centre, intersection, share_inside
from assets.pages.records import Line

MAX_UNSOUND_SHARE: Final = 0.02
"""Control, private-use, unassigned and U+FFFD characters that a sound text layer may hold."""

MIN_REGION_SHARE: Final = 0.7
"""An image over this share of the page is a scan rather than a figure. Measured on the test corpus,
pages of 1-300 characters: figures and screenshots take up to 0.58 of the page (some 40 pages of
four documents), scans with a stamp or a printed page number 1.0."""

MAX_CHARS_BESIDE: Final = 300
"""Little text: a stamp, a running header, a caption. OCR of a region costs seconds, so a page that
has its text already is not searched for more of it."""

MAX_CHARS_UNDER: Final = 15
"""Text over the image up to which the image counts as having no text layer of its own."""

EDGE_SHARE: Final = 0.1
"""Stamps and page numbers stand this close to an edge; text there is not the scan's own layer."""

_UNSOUND: Final = frozenset({"Cc", "Co", "Cn", "Cs"})
_HARMLESS: Final = frozenset("\t\n\r\x0b\x0c")


class Route(StrEnum):
    """How a page is read."""

    TEXT_LAYER = "text_layer"
    OCR = "ocr"
    MIXED = "mixed"
    BLANK = "blank"


@dataclass(frozen=True)
class Choice:
    """A route, and the regions that OCR is to read when it is `mixed`."""

    route: Route
    regions: tuple[Box, ...] = ()


def choose(lines: Sequence[Line], images: Sequence[Box], page: Box, *, has_marks: bool) -> Choice:
    """Choose how to read a page.

    Args:
        lines: of the text layer, boxes of the page as shown.
        images: boxes of the placed images.
        page: the page's own box.
        has_marks: whether anything at all is drawn on it.
    """
    text = "\n".join(_without_bullet(line.text) for line in lines)
    n_chars = len("".join(text.split()))
    if n_chars == 0:
        return Choice(Route.OCR if has_marks else Route.BLANK)
    if not is_sound(text):
        return Choice(Route.OCR)
    if n_chars <= MAX_CHARS_BESIDE:
        regions = tuple(_text_regions(lines, images, page))
        if regions:
            return Choice(Route.MIXED, regions)
    return Choice(Route.TEXT_LAYER)


def is_sound(text: str) -> bool:
    """Whether a text layer holds text rather than glyph numbers."""
    return unsound_share(text) < MAX_UNSOUND_SHARE


def unsound_share(text: str) -> float:
    """Share of visible characters that cannot be meant; 0 without any character."""
    if text.isascii() and text.isprintable():
        return 0.0
    # A page has some eighty different characters: counting first is six times as fast.
    seen = {c: n for c, n in Counter(text).items() if not c.isspace() and c not in _HARMLESS}
    total = sum(seen.values())
    return sum(n for c, n in seen.items() if _is_unsound(c)) / total if total else 0.0


@lru_cache(maxsize=65536)
def _is_unsound(char: str) -> bool:
    return char == "\ufffd" or unicodedata.category(char) in _UNSOUND


def _without_bullet(text: str) -> str:
    """A line without the one private-use sign that word processors write for its bullet."""
    start = text.lstrip()
    if start and unicodedata.category(start[0]) == "Co" and not _is_private(start[1:2]):
        return start[1:]
    return text


def _is_private(char: str) -> bool:
    return bool(char) and unicodedata.category(char) == "Co"


def _text_regions(lines: Sequence[Line], images: Sequence[Box], page: Box) -> list[Box]:
    found: list[Box] = []
    for image in sorted((intersection(box, page) for box in images), key=area, reverse=True):
        if area(image) < MIN_REGION_SHARE * area(page):
            break
        if any(share_inside(image, other) > 0.5 for other in found):
            continue
        inner = _without_edges(image)
        under = sum(len(x.text.strip()) for x in lines if holds_centre(inner, x.box))
        if under <= MAX_CHARS_UNDER:
            found.append(image)
    return found


def _without_edges(box: Box) -> Box:
    across, down = EDGE_SHARE * (box[2] - box[0]), EDGE_SHARE * (box[3] - box[1])
    return (box[0] + across, box[1] + down, box[2] - across, box[3] - down)
