"""PDFs for runs on the cluster: small, of several kinds, and the same bytes for each run."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from resources.samples.pictures import fibres, png
from tests.end_to_end.pdfs import plain


def few(folder: Path) -> Path:
    """Three documents of text, one with a figure, one that is broken, and a copy."""
    folder.mkdir()
    for number in range(3):
        plain(folder / f"{number:02d}.pdf", 2, f"Document {number} speaks of the sea")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    with_picture(folder / "picture.pdf")
    (folder / "copy.pdf").write_bytes((folder / "00.pdf").read_bytes())
    return folder


def with_picture(path: Path, words: str = "A figure of fibres is shown below.") -> None:
    """A page of text with a figure."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 72), words)
    page.insert_image(pymupdf.Rect(72, 100, 400, 340), stream=png(fibres()))
    document.save(path)
    document.close()


def many(folder: Path, n_documents: int) -> Path:
    """Documents of one to three pages; every fifth has a figure, every seventh is broken."""
    folder.mkdir()
    for number in range(n_documents):
        path = folder / f"{number:02d}.pdf"
        if number % 7 == 6:
            path.write_bytes(b"%PDF-1.7\nnothing more of " + str(number).encode())
        elif number % 5 == 4:
            with_picture(path, f"Figure {number} shows the fibres of a sheet.")
        else:
            plain(path, 1 + number % 3, f"Document {number} speaks of the sea")
    return folder
