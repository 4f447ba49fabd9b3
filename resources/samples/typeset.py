"""Typesetting of the sample PDFs: flowing HTML onto pages, and bytes that are the same every time.

Here: what every family of samples shares. Not here: any text, picture or damage of its own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import pymupdf

A4: Final = pymupdf.Rect(0, 0, 595, 842)
A5: Final = pymupdf.Rect(0, 0, 420, 595)
MADE_AT: Final = "D:20250301090000Z"
"""The date in every sample: a clock would make each run's bytes different."""

STYLE: Final = """
body { margin: 0; font-family: serif; font-size: 11.5px; line-height: 1.45; text-align: justify; }
h1 { font-family: sans-serif; font-size: 23px; text-align: left; margin: 0 0 2px 0; }
h2 { font-family: sans-serif; font-size: 15px; text-align: left; margin: 11px 0 3px 0; }
h3 { font-family: sans-serif; font-size: 12px; text-align: left; margin: 8px 0 2px 0; }
p { margin: 0 0 5px 0; }
li { margin: 0 0 2px 0; }
p.by { font-family: sans-serif; font-size: 11px; text-align: left; margin: 0 0 12px 0; }
p.caption { font-size: 9px; text-align: left; }
p.note { font-size: 8px; text-align: left; }
"""

MAX_PAGES: Final = 40
"""A sample that flows over this many pages has a mistake in its boxes."""

Boxes: TypeAlias = Callable[[int], Sequence[pymupdf.Rect]]


def inset(page: pymupdf.Rect, margin: float) -> pymupdf.Rect:
    """The page less the same margin on every side."""
    return pymupdf.Rect(page.x0 + margin, page.y0 + margin, page.x1 - margin, page.y1 - margin)


def flow(html: str, page: pymupdf.Rect, boxes: Boxes, style: str = "") -> pymupdf.Document:
    """Set HTML as pages; `boxes(n)` gives the boxes that the text fills on page n, from 1."""
    story = pymupdf.Story(f'<html lang="en"><body>{html}</body></html>', user_css=STYLE + style)
    buffer = io.BytesIO()
    writer = pymupdf.DocumentWriter(buffer)
    more = True
    number = 0
    while more:
        number += 1
        if number > MAX_PAGES:
            message = f"text does not fit on {MAX_PAGES} pages; make its boxes larger"
            raise ValueError(message)
        device = writer.begin_page(page)
        for box in boxes(number):
            if more:
                unplaced, _ = story.place(box)
                story.draw(device)
                more = bool(unplaced)
        writer.end_page()
    writer.close()
    return pymupdf.open("pdf", buffer.getvalue())


def single(html: str, page: pymupdf.Rect, box: pymupdf.Rect, style: str = "") -> pymupdf.Document:
    """Set HTML in one box of one page, and refuse text that does not fit."""
    document = flow(html, page, lambda _: [box], style)
    if document.page_count != 1:
        message = f"text does not fit into {box}: {html[:40]!r}"
        raise ValueError(message)
    return document


def put(page: pymupdf.Page, box: pymupdf.Rect, html: str) -> None:
    """Set a caption, footnote or label in a box of a page that exists."""
    spare, scale = page.insert_htmlbox(box, html, css=STYLE)
    if spare < 0 or scale < 1:
        message = f"text does not fit into {box}: {html[:40]!r}"
        raise ValueError(message)


def running_lines(
    document: pymupdf.Document, header: str, footer: str = "{page}", margin: float = 64
) -> None:
    """Write a running header and a footer on every page; `{page}` stands for its number."""
    for page in document:
        right = page.rect.width - margin
        top, bottom = 40, page.rect.height - 30
        page.insert_text((margin, top), header, fontname="helv", fontsize=8)
        line = footer.format(page=page.number + 1, pages=document.page_count)
        width = pymupdf.get_text_length(line, fontname="helv", fontsize=8)
        page.insert_text((right - width, bottom), line, fontname="helv", fontsize=8)


def raster(document: pymupdf.Document, number: int, dpi: int) -> pymupdf.Pixmap:
    """A page (from 1) as a grey raster, for samples that are scans."""
    return document[number - 1].get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY, alpha=False)


def image_page(document: pymupdf.Document, page: pymupdf.Rect, image: bytes) -> None:
    """Add a page that is nothing but one image, as a scanner makes it."""
    sheet = document.new_page(width=page.width, height=page.height)
    sheet.insert_image(sheet.rect, stream=image, keep_proportion=False)


def finish(document: pymupdf.Document, title: str) -> bytes:
    """The document as bytes: fonts cut to what is used, no clock and no random identifier."""
    document.subset_fonts()
    document.set_metadata(
        {
            "title": title,
            "author": "The Quire authors",
            "creator": "Quire samples",
            "producer": "PyMuPDF",
            "creationDate": MADE_AT,
            "modDate": MADE_AT,
        }
    )
    return bytes(document.tobytes(garbage=4, deflate=True, use_objstms=1, no_new_id=True))
