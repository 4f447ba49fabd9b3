"""Pictures of pages for people, rendered in a worker like everything that touches a PDF.

Here: small ones, and larger ones with the blocks drawn over them. Not here: pixels for OCR
(`ocr/rendering.py`) or figures for readers (`assets/images`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pymupdf

from assets.pages.colours import COLOURS, OTHER
from resources.workers.documents import open_pdf

SIDE: Final = 180
_QUALITY: Final = 70
"""Of JPEG: letters of 8 points stay clean at 110 dpi, in about 150 KB a page."""
_EDGE: Final = "#bbbbbb"
"""Of the sheet: a white page on a white ground has none."""

BoxOfKind = tuple[str, float, float, float, float]
"""Kind, x0, y0, x1, y1 in points of the page as shown."""


def render_thumbnails(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each asked page as a PNG whose longer side is `SIDE` pixels."""
    document = open_pdf(payload["path"], payload["passwords"], payload["doc_id"])
    for number in payload["page_numbers"]:
        progress(number)
        yield {"page_number": number}, _pixels(document[number - 1], SIDE).tobytes("png")


def render_pages(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each asked page as a JPEG.

    The payload is that of a slice (path, passwords, doc_id, page_numbers) and `side`, the most
    pixels of the longer side; `dpi`, the most pixels an inch; and, where boxes are to be drawn,
    `boxes`: page number to `BoxOfKind`s in reading order.
    """
    document = open_pdf(payload["path"], payload["passwords"], payload["doc_id"])
    boxes = payload.get("boxes") or {}
    for number in payload["page_numbers"]:
        progress(number)
        page = document[number - 1]
        pixmap = _pixels(page, payload["side"], payload["dpi"])
        if number in boxes:
            blob = _with_boxes(pixmap, page.rect.width, boxes[number])
        else:
            blob = pixmap.tobytes("jpg", jpg_quality=_QUALITY)
        yield {"page_number": number}, blob


def _pixels(page: pymupdf.Page, side: int, dpi: int | None = None) -> pymupdf.Pixmap:
    """The page within `side` pixels, however large it claims to be."""
    scale = side / max(page.rect.width, page.rect.height, 1)
    if dpi is not None:
        scale = min(scale, dpi / 72)
    return page.get_pixmap(
        matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=False
    )


def _with_boxes(pixmap: pymupdf.Pixmap, width: float, boxes: Sequence[BoxOfKind]) -> bytes:
    """The picture with each box and its place in the reading order."""
    from PIL import Image, ImageDraw

    image = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    scale = pixmap.width / max(width, 1)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=_EDGE)
    for place, (kind, *corners) in enumerate(boxes, 1):
        colour = COLOURS.get(kind, OTHER)
        x0, y0, x1, y1 = (float(value) * scale for value in corners)
        left, top = min(x0, x1), min(y0, y1)
        draw.rectangle((left, top, max(x0, x1), max(y0, y1)), outline=colour, width=2)
        label = str(place)
        wide = 6 * len(label) + 3
        left -= wide if left >= wide else 0  # beside the box, so that no letter is hidden
        draw.rectangle((left, top, left + wide, top + 11), fill=colour)
        draw.text((left + 2, top), label, fill="white")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
