"""Small PDFs, harmless and hostile, made for one test each."""

from __future__ import annotations

import zlib
from pathlib import Path

import pymupdf


def plain(path: Path, n_pages: int = 1, text: str = "A plain page of text") -> None:
    """Born-digital pages with a few sentences each."""
    document = pymupdf.open()
    for number in range(1, n_pages + 1):
        page = document.new_page()
        lines = f"{text}, number {number}.\nIt says little. It says it clearly.\nThen it ends."
        page.insert_text((72, 72), lines)
    document.save(path)
    document.close()


def with_page_content(path: Path, n_pages: int, page: int, content: bytes) -> None:
    """Plain pages, of which one has this content stream, compressed."""
    plain(path, n_pages)
    document = pymupdf.open(path)
    xref = document[page - 1].get_contents()[0]
    document.update_stream(xref, content)
    document.saveIncr()
    document.close()


def endless_page(path: Path, n_pages: int, page: int) -> None:
    """One page with millions of path operators: the parser works on it for minutes."""
    content = b"0 0 m " + b"1 1 l 9 7 l 3 5 l 2 8 l " * 1_500_000 + b"S"
    with_page_content(path, n_pages, page, content)


def flate_bomb(path: Path) -> None:
    """Kilobytes that decompress twice to gigabytes."""
    inner = zlib.compress(b" " * (256 * 2**20), 9)
    document = pymupdf.open()
    document.new_page()
    data = document.tobytes()
    document.close()
    document = pymupdf.open(stream=data, filetype="pdf")
    page = document[0]
    page.insert_text((72, 72), "bomb")
    xref = page.get_contents()[0]
    document.update_stream(xref, zlib.compress(inner, 9), compress=False)
    document.xref_set_key(xref, "Filter", "[/FlateDecode /FlateDecode]")
    document.save(path)
    document.close()
