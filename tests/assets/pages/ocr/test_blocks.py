"""Lines of a scan come in reading order, skewed paper and narrow gutters notwithstanding."""

from __future__ import annotations

import math

import pytest

from assets.pages.ocr.blocks import ocr_blocks, skew_slope, to_lines
from resources.ocr.base import OcrLine, Point, Quad

COLUMN = 340.0
HEIGHT = 24.0


def _quad(x: float, y: float, degrees: float, width: float = COLUMN) -> Quad:
    angle = math.radians(degrees)

    def turned(px: float, py: float) -> Point:
        return (
            px * math.cos(angle) - py * math.sin(angle),
            px * math.sin(angle) + py * math.cos(angle),
        )

    return (
        turned(x, y),
        turned(x + width, y),
        turned(x + width, y + HEIGHT),
        turned(x, y + HEIGHT),
    )


def _two_columns(degrees: float, gutter: float) -> list[OcrLine]:
    return [
        OcrLine(f"{name}{row}", 0.99, _quad(x, 100 + row * 30.0, degrees))
        for row in range(40)
        for name, x in (("left", 100.0), ("right", 100.0 + COLUMN + gutter))
    ]


@pytest.mark.parametrize("degrees", [-5.0, 0.0, 5.0])
@pytest.mark.parametrize("gutter", [3.0, 30.0])
def test_columns_are_read_one_after_the_other(degrees: float, gutter: float) -> None:
    found = _two_columns(degrees, gutter)
    slope = skew_slope(found)
    text = " ".join(b.text for b in ocr_blocks(to_lines(found, 0.48, slope), slope)).split()
    assert text[:40] == [f"left{row}" for row in range(40)]


def test_corners_in_whole_pixels_are_no_skew() -> None:
    quad: Quad = ((0.0, 1.0), (300.0, 0.0), (300.0, 24.0), (0.0, 25.0))
    assert skew_slope([OcrLine("level", 0.99, quad)] * 5) == 0.0


def test_boxes_are_where_the_ink_is() -> None:
    found = _two_columns(5.0, 30.0)
    slope = skew_slope(found)
    box = ocr_blocks(to_lines(found, 0.48, slope), slope)[0].box
    (x, y), _, (x1, _), _ = found[0].box
    assert box[0] <= x * 0.48 + 1
    assert box[1] <= y * 0.48 + 1
    assert box[2] >= x1 * 0.48 - 1
