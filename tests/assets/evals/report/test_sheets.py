"""Pictures of the pages that a report shows: drawn from the very PDF, or told why not."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pymupdf
import pytest
from PIL import Image

from assets.evals.report.sheets import SIDE, page_pictures
from assets.evals.report.worst import PagePair, worst_pages
from assets.evals.report.write import render, report_of
from resources.settings import Settings, load_settings
from resources.workers.pool import WorkerPool
from tests.assets.evals.report import making


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, 2048, 20.0, 60.0)
    yield pool
    pool.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, tmp_path, {"lake": str(tmp_path / "lake")})


@pytest.fixture
def pairs(tmp_path: Path) -> list[PagePair]:
    """Pages 1-4 of a document of three pages, and its summary."""
    path = tmp_path / "a b.pdf"
    with pymupdf.open() as document:
        for number in range(1, 4):
            page = document.new_page(width=300, height=400)
            page.draw_rect((0, 0, 150, 400), fill=(1, 0, 0))
            page.insert_text((160, 200), f"page {number}")
        document.save(path)
    doc_id = hashlib.sha256(path.read_bytes()).hexdigest()
    new, old = making.sides(doc_id, f"file://{quote(str(path))}")
    found = worst_pages(report_of(making.run(), new, old))
    return [*found, replace(found[0], key=(doc_id, 0))]


def test_each_page_is_a_jpeg_and_what_is_not_there_is_told(
    pairs: list[PagePair], settings: Settings, workers: WorkerPool, tmp_path: Path
) -> None:
    (tmp_path / "a b.pdf").rename(tmp_path / "moved.pdf")
    sources = {pairs[0].key[0]: f"file://{tmp_path}/moved.pdf"}
    pictures = page_pictures(pairs, settings, workers, sources)
    assert sorted(number for _, number in pictures.images) == [1, 2, 3]
    image = Image.open(io.BytesIO(pictures.images[pairs[0].key]))
    assert image.format == "JPEG"
    assert image.height <= SIDE
    pixel = image.getpixel((10, 10))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > pixel[1]
    assert [number for _, number in pictures.reasons] == [4]
    new, old = making.sides(pairs[0].key[0])
    html = render(replace(report_of(making.run(), new, old), pictures=pictures))
    assert html.count("data:image/jpeg;base64,") == 3
    assert html.count("No picture of the page") == 1


def test_a_source_that_is_gone_or_changed_is_told(
    pairs: list[PagePair], settings: Settings, workers: WorkerPool, tmp_path: Path
) -> None:
    path = tmp_path / "a b.pdf"
    path.write_bytes(b"%PDF-1.4 other bytes")
    changed = page_pictures(pairs[:1], settings, workers)
    path.unlink()
    gone = page_pictures(pairs, settings, workers)
    nowhere = page_pictures([replace(pairs[0], uri="")], settings, workers)
    assert not any(pictures.images for pictures in (changed, gone, nowhere))
    assert all("source_changed" in reason for reason in changed.reasons.values())
    assert all("source_missing" in reason for reason in gone.reasons.values())
    assert "nobody knows" in next(iter(nowhere.reasons.values()))
