"""Skewed pages are turned level, and what was found on them is put back where it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from resources.ocr.level import levelled, skew_degrees

if TYPE_CHECKING:
    from resources.ocr.base import Image


def lines(degrees: float = 0.0, background: int = 250) -> Image:
    """Dashes in lines, as letters are, that fall to the right by so many degrees."""
    sheet = Pillow.new("RGB", (900, 1100), (background,) * 3)
    draw = ImageDraw.Draw(sheet)
    ink = (255 - background,) * 3
    for y in range(120, 980, 28):
        for x in range(100, 800, 16):
            draw.rectangle((x, y, x + 9, y + 12), fill=ink)
    turned = sheet.rotate(-degrees, resample=Pillow.Resampling.BICUBIC, fillcolor=(background,) * 3)
    return np.asarray(turned)


@pytest.mark.parametrize("degrees", [-5.0, -2.5, -1.0, 1.0, 3.0, 5.0])
@pytest.mark.parametrize("background", [250, 10])
def test_the_slope_of_lines_is_told_from_their_ink(degrees: float, background: int) -> None:
    assert skew_degrees(lines(degrees, background)) == pytest.approx(degrees, abs=0.15)


@pytest.mark.parametrize("degrees", [0.0, 0.5, -0.5, 40.0, 90.0])
def test_what_is_level_or_not_of_a_scanner_stays(degrees: float) -> None:
    image = lines(degrees)
    level = levelled(image)
    assert level.degrees == 0
    assert level.image is image
    quad = ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0))
    assert level.quad_before(quad) == quad


def test_nothing_and_noise_have_no_slope() -> None:
    assert skew_degrees(np.full((300, 200, 3), 255, dtype=np.uint8)) == 0
    assert skew_degrees(np.zeros((1, 1, 3), dtype=np.uint8)) == 0
    noise = np.random.default_rng(1).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    assert skew_degrees(noise) == 0


@pytest.mark.parametrize("degrees", [-5.0, 4.0])
def test_places_on_the_level_page_are_known_on_the_skewed_one(degrees: float) -> None:
    image = lines(degrees)
    image = image.copy()
    image[300:310, 700:710] = (255, 0, 0)
    level = levelled(image)
    assert skew_degrees(level.image) == 0
    red = (level.image[:, :, 0] > 200) & (level.image[:, :, 1] < 80)
    ys, xs = np.nonzero(red)
    point = (float(xs.mean()), float(ys.mean()))
    for corner in level.quad_before((point,) * 4):
        assert list(corner) == pytest.approx([704.5, 304.5], abs=1.5)


def test_no_corner_is_lost() -> None:
    image = lines(4.0).copy()
    image[:12, -12:] = (0, 0, 255)
    blue = levelled(image).image
    assert ((blue[:, :, 2] > 200) & (blue[:, :, 0] < 80)).sum() > 100
