"""Pages as pixels for OCR: how large, decided before anything is rendered, and is there ink.

Here: resolution, size cap, pixels, blankness. Not here: figures for readers (`assets/images`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pymupdf

from assets.pages.geometry import Box
from assets.pages.ocr.resolution import OCR_DPI
from resources.errors import DocumentError, ErrorClass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from resources.ocr.base import Image

    Gray = npt.NDArray[np.uint8]

MAX_PIXELS: Final = 40_000_000
"""120 MB as RGB; A2 at 150 dpi has 9 million, A0 35 million."""

MIN_DPI: Final = 30
"""Below this a 12 pt letter is under 3 pixels high: nothing can be read. The largest page that the
PDF standard allows (200 × 200 inches) still fits at this resolution."""

INK_CONTRAST: Final = 40
"""Of 255, from the colour of the paper; scanned paper is even to about 15."""

MIN_INK_PIXELS: Final = 25
"""At 150 dpi, after specks are gone: a single small digit has more."""

EDGE_SHARE: Final = 0.02
"""Scanners leave shadows at the edges; no text stands there."""


def ocr_dpi(width: float, height: float, best: int = OCR_DPI, most: float = MAX_PIXELS) -> int:
    """The resolution for a page of this size in points: the best that so many pixels allow.

    Raises:
        DocumentError: page_too_large, when even the coarsest readable resolution is too much.
    """
    square_inches = max(width, 1.0) * max(height, 1.0) / 72**2
    dpi = min(best, math.floor(math.sqrt(most / square_inches)))
    if dpi < MIN_DPI:
        raise DocumentError(
            ErrorClass.PAGE_TOO_LARGE,
            f"{width:.0f} × {height:.0f} points cannot be rendered readably within "
            f"{most / 1e6:.3g} megapixels, which is all that OCR takes",
        )
    return dpi


def render(page: pymupdf.Page, dpi: int, clip: Box | None = None) -> Image:
    """The page (or a part of it) as a viewer shows it, RGB."""
    import numpy as np

    pixmap = page.get_pixmap(
        dpi=dpi, colorspace=pymupdf.csRGB, alpha=False, clip=pymupdf.Rect(clip) if clip else None
    )
    # Copied: the memory view does not keep the pixmap alive, and reading freed pixels crashes.
    pixels = np.frombuffer(pixmap.samples_mv, dtype=np.uint8).copy()
    rows = pixels.reshape(pixmap.height, pixmap.stride)[:, : pixmap.width * 3]
    return rows.reshape(pixmap.height, pixmap.width, 3)


def render_gray(
    page: pymupdf.Page, dpi: int, max_pixels: int, clip: Box | None = None
) -> tuple[Gray, float]:
    """The page (or a part of it) in shades of grey, coarser where it would pass `max_pixels`.

    Returns:
        Height × width pixels, and how many of them a point has.
    """
    import numpy as np

    shown = page.rect
    x0, y0, x1, y1 = clip or (0.0, 0.0, shown.width, shown.height)
    pixels = (x1 - x0) * (y1 - y0) * (dpi / 72) ** 2
    dpi = max(1, int(dpi * min(1.0, (max_pixels / max(pixels, 1.0)) ** 0.5)))
    pixmap = page.get_pixmap(
        dpi=dpi, colorspace=pymupdf.csGRAY, alpha=False, clip=pymupdf.Rect(x0, y0, x1, y1)
    )
    samples = np.frombuffer(pixmap.samples, dtype=np.uint8)
    return samples.reshape(pixmap.height, pixmap.stride)[:, : pixmap.width], dpi / 72


def has_ink(image: Image) -> bool:
    """Whether anything but paper and specks is on the image."""
    import cv2
    import numpy as np

    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    across, down = int(gray.shape[1] * EDGE_SHARE), int(gray.shape[0] * EDGE_SHARE)
    gray = gray[down : gray.shape[0] - down, across : gray.shape[1] - across]
    if gray.size == 0:
        return False
    paper = np.median(gray[::4, ::4])
    calm = cv2.medianBlur(np.ascontiguousarray(gray), 3)
    marks = np.abs(calm.astype(np.int16) - int(paper)) > INK_CONTRAST
    return int(np.count_nonzero(marks)) >= MIN_INK_PIXELS


def painted_over(image: Image, boxes: Sequence[Box]) -> Image:
    """The image with boxes (in pixels) in the colour of its paper."""
    import numpy as np

    painted = image.copy()
    paper = np.median(image[::8, ::8].reshape(-1, 3), axis=0).astype(np.uint8)
    for x0, y0, x1, y1 in boxes:
        painted[
            max(0, int(y0)) : max(0, math.ceil(y1)), max(0, int(x0)) : max(0, math.ceil(x1))
        ] = paper
    return painted
