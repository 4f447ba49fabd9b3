"""Pages as a scanner would give them, made in a worker like everything that touches a PDF.

Here: rendering, wear, and a PDF of one page that is nothing but a picture. Not here: which pages
(`sampling.py`), or who asks (`pictures.py`). Imports the parser: only workers may import this.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import pymupdf

from assets.pages.ocr.rendering import INK_CONTRAST, render_gray
from resources.workers.child import LOADING
from resources.workers.documents import open_pdf, require_page

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]

DPI: Final = 200
"""Of office scanners; more than OCR takes, so that it meets what scans have been through."""
MAX_PIXELS: Final = 16_000_000
"""An A3 sheet at 200 dpi has 8 million; larger ones are coarser."""
MAX_SKEW: Final = 2.0
"""Degrees: sheets that a feeder draws in crooked; OCR corrects up to 5."""
_BLUR: Final = (0.4, 0.9)
_NOISE: Final = (3.0, 9.0)
_QUALITY: Final = (40, 65)
"""Of JPEG; the stored quality of scans in the wild starts at about 40."""
_PAPER: Final = (225.0, 250.0)
_INK: Final = (15.0, 60.0)


def draw(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each asked page as a PDF of one picture, once for each degradation.

    The payload is that of a slice (path, passwords, doc_id, page_numbers), and `pages`: dicts of
    `page_number`, `seed`, `degradations`, and `boxes` of its text in points as a viewer shows it.
    A record says `page_number`, `degradation`, and `unseen`: how many of the boxes hold no ink.
    """
    progress(LOADING)
    import numpy  # noqa: F401, ICN001 - not on a page's clock
    import PIL.ImageFilter  # noqa: F401

    document = open_pdf(payload["path"], payload["passwords"], payload["doc_id"])
    for item in payload["pages"]:
        number = item["page_number"]
        progress(number)
        require_page(document, number)
        page = document[number - 1]
        gray, scale = render_gray(page, DPI, MAX_PIXELS)
        unseen = sum(not _has_ink(gray, box, scale) for box in item["boxes"])
        for degradation in item["degradations"]:
            progress(number)
            picture = _png(gray) if degradation == "clean" else degraded(gray, item["seed"])
            record = {"page_number": number, "degradation": degradation, "unseen": unseen}
            yield record, _one_page(picture, page.rect.width, page.rect.height)


def degraded(gray: Gray, seed: int) -> bytes:
    """A page as a worn scanner stores it: skewed, blurred, grey, noisy; a JPEG. The seed decides.

    Args:
        gray: Height × width pixels.
        seed: The same one always gives the same bytes.
    """
    import numpy as np
    from PIL import Image, ImageFilter

    rng = np.random.default_rng(seed)
    angle = float(rng.uniform(0.3, MAX_SKEW)) * (1 if rng.random() < 0.5 else -1)
    sheet = Image.fromarray(np.ascontiguousarray(gray))
    edge = int(np.median(gray[::8, ::8])) if gray.size else 255
    sheet = sheet.rotate(angle, Image.Resampling.BICUBIC, fillcolor=edge)
    sheet = sheet.filter(ImageFilter.GaussianBlur(float(rng.uniform(*_BLUR))))
    ink, paper = float(rng.uniform(*_INK)), float(rng.uniform(*_PAPER))
    pixels = np.asarray(sheet, dtype=np.float32) * np.float32((paper - ink) / 255) + np.float32(ink)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    pixels += noise * np.float32(rng.uniform(*_NOISE))
    worn = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    out = io.BytesIO()
    worn.save(out, "JPEG", quality=int(rng.integers(*_QUALITY)))
    return out.getvalue()


def _png(gray: Gray) -> bytes:
    import numpy as np
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(gray)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _has_ink(gray: Gray, box: Sequence[float], scale: float) -> bool:
    """Whether anything is drawn in a box: what a sheet of white covers is read by nobody."""
    x0, y0, x1, y1 = box
    part = gray[
        max(0, int(y0 * scale)) : int(y1 * scale) + 1, max(0, int(x0 * scale)) : int(x1 * scale) + 1
    ]
    return bool(part.size) and int(part.max()) - int(part.min()) >= INK_CONTRAST


def _one_page(picture: bytes, width: float, height: float) -> bytes:
    with pymupdf.open() as document:
        page = document.new_page(width=width, height=height)
        page.insert_image(page.rect, stream=picture, keep_proportion=False)
        return bytes(document.tobytes(deflate=True, no_new_id=True))
