"""Pictures of pages for people: their size whatever the page claims, and boxes where blocks are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageColor

from assets.pages.colours import COLOURS
from assets.pages.thumbnail import render_pages
from resources.errors import DocumentError


def _rendered(tmp_path: Path, document: pymupdf.Document, **options: Any) -> list[Image.Image]:
    path = tmp_path / "made.pdf"
    document.save(path)
    payload = {
        "path": str(path),
        "passwords": [],
        "doc_id": None,
        "page_numbers": list(range(1, len(document) + 1)),
        "side": 700,
        "dpi": 110,
        **options,
    }
    blobs = [blob for _, blob in render_pages(payload, lambda _: None)]
    return [Image.open(io.BytesIO(blob)) for blob in blobs]


def _near(pixel: Any, colour: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 60 for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize(
    ("width", "height", "pixels"),
    [(595, 842, (495, 700)), (72, 72, (110, 110)), (14_400, 10, (700, 1)), (3, 3, (5, 5))],
)
def test_a_picture_is_small_however_large_the_page(
    tmp_path: Path, width: int, height: int, pixels: tuple[int, int]
) -> None:
    with pymupdf.open() as document:
        document.new_page(width=width, height=height)
        (image,) = _rendered(tmp_path, document)
    assert image.size == pytest.approx(pixels, abs=1)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_are_drawn_on_the_page_as_a_viewer_shows_it(tmp_path: Path, rotation: int) -> None:
    with pymupdf.open() as document:
        page = document.new_page(width=300, height=400)
        page.set_rotation(rotation)
        width, height = page.rect.width, page.rect.height
        box = ("table", 100.0, 150.0, 200.0, 250.0)
        (image,) = _rendered(tmp_path, document, boxes={1: [box]})
    assert image.width * height == pytest.approx(image.height * width, rel=0.01)
    scale = image.width / width
    line = [image.getpixel((round(150 * scale), y)) for y in range(image.height)]
    colour = ImageColor.getrgb(COLOURS["table"])
    drawn = [y / scale for y, pixel in enumerate(line) if _near(pixel, colour)]
    assert drawn
    assert all(min(abs(y - 150), abs(y - 250)) < 2 for y in drawn), drawn


def test_another_content_is_refused(tmp_path: Path) -> None:
    with pymupdf.open() as document:
        document.new_page()
        with pytest.raises(DocumentError, match="no longer has the content"):
            _rendered(tmp_path, document, doc_id="0" * 64)
