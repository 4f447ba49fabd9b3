"""A page is turned when its text needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pymupdf
import pytest

from assets.pages.ocr.orientation import is_sideways, read_upright, turn_of
from assets.pages.ocr.rendering import render
from resources.ocr.base import make_engine

if TYPE_CHECKING:
    from resources.ocr.base import Image


@pytest.fixture(scope="module")
def page() -> Image:
    document = pymupdf.open()
    sheet = document.new_page(width=320, height=200)
    for i, text in enumerate(("A letter from the harbour", "came in on Monday", "before noon")):
        sheet.insert_text((30, 50 + 40 * i), text, fontsize=16)
    return render(sheet, 150)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_page_is_turned_back(page: Image, degrees: int) -> None:
    engine = make_engine("rapidocr")
    assert engine is not None
    turned = np.ascontiguousarray(np.rot90(page, k=degrees // 90))  # counter-clockwise
    reading = read_upright(engine, turned, lambda: None)
    assert reading.degrees == degrees
    assert any("letter from the harbour" in line.text for line in reading.lines)
    assert turn_of(engine, turned, lambda: None) == (degrees, 3)


def test_a_page_without_lines_is_not_turned() -> None:
    engine = make_engine("rapidocr")
    assert engine is not None
    paper = np.full((300, 300, 3), 255, dtype=np.uint8)
    assert turn_of(engine, paper, lambda: None) == (0, 0)


def test_single_characters_have_no_direction() -> None:
    box = ((0.0, 0.0), (10.0, 0.0), (10.0, 12.0), (0.0, 12.0))
    assert not is_sideways([box])
