"""Which way a page is read: its text layer, OCR, both, or nothing because it is blank.

Here: the choice of a route from a page's text and boxes, which costs nothing, and what is worth a
look at the pixels. Not here: what makes characters doubtful (`soundness.py`), the looks themselves
(`spot_check.py`, `text_pictures.py`), carrying it out (`../read.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from assets.pages.geometry import Box, area, holds_centre, intersection, share_inside, union
from assets.pages.records import Line
from assets.pages.routing.soundness import (
    REPLACED,
    is_backwards,
    is_lost,
    is_sound,
    oddness,
    without_bullet,
)

MIN_SCAN_SHARE: Final = 0.7
"""An image over this share of a page of little text is a scan rather than a figure. Measured on
pages of 1-300 characters: figures and screenshots take up to 0.58 of the page, scans with a stamp
or a printed page number 1.0."""

MAX_CHARS_BESIDE: Final = 300
"""Little text: a stamp, a running header, a caption."""

MAX_CHARS_UNDER: Final = 15
"""Text over an image up to which it counts as having no text layer of its own."""

MAX_CHARS_OVER: Final = 0.2
"""Of the letters that are seen in a picture: less text than this over it is a stamp."""

EDGE_SHARE: Final = 0.1
"""Stamps and page numbers stand this close to an edge; text there is not the scan's own layer."""

MIN_PICTURE_WIDTH: Final = 72.0
MIN_PICTURE_HEIGHT: Final = 24.0
"""Points: three lines of 6 pt text, an inch long. What is smaller is not looked at."""
MIN_PICTURE_SHARE: Final = 0.01
"""Of the page; the same limit for a poster's pictures."""

MIN_STRIP_HEIGHT: Final = 6.0
"""Points: a line of 6 pt text as a picture, cut close. Producers put single lines of a contents
list or of a paragraph into pictures as wide as the column; what is thinner is a rule."""
STRIP_GAP: Final = 1.5
"""Of a strip's height, to the next: lines of one paragraph, or entries of one list."""

MAX_LOOKS: Final = 12
"""Pictures of a page that are looked at, some milliseconds each; the largest first."""
MAX_REGIONS: Final = 6
"""Regions of a page that are read by OCR, a second or more each."""


class Route(StrEnum):
    """How a page is read."""

    TEXT_LAYER = "text_layer"
    OCR = "ocr"
    MIXED = "mixed"
    BLANK = "blank"


@dataclass(frozen=True)
class Picture:
    """A picture that may hold text: where it is, and how many characters lie over it already."""

    box: Box
    n_chars_over: int
    is_strip: bool = False
    """One line of text high, or several such one above another."""


@dataclass(frozen=True)
class Choice:
    """How to read a page.

    Attributes:
        route: the way.
        regions: what OCR is to read when the route is `mixed`.
        pictures: what may hold text besides, for a look at the pixels; the largest first.
        doubt: why the text layer is to be compared with the ink first, or None.
        fault: why the text layer cannot be right, or None.
        lost: lines (by index) whose characters mean nothing, in a layer that is sound otherwise: a
            heading in a font without a mapping.
    """

    route: Route
    regions: tuple[Box, ...] = ()
    pictures: tuple[Picture, ...] = ()
    doubt: str | None = None
    fault: str | None = None
    lost: tuple[int, ...] = ()


def choose(lines: Sequence[Line], images: Sequence[Box], page: Box, *, has_marks: bool) -> Choice:
    """Choose how to read a page.

    Args:
        lines: of the text layer, boxes of the page as shown.
        images: boxes of the placed images.
        page: the page's own box.
        has_marks: whether anything at all is drawn on it.
    """
    text = "\n".join(without_bullet(line.text) for line in lines)
    n_chars = len("".join(text.split()))
    if n_chars == 0:
        return Choice(Route.OCR if has_marks else Route.BLANK)
    lost = _lost(lines) if REPLACED in text else ()
    if lost:
        text = "\n".join(without_bullet(x.text) for i, x in enumerate(lines) if i not in lost)
    if not is_sound(text):
        return Choice(Route.OCR)
    if is_backwards(text):
        return Choice(Route.OCR, fault="its Arabic or Hebrew words are written backwards")
    doubt = oddness(text)
    if n_chars <= MAX_CHARS_BESIDE:
        regions = tuple(_scans(lines, images, page))
        if regions:
            return Choice(Route.MIXED, regions, doubt=doubt)
    pictures = tuple(_pictures(lines, images, page))
    return Choice(Route.TEXT_LAYER, pictures=pictures, doubt=doubt, lost=lost)


def _lost(lines: Sequence[Line]) -> tuple[int, ...]:
    """Lines that say nothing, where they are few enough to be read one by one."""
    lost = tuple(i for i, line in enumerate(lines) if is_lost(line.text))
    return lost if len(lost) <= min(MAX_REGIONS, len(lines) // 2) else ()


def holds_unread_text(picture: Picture, n_marks: int) -> bool:
    """Whether the letters seen in a picture are more than the text that lies over it.

    Args:
        picture: the picture.
        n_marks: letters that a look at it saw.
    """
    return picture.n_chars_over <= max(MAX_CHARS_UNDER, MAX_CHARS_OVER * n_marks)


def _pictures(lines: Sequence[Line], images: Sequence[Box], page: Box) -> list[Picture]:
    boxes = [intersection(box, page) for box in images]
    large = [(box, False) for box in boxes if _is_large(box, page)]
    strips = [(box, True) for box in _strips(boxes)]
    found: list[Picture] = []
    for box, is_strip in sorted([*large, *strips], key=lambda x: area(x[0]), reverse=True):
        if len(found) == MAX_LOOKS:
            break
        n_over = sum(len(x.text.strip()) for x in lines if holds_centre(box, x.box))
        if n_over <= MAX_CHARS_BESIDE:  # more is a text layer of the picture's own
            found.append(Picture(box, n_over, is_strip))
    return found


def _is_large(box: Box, page: Box) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    return (
        width >= MIN_PICTURE_WIDTH
        and height >= MIN_PICTURE_HEIGHT
        and area(box) >= MIN_PICTURE_SHARE * area(page)
    )


def _strips(images: Sequence[Box]) -> list[Box]:
    """Images of one line's height; those that stand one above another are one."""
    strips: list[tuple[Box, float]] = []
    for box in sorted(images, key=lambda b: (b[1], b[0])):
        height = box[3] - box[1]
        if not MIN_STRIP_HEIGHT <= height < MIN_PICTURE_HEIGHT:
            continue
        if box[2] - box[0] < MIN_PICTURE_WIDTH:
            continue
        for i, (above, tall) in enumerate(strips):
            gap, reach = box[1] - above[3], STRIP_GAP * max(tall, height)
            if 0 <= gap <= reach and abs(box[0] - above[0]) <= height:
                strips[i] = (union((above, box)), height)
                break
        else:
            strips.append((box, height))
    return [box for box, _ in strips]


def _scans(lines: Sequence[Line], images: Sequence[Box], page: Box) -> list[Box]:
    found: list[Box] = []
    for image in sorted((intersection(box, page) for box in images), key=area, reverse=True):
        if area(image) < MIN_SCAN_SHARE * area(page):
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
