"""A figure is stored as the page shows it, whatever the page does to the image."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from assets.images.placements import placed_images
from tests.assets.images.conftest import ON_PAGE
from tests.assets.images.test_extract import extract

RGB = "/Width 64 /Height 48 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode "


@pytest.fixture
def jpeg(photo: Image.Image) -> tuple[str, bytes]:
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=95)
    return RGB, stream.getvalue()


ODD = {
    "triangle": b"40 30 m 168 30 l 104 126 l h W n " + ON_PAGE,
    "turned": b"q 90 52 -39 68 70 20 cm /I0 Do Q",
    "slanted": b"q 90 0 40 96 30 30 cm /I0 Do Q",
}
PLAIN = {
    "upright": ON_PAGE,
    "on its side": b"q 0 96 128 0 40 30 cm /I0 Do Q",
    "half": b"40 30 64 96 re W n " + ON_PAGE,
    "a hair": b"40.4 30.4 127 95 re W n " + ON_PAGE,
}


@pytest.mark.parametrize("kind", [*PLAIN, *ODD])
def test_plain_placements_are_told_from_odd_ones(
    kind: str, jpeg: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    path = write_pdf(jpeg, content=(PLAIN | ODD)[kind])
    with pymupdf.open(path) as document:
        (placed,) = placed_images(document[0])
        assert placed.is_plain == (kind in PLAIN)


@pytest.mark.parametrize("kind", [*PLAIN, *ODD])
@pytest.mark.parametrize("rotate", [0, 90])
def test_what_is_stored_looks_like_the_page(
    kind: str,
    rotate: int,
    jpeg: tuple[str, bytes],
    write_pdf: Callable[..., Path],
    difference: Any,
) -> None:
    path = write_pdf(jpeg, content=(PLAIN | ODD)[kind], page=f"/Rotate {rotate}")
    ((row, data),) = extract(path)
    assert data is not None
    with pymupdf.open(path) as document:
        assert difference(document[0], tuple(row["bbox"].values()), data) < 0.04


def test_an_images_own_mask_is_stored_as_alpha_whatever_lies_beneath(
    photo: Image.Image, write_pdf: Callable[..., Path]
) -> None:
    flate = "/Filter /FlateDecode "
    masked = (RGB.replace("/Filter /DCTDecode ", flate) + "/SMask {0} 0 R", photo.tobytes())
    size = "/Width 64 /Height 48 /ColorSpace /DeviceGray /BitsPerComponent 8 "
    mask = (size + flate, zlib.compress(bytes(range(64)) * 48))
    ground = b"0 0 0.6 rg 0 0 200 150 re f " + ON_PAGE
    path = write_pdf((masked[0], zlib.compress(masked[1])), extra=(mask,), content=ground)
    ((row, data),) = extract(path)
    assert data is not None
    assert Image.open(io.BytesIO(data)).mode == "RGBA"
    assert (row["width"], row["height"]) == (64, 48)


def test_a_transparent_image_is_stored_as_pale_as_it_is_shown(
    jpeg: tuple[str, bytes], write_pdf: Callable[..., Path], difference: Any
) -> None:
    path = write_pdf(jpeg, content=b"/G gs " + ON_PAGE)
    state = b"/ExtGState <</G <</ca 0.6>>>> /Font <<"
    path.write_bytes(path.read_bytes().replace(b"/Font <<", state, 1))
    ((row, data),) = extract(path)
    assert data is not None
    with pymupdf.open(path) as document:
        assert difference(document[0], tuple(row["bbox"].values()), data) < 0.03


def test_a_clipped_image_is_cropped_to_what_is_shown_at_its_own_resolution(
    jpeg: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    ((row, _),) = extract(write_pdf(jpeg, content=PLAIN["half"]))
    assert (row["width"], row["height"], row["format"]) == (32, 48, "jpeg")
    assert tuple(row["bbox"].values()) == pytest.approx((40, 24, 104, 120))


def test_an_image_that_lies_half_beyond_the_page_is_cropped(
    jpeg: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    ((row, _),) = extract(write_pdf(jpeg, content=b"q 128 0 0 96 136 30 cm /I0 Do Q"))
    assert (row["width"], row["height"]) == (32, 48)


def test_a_hair_that_is_cut_off_does_not_cost_the_jpeg(
    jpeg: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    ((_, data),) = extract(write_pdf(jpeg, content=PLAIN["a hair"]))
    assert data == jpeg[1]


def test_a_slant_that_does_not_show_does_not_cost_the_jpeg(
    jpeg: tuple[str, bytes], write_pdf: Callable[..., Path]
) -> None:
    nearly = b"q 128 1.5 -1.5 96 40 30 cm /I0 Do Q"
    ((_, data),) = extract(write_pdf(jpeg, content=nearly))
    assert data == jpeg[1]
