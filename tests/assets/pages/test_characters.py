"""Characters come out as a reader sees them: accents on their letters, Arabic in its order."""

from __future__ import annotations

from collections.abc import Sequence

import pymupdf
import pytest

from resources.samples.handwritten import pdf_of
from tests.assets.pages.conftest import Read

SIZE = 10
WIDTH = 6
"""Points that each glyph of the made font is wide."""

Glyphs = Sequence[str | float]
"""What each glyph stands for, as drawn from left to right; a number moves on by so many points."""


def drawn(*lines: Glyphs) -> pymupdf.Document:
    """A page with these lines, in a font whose glyphs stand for one letter or several."""
    glyphs = sorted({glyph for line in lines for glyph in line if isinstance(glyph, str)})
    codes = {glyph: n for n, glyph in enumerate(glyphs, start=1)}
    shows = "".join(_shown(line, codes, 700 - 40 * n) for n, line in enumerate(lines))
    content = f"BT /F {SIZE} Tf {shows} ET".encode()
    maps = "".join(f"<{n:02x}> <{g.encode('utf-16-be').hex()}>\n" for g, n in codes.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> "
        f"endcodespacerange {len(codes)} beginbfchar\n{maps}endbfchar endcmap end"
    ).encode()
    page = (
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R"
        b" /Resources <</Font <</F 5 0 R>>>>>>"
    )
    font = (
        b"<</Type /Font /Subtype /Type1 /BaseFont /Courier /FirstChar 1 /LastChar 255"
        b" /Widths [%s] /ToUnicode 6 0 R>>"
    )
    widths = " ".join([str(WIDTH * 1000 // SIZE)] * 255)
    return pymupdf.open(
        stream=pdf_of(
            [
                b"<</Type /Catalog /Pages 2 0 R>>",
                b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
                page,
                b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
                font % widths.encode(),
                b"<</Length %d>>\nstream\n%s\nendstream" % (len(cmap), cmap),
            ]
        )
    )


def _shown(line: Glyphs, codes: dict[str, int], y: int) -> str:
    parts = [
        f"<{codes[glyph]:02x}>" if isinstance(glyph, str) else f"{-glyph * 1000 / SIZE}"
        for glyph in line
    ]
    return f"1 0 0 1 50 {y} Tm [{' '.join(parts)}] TJ\n"


def text_of(read: Read, *lines: Glyphs) -> str:
    return str(read(drawn(*lines))[0]["text"])


LAM_ALEF = "\u0644\u0627"
SALAM = ["\u0645", LAM_ALEF, "\u0633"]  # seen from the left: meem, the ligature, seen
BOOK = ["\u0628", "\u0627", "\u062a", "\u0643"]


def test_a_ligature_keeps_the_order_of_its_letters(read: Read) -> None:
    assert text_of(read, SALAM) == "\u0633\u0644\u0627\u0645"


def test_two_ligatures_in_a_row(read: Read) -> None:
    assert text_of(read, [LAM_ALEF, "\u0644\u0622", "\u0628"]) == "\u0628\u0644\u0622\u0644\u0627"


def test_a_glyph_that_stands_for_a_whole_word(read: Read) -> None:
    word = "".join(reversed(BOOK))
    assert (
        text_of(read, [word, *" habibi ", *BOOK, *" and more"]) == f"{word} habibi {word} and more"
    )


def test_letters_by_their_form_are_letters(read: Read) -> None:
    assert text_of(read, ["\ufee1", "\ufefc", "\ufeb3"]) == "\u0633\u0644\u0627\u0645"


def test_numbers_read_from_the_left_within_arabic(read: Read) -> None:
    line = [*"\u0662\u0660\u0661\u0669", " ", *BOOK, " ", *"\u0662\u0669"]
    assert text_of(read, line) == "\u0662\u0669 \u0643\u062a\u0627\u0628 \u0662\u0660\u0661\u0669"


def test_a_line_of_contents_starts_with_its_title(read: Read) -> None:
    line = ["\u0667", 9, *". . . . . . .", 9, *BOOK]
    assert text_of(read, line) == "\u0643\u062a\u0627\u0628 . . . . . . . \u0667"


def test_foreign_words_and_brackets_stand_where_they_are_read(read: Read) -> None:
    line = [".", *"(R 4.1)", " ", *SALAM, " ", *BOOK]
    assert text_of(read, line) == "\u0643\u062a\u0627\u0628 \u0633\u0644\u0627\u0645 (R 4.1)."


def test_brackets_are_named_by_what_is_drawn_or_meant(read: Read) -> None:
    seen = ["(", *BOOK, ")", " ", *SALAM]
    meant = [")", *BOOK, "(", " ", *SALAM]
    assert text_of(read, seen) == text_of(read, meant)
    assert text_of(read, seen).endswith("(\u0643\u062a\u0627\u0628)")


def test_gaps_where_the_direction_changes_are_spaces(read: Read) -> None:
    assert text_of(read, [*BOOK, 3, *"PDF", 3, *SALAM]) == (
        "\u0633\u0644\u0627\u0645 PDF \u0643\u062a\u0627\u0628"
    )
    # Word draws the space behind a foreign word on its other side.
    assert text_of(read, [*BOOK, *"PDF", " ", *SALAM]) == (
        "\u0633\u0644\u0627\u0645 PDF \u0643\u062a\u0627\u0628"
    )


def test_arabic_within_a_text_from_the_left(read: Read) -> None:
    line = [*"The word ", *SALAM, " ", *BOOK, *" means a greeting"]
    assert text_of(read, line) == (
        "The word \u0643\u062a\u0627\u0628 \u0633\u0644\u0627\u0645 means a greeting"
    )


def test_a_real_font_is_read_as_it_was_set(read: Read) -> None:
    """Noto Naskh, shaped by HarfBuzz; its ligatures have no characters here, so without lam."""
    document = pymupdf.open()
    page = document.new_page()
    text = "\u0643\u062a\u0628 \u0662\u0669 \u0633\u0628\u062a\u0645\u0628\u0631 2019"
    page.insert_htmlbox((50, 50, 500, 100), f'<p dir="rtl">{text}</p>')
    assert read(document)[0]["text"] == text


@pytest.mark.parametrize(
    ("glyphs", "text"),
    [
        ([*"St", "e", -5, "\u00b4", -1, *"phane"], "St\u00e9phane"),  # after its letter
        ([*"na", "\u00a8", -6, "\u0131", *"ve"], "na\u00efve"),  # before it, as TeX does
        ([*"gar", -0.0, "\u00b8", -6, "c", *"on"], "gar\u00e7on"),
        ([*"voil", "`", -6, "a"], "voil\u00e0"),
        ([*"37", "\u02da", "C"], "37\u02daC"),  # beside its letter
        ([*"Z(", "\u02dc", -6, "s", ")"], "Z(\u02dcs)"),  # Unicode has no such letter
        ([*"a `quoted` b"], "a `quoted` b"),
    ],
)
def test_accents_stand_on_their_letters(read: Read, glyphs: Glyphs, text: str) -> None:
    assert text_of(read, glyphs) == text


def test_raised_numbers_are_told_from_text(read: Read) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_htmlbox(
        (50, 50, 500, 300),
        "<p>Opening hours.<sup>1</sup> Ten is 10<sup>\u22126</sup> CO<sub>2</sub>, the "
        "21<sup>st</sup>, <sup>1</sup>/<sub>4</sub>, see<sup>[3]</sup></p>"
        "<p><sup>1</sup> On working days.</p>",
    )
    row = read(document)[0]
    assert "hours.\u00b9 Ten is 10\u207b\u2076 CO2, the 21st, 1/4, see[3]" in row["text"]
    assert "\u00b9 On working days." in row["text"]
    assert "hours.<sup>1</sup>" in row["markdown"]
    assert "<sup>1</sup> On" in row["markdown"]
