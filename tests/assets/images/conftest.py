"""Small PDFs with chosen image streams, written by hand so that nothing re-encodes them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from resources.samples.handwritten import pdf_of

Stream = tuple[str, bytes]
"""Entries of an image's dictionary, and its data."""

ON_PAGE = b"q 128 0 0 96 40 30 cm /I0 Do Q"
"""The first image, 128 x 96 points, upright."""


def _object(entries: str, data: bytes) -> bytes:
    return b"<<%s /Length %d>> stream\n%s\nendstream" % (entries.encode(), len(data), data)


@pytest.fixture
def write_pdf(tmp_path: Path) -> Callable[..., Path]:
    """Writes a one-page PDF of 200 x 150 points whose images are the given streams.

    `{0}` in an image's dictionary is the object number of the first of `extra`, and so on.
    """

    def write(
        *images: Stream,
        extra: tuple[Stream, ...] = (),
        content: bytes = ON_PAGE,
        page: str = "",
        name: str = "made.pdf",
    ) -> Path:
        first = 5 + len(images)
        numbers = [first + i for i in range(len(extra))]
        names = " ".join(f"/I{i} {5 + i} 0 R" for i in range(len(images)))
        bodies = [
            b"<</Type /Catalog /Pages 2 0 R>>",
            b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
            (
                "<</Type /Page /Parent 2 0 R /MediaBox [0 0 200 150] /Contents 4 0 R "
                f"/Resources <</XObject <<{names}>> /Font <</F <</Type /Font /Subtype /Type1 "
                f"/BaseFont /Helvetica>>>>>> {page}>>"
            ).encode(),
            _object("", content),
            *(
                _object("/Type /XObject /Subtype /Image " + entries.format(*numbers), data)
                for entries, data in images
            ),
            *(
                _object("/Type /XObject /Subtype /Image " + entries, data)
                for entries, data in extra
            ),
        ]
        path = tmp_path / name
        path.write_bytes(pdf_of(bodies))
        return path

    return write


@pytest.fixture
def photo() -> Image.Image:
    """64 x 48 smooth colours, none of whose corners look alike."""
    y, x = np.mgrid[0:48, 0:64]
    channels = np.stack([x * 4, y * 5, 255 - x * 2 - y * 2], axis=2)
    return Image.fromarray(channels.clip(0, 255).astype(np.uint8), "RGB")


@pytest.fixture
def difference() -> Callable[[pymupdf.Page, tuple[float, ...], bytes], float]:
    """Mean difference (0-1) between an image file and the page's rendering under a box."""

    def measure(page: pymupdf.Page, box: tuple[float, ...], data: bytes) -> float:
        image = Image.open(io.BytesIO(data)).convert("RGBA")
        pixmap = page.get_pixmap(clip=pymupdf.Rect(box), alpha=False)
        shown = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image)
        stored = paper.convert("RGB").resize(shown.size, Image.Resampling.BOX)
        gap = np.asarray(stored, float) - np.asarray(shown, float)
        return float(np.abs(gap).mean()) / 255

    return measure
