"""Scanned pages that a stand-in server can tell apart: pictures of text with a mark at the foot."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from tests.fake_surya_server import mark

WIDTH, HEIGHT = 400.0, 520.0
DPI = 110


def words(number: int) -> str:
    """What stands on the page with this number."""
    lines = [f"This is page {number} of a paper that was scanned.", "Its words are a picture."]
    return "\n".join([*lines, "Nothing on it can be selected,", "and no layer lies over it."])


def scan(path: Path, numbers: list[int], *, turned: int = 0) -> Path:
    """A PDF of scanned pages with these numbers, each turned clockwise by so many degrees."""
    with pymupdf.open() as document:
        for number in numbers:
            _add(document, number, turned)
        document.save(path)
    return path


def picture(number: int) -> pymupdf.Pixmap:
    """The page with this number as pixels."""
    with pymupdf.open() as drawn:
        page = drawn.new_page(width=WIDTH, height=HEIGHT)
        page.insert_text((40, 70), f"Chapter {number}", fontsize=20)
        page.insert_text((40, 110), words(number), fontsize=12)
        for x0, y0, x1, y1 in mark(number):
            box = (x0 * WIDTH, y0 * HEIGHT, x1 * WIDTH, y1 * HEIGHT)
            page.draw_rect(pymupdf.Rect(box), fill=(0, 0, 0))
        return page.get_pixmap(dpi=DPI)


def _add(document: pymupdf.Document, number: int, turned: int) -> None:
    size = (WIDTH, HEIGHT) if turned % 180 == 0 else (HEIGHT, WIDTH)
    page = document.new_page(width=size[0], height=size[1])
    page.insert_image(page.rect, pixmap=picture(number), rotate=-turned % 360)
