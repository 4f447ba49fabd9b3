"""Text in pictures told from figures, and blank scans from failures."""

from __future__ import annotations

import pymupdf
import pytest

from assets.pages.routing.text_pictures import look_at, may_hold_letters
from tests.assets.pages.conftest import TEXT, photograph


def shown(page: pymupdf.Page, dpi: int = 150) -> pymupdf.Page:
    """A page that is a picture of this one, in shades of grey."""
    pixmap = page.get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY)
    scan = pymupdf.open().new_page(width=page.rect.width, height=page.rect.height)
    scan.insert_image(scan.rect, pixmap=pixmap)
    return scan


def sheet(width: float = 300, height: float = 200) -> pymupdf.Page:
    return pymupdf.open().new_page(width=width, height=height)


@pytest.mark.parametrize("size", [7, 10, 13])
def test_prose_in_a_frame_is_text(size: int) -> None:
    page = sheet()
    page.draw_rect((4, 4, 296, 196))
    page.insert_textbox((12, 12, 288, 190), TEXT * (30 // size), fontsize=size)
    look = look_at(shown(page), (0, 0, 300, 200))
    assert look.is_text
    assert look.n_rows >= 3


def test_a_plot_is_not() -> None:
    page = sheet()
    page.draw_rect((30, 10, 290, 170))
    page.draw_polyline([(30 + 5 * i, 90 + 60 * ((i % 9) / 9 - 0.5)) for i in range(52)], width=1)
    for i in range(8):
        page.insert_text((30 + 32 * i, 182), str(i * 20), fontsize=8)
        page.insert_text((4, 168 - 20 * i), f"{i / 10:.1f}", fontsize=8)
    page.insert_text((80, 195), "Temperature of the store in degrees", fontsize=8)
    assert not look_at(shown(page), (0, 0, 300, 200)).is_text


@pytest.mark.parametrize("dots", ["", "." * 60])
def test_a_line_of_text_as_high_as_its_picture_is_text(dots: str) -> None:
    page = sheet(400, 11)
    page.insert_text((1, 8), f"3.2 Threats to the archive {dots} 24", fontsize=9)
    look = look_at(shown(page), (0, 0, 400, 11))
    assert look.is_text_strip
    assert not look.is_text


@pytest.mark.parametrize("kind", ["dashes", "bars", "name"])
def test_ornaments_as_thin_are_not(kind: str) -> None:
    page = sheet(400, 12)
    if kind == "name":
        page.insert_text((2, 10), "ACME pumps", fontsize=10)
    for i in range(40 if kind != "name" else 0):
        wide = 5 if kind == "dashes" else 1 + i % 3
        page.draw_rect((8 * i, 2, 8 * i + wide, 10), fill=(0, 0, 0), width=0)
    assert not look_at(shown(page), (0, 0, 400, 12)).is_text_strip


def test_a_photograph_is_not() -> None:
    page = sheet()
    page.insert_image(page.rect, pixmap=photograph())
    assert not look_at(page, (0, 0, 300, 200)).is_text


def test_a_blank_scan_holds_no_letters() -> None:
    page = sheet(595, 842)
    for y in (200, 640):
        page.draw_circle((24, y), 9, fill=(0.1, 0.1, 0.1))  # punched holes
    page.draw_rect((0, 0, 8, 842), fill=(0.2, 0.2, 0.2))  # the lid's shadow
    page.draw_line((300, 20), (304, 800), color=(0.5, 0.5, 0.5))  # a fold
    for i in range(20):
        page.draw_circle((60 + 23 * i, 100 + 31 * i), 0.8, fill=(0.3, 0.3, 0.3))  # dust
    assert not may_hold_letters(shown(page))


def test_a_page_number_is_a_letter() -> None:
    page = sheet(595, 842)
    page.insert_text((300, 820), "7", fontsize=9)
    assert may_hold_letters(shown(page))
