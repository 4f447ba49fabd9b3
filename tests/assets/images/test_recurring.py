"""An image that recurs through a document is a logo where it is small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymupdf
import pytest

from assets.images.placements import placed_images
from assets.images.recurring import recurring_images
from assets.images.roles import propose_pictures
from assets.pages.read import read_pages

LOGO = (40.0, 20.0, 130.0, 80.0)
FIGURE = (100.0, 200.0, 300.0, 350.0)


def pixmap(seed: int) -> pymupdf.Pixmap:
    samples = bytes((i * seed) % 256 for i in range(60 * 40 * 3))
    return pymupdf.Pixmap(pymupdf.csRGB, 60, 40, samples, 0)


def document(n_pages: int, logo: tuple[float, ...] = LOGO) -> pymupdf.Document:
    """Each page with the same logo, the second with a figure too."""
    made = pymupdf.open()
    xref = 0
    for number in range(n_pages):
        page = made.new_page(width=595, height=842)
        page.insert_text((60, 100), f"Page {number + 1} of the report.")
        xref = page.insert_image(logo, pixmap=pixmap(3) if not xref else None, xref=xref)
        if number == 1:
            page.insert_image(FIGURE, pixmap=pixmap(7))
    return pymupdf.open("pdf", made.tobytes())


def n_pictures(made: pymupdf.Document) -> list[int]:
    recurring = recurring_images(made)
    return [
        len(propose_pictures([p.placement for p in placed_images(page)], 595, 842, "", recurring))
        for page in made
    ]


def test_a_logo_on_every_page_is_no_picture_and_a_figure_is() -> None:
    assert n_pictures(document(4)) == [0, 1, 0, 0]


def test_on_two_pages_it_says_nothing() -> None:
    assert n_pictures(document(2)) == [1, 2]


def test_a_large_image_is_a_picture_each_time() -> None:
    assert n_pictures(document(4, logo=(40, 20, 400, 180))) == [1, 2, 1, 1]


def test_a_long_document_is_asked_as_one_whole() -> None:
    assert len(recurring_images(document(70))) == 1


@pytest.mark.parametrize("pages", [[1], [1, 2], [1, 2, 3, 4]])
def test_what_is_a_logo_does_not_depend_on_the_slice(tmp_path: Path, pages: list[int]) -> None:
    path = tmp_path / "report.pdf"
    document(4).save(path)
    payload: dict[str, Any] = {
        "path": str(path),
        "page_numbers": pages,
        "ocr": "off",
        "layout": False,
    }
    for row, _ in read_pages(payload, lambda _: None):
        found = [block for block in row["blocks"] if block["kind"] == "picture"]
        assert len(found) == (1 if row["page_number"] == 2 else 0)
