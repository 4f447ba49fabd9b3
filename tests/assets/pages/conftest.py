"""PDFs of a page or two, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from assets.pages.read import read_pages

TEXT = (
    "The archive keeps one copy of every report. Each copy has a number, a date and a shelf. "
    "Whoever takes a copy writes a line into the book, and crosses it out on return."
)

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read pages of a document that was just made."""

    def run(document: pymupdf.Document, *page_numbers: int, **options: Any) -> list[dict[str, Any]]:
        path = tmp_path / "made.pdf"
        document.save(path)
        payload = {
            "path": str(path),
            "passwords": [],
            "doc_id": None,
            "page_numbers": list(page_numbers or range(1, len(document) + 1)),
            "ocr": "off",
            "layout": False,
            "page_timeout": 60.0,
            **options,
        }
        return [row for row, _ in read_pages(payload, lambda _: None)]

    return run


@pytest.fixture
def report() -> pymupdf.Document:
    """A page with a heading, a paragraph and a photograph below them."""
    document = pymupdf.open()
    page = document.new_page(width=400, height=500)
    page.insert_text((40, 60), "Rules of the archive", fontsize=20)
    page.insert_textbox((40, 80, 360, 200), TEXT, fontsize=10)
    page.insert_image((40, 250, 240, 400), pixmap=photograph())
    return document


@pytest.fixture
def scan(report: pymupdf.Document) -> pymupdf.Document:
    """The same page as a scanner sees it."""
    document = pymupdf.open()
    page = document.new_page(width=400, height=500)
    page.insert_image(page.rect, pixmap=report[0].get_pixmap(dpi=150))
    return document


def photograph() -> pymupdf.Pixmap:
    """Something coloured without letters."""
    pixmap = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 80, 60))
    pixmap.set_rect(pixmap.irect, (40, 90, 160))
    pixmap.set_rect(pymupdf.IRect(10, 10, 50, 40), (200, 180, 60))
    return pixmap
