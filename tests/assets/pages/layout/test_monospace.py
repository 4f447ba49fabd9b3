"""Fonts whose letters are equally wide, and fonts of which nothing can be told."""

from __future__ import annotations

import pymupdf
import pytest

from assets.pages.layout.monospace import monospaced_fonts
from resources.samples.handwritten import pdf_of

PLAIN = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
WIDE = b"/FirstChar 65 /LastChar 72 /Widths [ 525 525 525 525 525 525 525 525 ]"


def fonts_of(font: bytes, *more: bytes) -> list[frozenset[str]]:
    """What is found on two pages that share a font, given as object 5 or as written in place."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Resources << /Font << /F %s >> >> >>"
    )
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
        page % font,
        page % font,
        *more,
    ]
    with pymupdf.open(stream=pdf_of(bodies), filetype="pdf") as document:
        return [monospaced_fonts(page) for page in document]


def test_a_font_with_equal_letters_is_monospaced_on_every_page_that_uses_it() -> None:
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+CMTT10 %s >>" % WIDE
    assert fonts_of(b"5 0 R", font) == [frozenset({"CMTT10"})] * 2


@pytest.mark.parametrize(
    "font",
    [
        PLAIN,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /O /FirstChar 9999999999999999 /Widths [ 1 ] >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Odd /FirstChar 65 /Widths 4711 0 R >>",
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Odd /DescendantFonts [ 4711 0 R ] >>",
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Odd /DescendantFonts 5 0 R >>",
    ],
)
@pytest.mark.parametrize("in_place", [True, False])
def test_a_font_of_which_nothing_can_be_told_fails_no_page(font: bytes, in_place: bool) -> None:
    found = fonts_of(font) if in_place else fonts_of(b"5 0 R", font)
    assert found == [frozenset()] * 2
