"""Pages of the corpus that have true text, read as pictures by the engine as it is: once, and kept.

Fifteen pages, each rendered at 148 dpi, at 152 dpi and twice as a tired copier would leave it: 60
pages of OCR, some minutes. What was read is kept outside of the tree, by the version that read it.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pymupdf

from assets.pages.read import read_pages
from assets.versions import stage_version
from resources.samples.pictures import from_pixmap, jpeg, worn
from resources.settings import load_settings

N_PAGES: Final = 15
_FROM: Final = ("ordinary_en", "multi_column")
_LINES, _CHARS = 25, 1_200
KINDS: Final[dict[str, Callable[[pymupdf.Page, int], bytes]]] = {
    "148 dpi": lambda page, _: _clean(page, 148),
    "152 dpi": lambda page, _: _clean(page, 152),
    "worn a": lambda page, number: _worn(page, 2 * number),
    "worn b": lambda page, number: _worn(page, 2 * number + 1),
}
Readings = dict[str, dict[str, str]]
"""Text by kind and page; `truth` is the page's own."""


def corpus_readings(corpus: Path) -> Readings:
    """The kept readings, made when there are none yet."""
    version = stage_version("pages", load_settings({}, overrides={"layout": "off"})).name
    kept = Path(tempfile.gettempdir()) / "quire-corpus-readings" / f"{version}.json"
    if kept.is_file():
        found: Readings = json.loads(kept.read_text(encoding="utf-8"))
        return found
    readings: Readings = {"truth": {}, **{kind: {} for kind in KINDS}}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, page) in enumerate(_pages(corpus)):
            readings["truth"][name] = page.get_text()
            for kind, picture in KINDS.items():
                path = Path(folder) / f"{number} {kind}.pdf"
                _write(path, page.rect, picture(page, number))
                readings[kind][name] = _read(path)
    kept.parent.mkdir(exist_ok=True)
    new = kept.with_suffix(".new")
    new.write_text(json.dumps(readings), encoding="utf-8")
    new.replace(kept)
    return readings


def _pages(corpus: Path) -> Iterator[tuple[str, pymupdf.Page]]:
    """One page of each of some documents, in the manifest's order."""
    with (corpus / "manifest.csv").open(encoding="utf-8", newline="") as rows:
        paths = [row["path"] for row in csv.DictReader(rows) if row["category"] in _FROM]
    n = 0
    for path in paths:
        if n == N_PAGES or not path.endswith(".pdf"):
            continue
        with pymupdf.open(corpus / path) as document:
            for page in document:
                text = page.get_text()
                if len(text.splitlines()) >= _LINES and len(text) >= _CHARS:
                    n += 1
                    yield f"{path}#{page.number + 1}", page
                    break
    assert n == N_PAGES, f"{n} pages of the corpus have text enough"


def _clean(page: pymupdf.Page, dpi: int) -> bytes:
    found: bytes = page.get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY).tobytes("png")
    return found


def _worn(page: pymupdf.Page, seed: int) -> bytes:
    sheet = from_pixmap(page.get_pixmap(dpi=150, colorspace=pymupdf.csGRAY))
    return jpeg(worn(sheet, (seed * 7 % 11 - 5) / 5, seed))


def _write(path: Path, size: pymupdf.Rect, picture: bytes) -> None:
    with pymupdf.open() as document:
        page = document.new_page(width=size.width, height=size.height)
        page.insert_image(page.rect, stream=picture)
        document.save(path)


def _read(path: Path) -> str:
    payload = {"path": str(path), "page_numbers": [1], "ocr": "rapidocr", "layout": False}
    ((row, _),) = read_pages(payload, lambda _: None)
    text: str = row["text"] or ""
    return text
