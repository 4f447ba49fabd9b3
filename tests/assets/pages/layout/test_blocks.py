"""Blocks from regions: every line in one block, blocks in reading order."""

import pymupdf

from assets.pages.geometry import Box
from assets.pages.layout.blocks import layout_blocks
from assets.pages.layout.model import Region
from assets.pages.text_layer import read_text_layer


def _texts(regions: list[Region], page: pymupdf.Page) -> list[str]:
    return [block.text for block in layout_blocks(read_text_layer(page), regions)]


def _page(*placed: tuple[Box, str]) -> pymupdf.Page:
    document = pymupdf.open()
    page = document.new_page()
    for box, text in placed:
        page.insert_text((box[0], box[1] + 9), text, fontsize=10)
    return page


def test_columns_with_a_gap_at_one_height_are_read_down() -> None:
    """Not across, although white runs over the whole page between the upper and the lower half."""
    boxes: list[Box] = [
        (60, 80, 290, 200),
        (60, 300, 290, 420),
        (310, 80, 540, 200),
        (310, 300, 540, 420),
    ]
    names = ["first", "second", "third", "fourth"]
    page = _page(*zip(boxes, names, strict=True))
    across = [Region("text", boxes[i]) for i in (0, 2, 1, 3)]
    assert _texts(across, page) == names


def test_a_heading_over_both_columns_comes_between_what_it_parts() -> None:
    """Two columns, a heading across, two columns."""
    boxes: list[Box] = [
        (60, 80, 290, 200),
        (310, 80, 540, 200),
        (60, 220, 540, 240),
        (60, 260, 290, 400),
        (310, 260, 540, 400),
    ]
    names = ["upper left", "upper right", "across", "lower left", "lower right"]
    kinds = ["text", "text", "heading", "text", "text"]
    page = _page(*zip(boxes, names, strict=True))
    mixed = [Region(kinds[i], boxes[i]) for i in (3, 0, 2, 4, 1)]  # type: ignore[arg-type]
    assert _texts(mixed, page) == names


def test_headers_come_first_and_footers_last() -> None:
    """Wherever they stand: a header may be set below the first line of a sidebar."""
    boxes: list[Box] = [(60, 700, 540, 712), (60, 80, 540, 400)]
    page = _page((boxes[0], "17"), (boxes[1], "The body of the page"), ((300, 40, 400, 50), "Head"))
    regions = [
        Region("footer", boxes[0]),
        Region("text", boxes[1]),
        Region("header", (290, 38, 400, 52)),
    ]
    assert _texts(regions, page) == ["Head", "The body of the page", "17"]


def test_a_line_outside_every_region_keeps_its_place() -> None:
    """It becomes a block of its own above what it stands above."""
    page = _page(((60, 80, 200, 90), "one"), ((60, 120, 200, 130), "two"), ((60, 160, 1, 1), "six"))
    regions = [Region("text", (55, 75, 300, 100)), Region("text", (55, 155, 300, 180))]
    assert _texts(regions, page) == ["one", "two", "six"]
