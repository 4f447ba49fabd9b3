"""A stored figure against its page: the same picture, another one, and none."""

from __future__ import annotations

import io
from pathlib import Path

import pymupdf
import pytest
from PIL import Image, ImageOps

from bench.quality.documents import Source
from bench.quality.images import Figure, figures_of, likeness_of


@pytest.fixture
def page(tmp_path: Path) -> tuple[Source, Image.Image]:
    picture = Image.linear_gradient("L").resize((200, 150)).convert("RGB")
    held = io.BytesIO()
    picture.save(held, "PNG")
    with pymupdf.open() as document:
        sheet = document.new_page(width=400, height=300)
        sheet.insert_image((100, 50, 300, 200), stream=held.getvalue())
        document.save(tmp_path / "a.pdf")
    return Source(tmp_path / "a.pdf", "a.pdf"), picture


def likeness(source: Source, picture: Image.Image | bytes | None) -> float | None:
    data = picture
    if isinstance(picture, Image.Image):
        held = io.BytesIO()
        picture.save(held, "PNG")
        data = held.getvalue()
    assert data is None or isinstance(data, bytes)
    return likeness_of(source, Figure(1, 0, (100, 50, 300, 200), data))[0]


def test_the_picture_itself_is_alike_and_others_are_not(page: tuple[Source, Image.Image]) -> None:
    source, picture = page
    assert likeness(source, picture) == pytest.approx(1, abs=0.01)
    assert likeness(source, picture.resize((50, 40))) == pytest.approx(1, abs=0.02)
    assert likeness(source, ImageOps.flip(picture)) == pytest.approx(0.5, abs=0.02)
    assert likeness(source, Image.new("RGB", (9, 9), "gray")) == pytest.approx(0.75, abs=0.02)


def test_what_is_not_stored_or_does_not_decode_is_not_alike(
    page: tuple[Source, Image.Image],
) -> None:
    source, _ = page
    assert likeness(source, None) == 0
    assert likeness(source, b"no picture") == 0


def test_the_figures_of_a_document_are_found(page: tuple[Source, Image.Image]) -> None:
    source, _ = page
    (figure,) = figures_of(source)
    assert likeness_of(source, figure)[0] == pytest.approx(1, abs=0.01)
    source.path.write_bytes(b"no PDF")
    assert list(figures_of(source)) == []
