"""Placements are what is drawn on the page, where a viewer shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from assets.images.placements import placed_images

BLACK = ("/Width 2 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", b"\x00\x00")


def ink(page: pymupdf.Page) -> tuple[float, ...]:
    """The box of what is not white, as rendered."""
    pixmap = page.get_pixmap(dpi=144, colorspace=pymupdf.csGRAY, alpha=False)
    rows, columns = np.where(
        np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width) < 128
    )
    return (
        columns.min() / 2,
        rows.min() / 2,
        (columns.max() + 1) / 2,
        (rows.max() + 1) / 2,
    )


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", ["", "/CropBox [20 10 180 140]", "/CropBox [60 40 120 100]"])
def test_a_box_is_where_the_page_shows_the_image(
    rotate: int, crop: str, write_pdf: Callable[..., Path]
) -> None:
    path = write_pdf(BLACK, page=f"/Rotate {rotate} {crop}")
    with pymupdf.open(path) as document:
        page = document[0]
        placement = placed_images(page)[0].placement
        assert placement.bbox == pytest.approx(ink(page), abs=0.5)
        assert page.rotation == rotate


def test_every_drawing_counts_and_a_listed_image_that_is_not_drawn_does_not(
    write_pdf: Callable[..., Path],
) -> None:
    content = (
        b"q 50 0 0 50 0 0 cm /I1 Do Q q 10 0 0 10 100 100 cm /I1 Do Q "
        b"q 30 0 0 30 60 60 cm BI /W 3 /H 1 /CS /G /BPC 8 ID abc EI Q"
    )
    with pymupdf.open(write_pdf(BLACK, BLACK, content=content)) as document:
        placements = [placed.placement for placed in placed_images(document[0])]
    assert [p.index for p in placements] == [0, 1, 2]
    assert [(p.width, p.height) for p in placements] == [(2, 1), (2, 1), (3, 1)]
    assert [round(p.area) for p in placements] == [2500, 100, 900]


def test_masks_stencils_and_gradients_are_told_apart(write_pdf: Callable[..., Path]) -> None:
    soft = ("/Width 2 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", b"\x00\xff")
    masked = (
        "/Width 2 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /SMask {0} 0 R",
        b"ab",
    )
    stencil = ("/Width 8 /Height 1 /ImageMask true /BitsPerComponent 1", b"\x0f")
    shading = (
        "/Shading <</S <</ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 99 0] "
        "/Function <</FunctionType 2 /Domain [0 1] /N 1 /C0 [0] /C1 [1]>>>>>>"
    )
    content = (
        b"q 40 0 0 40 0 0 cm /I0 Do Q q 40 0 0 40 50 0 cm /I1 Do Q q 10 60 80 40 re W n /S sh Q"
    )
    path = write_pdf(masked, stencil, extra=(soft,), content=content, page="")
    data = path.read_bytes().replace(b"/Font <<", shading.encode() + b" /Font <<", 1)
    with pymupdf.open(stream=data, filetype="pdf") as document:
        placements = [placed.placement for placed in placed_images(document[0])]
    assert [(p.has_mask, p.is_stencil, p.is_shading) for p in placements] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_an_image_off_the_page_keeps_its_index_and_has_no_area(
    write_pdf: Callable[..., Path],
) -> None:
    content = b"q 50 0 0 50 900 900 cm /I0 Do Q q 50 0 0 50 180 0 cm /I0 Do Q"
    with pymupdf.open(write_pdf(BLACK, content=content)) as document:
        placements = [placed.placement for placed in placed_images(document[0])]
    assert [(p.index, round(p.area)) for p in placements if p.area] == [(len(placements) - 1, 1000)]
    assert all(p.bbox[2] <= 200 and p.bbox[3] <= 150 for p in placements)
