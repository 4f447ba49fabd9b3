"""Code is told by its type, and keeps its lines and columns."""

from __future__ import annotations

import pymupdf

from assets.pages.geometry import Box
from assets.pages.layout.blocks import layout_blocks
from assets.pages.layout.model import Region
from assets.pages.layout.monospace import monospaced_fonts
from assets.pages.records import Block, Kind
from assets.pages.text_layer import read_text_layer

LISTING = ("> summary(x)", "   Min.  Max.", "a   1.0  20.5", "b   0.5   3.0")
PROSE = (
    "The pumps of the northern station were seen to on Monday and",
    "on Tuesday, when the water in the harbour stood lower than in",
    "all the years that have been measured by the city engineers.",
)


def _page(
    lines: tuple[str, ...], font: str, top: float = 100.0, page: pymupdf.Page | None = None
) -> pymupdf.Page:
    page = page or pymupdf.open().new_page()
    for number, text in enumerate(lines):
        # Word by word, as TeX does: no space stands in the file.
        for column in range(len(text)):
            if text[column] != " " and (column == 0 or text[column - 1] == " "):
                word = text[column:].split(" ", 1)[0]
                x = 72 + pymupdf.get_text_length("x", font, 10) * column
                page.insert_text((x, top + 12 * number), word, fontname=font, fontsize=10)
    return page


def _read(page: pymupdf.Page, *regions: tuple[Kind, Box]) -> list[Block]:
    return layout_blocks(
        read_text_layer(page), [Region(k, b, (116.0,), (95.0,)) for k, b in regions]
    )


def test_what_the_model_takes_for_a_list_and_a_table_is_code() -> None:
    page = _page(LISTING, "cour")
    [block] = _read(page, ("list_item", (70, 90, 300, 104)), ("table", (70, 104, 300, 140)))
    assert block.kind == "code"
    assert block.text == "\n".join(LISTING)
    assert block.markdown == f"```\n{block.text}\n```"


def test_blank_lines_stay() -> None:
    page = _page(("def f():", "    x = 1", "", "    return x"), "cour")
    [block] = _read(page, ("text", (70, 90, 300, 150)))
    assert block.text == "def f():\n    x = 1\n\n    return x"


def test_lines_of_code_within_a_paragraph_are_parted_from_it() -> None:
    page = pymupdf.open().new_page()
    page.insert_text((72, 118), "It printed, in the year that was measured:", fontsize=10)
    page = _page(LISTING, "cour", top=130.0, page=page)
    kinds = [block.kind for block in _read(page, ("text", (70, 100, 300, 180)))]
    assert kinds == ["text", "code"]


def test_a_typewritten_letter_is_no_code() -> None:
    page = _page(PROSE, "cour")
    [block] = _read(page, ("text", (70, 90, 500, 140)))
    assert block.kind == "text"


def test_fonts_are_known_by_the_widths_of_their_letters() -> None:
    """Whatever they are called, and whether a flag says so or not."""
    page = pymupdf.open().new_page()
    for number, name in enumerate(("cour", "tiro")):
        page.insert_font(fontname=f"f{number}", fontbuffer=pymupdf.Font(name).buffer)
        text = "Illimited words of sixteen letters by Jack Quiver"
        page.insert_text((72, 100 + 20 * number), text, fontname=f"f{number}")
    page.parent.subset_fonts()
    page = pymupdf.open("pdf", page.parent.tobytes())[0]
    assert {name[:10] for name in monospaced_fonts(page)} == {"NimbusMono"}


def test_digits_alone_do_not_make_type_monospaced() -> None:
    """They are equally wide in nearly every font."""
    page = pymupdf.open().new_page()
    page.insert_font(fontname="f", fontbuffer=pymupdf.Font("tiro").buffer)
    page.insert_text((72, 100), "0123456789", fontname="f")
    page.parent.subset_fonts()
    page = pymupdf.open("pdf", page.parent.tobytes())[0]
    assert monospaced_fonts(page) == frozenset()
