"""Picture blocks: how far a drawing reaches that the layout model cut."""

from __future__ import annotations

import pymupdf
import pytest

from assets.images.device import drawn_boxes
from assets.pages.geometry import Box
from assets.pages.layout.pictures import with_pictures
from assets.pages.records import Block

SIZE = (400.0, 500.0)
FOUND: Box = (50, 100, 200, 250)
"""What the layout model says of a figure that reaches further."""


def sheet() -> pymupdf.Page:
    return pymupdf.open().new_page(width=SIZE[0], height=SIZE[1])


def axes(page: pymupdf.Page) -> None:
    """An axis that ends in an arrow head far from the curve, as of a plot."""
    page.draw_line((55, 105), (55, 248))
    page.draw_line((55, 240), (300, 240))
    page.draw_polyline([(300, 236), (308, 240), (300, 244)], fill=(0, 0, 0), closePath=True)
    page.draw_polyline([(55 + 10 * i, 230 - i * i * 0.4) for i in range(14)])


def picture(page: pymupdf.Page, *others: Block) -> Box:
    blocks = [Block("picture", FOUND), *others]
    found = with_pictures(blocks, (), SIZE, "text_layer", lambda: drawn_boxes(page, 1000))
    return next(b.box for b in found if b.kind == "picture")


@pytest.mark.parametrize("degrees", [0, 90])
def test_a_drawing_is_as_large_as_what_it_cuts(degrees: int) -> None:
    page = sheet()
    axes(page)
    turn = pymupdf.Rect(FOUND)
    page.set_rotation(degrees)
    box = tuple(turn * page.rotation_matrix)
    (block,) = with_pictures(
        [Block("picture", box)], (), SIZE, "text_layer", lambda: drawn_boxes(page, 1000)
    )
    grown = pymupdf.Rect(block.box) * page.derotation_matrix
    assert tuple(grown)[:2] == pytest.approx(FOUND[:2], abs=0.1)
    assert grown.x1 == pytest.approx(309, abs=2)
    assert grown.y1 == pytest.approx(250, abs=2)


def test_it_does_not_grow_over_text_but_over_a_label() -> None:
    page = sheet()
    axes(page)
    beside: Box = (220, 180, 380, 260)
    text = Block("text", beside, "A paragraph that stands to the right of the figure.")
    assert picture(page, text) == FOUND
    assert picture(page, Block("text", (270, 226, 280, 236), "x"))[2] > 300


def test_a_frame_around_the_page_and_what_a_clip_hides_are_no_part_of_it() -> None:
    page = sheet()
    page.draw_rect((10, 10, 390, 490))
    page.draw_rect((60, 110, 190, 240))
    page.insert_text((0, 0), "")
    document = page.parent
    xref = document.get_new_xref()
    document.update_object(xref, "<<>>")
    # From x = 60 to 300, of which the clip leaves what lies left of 200.
    content = b"q 50 250 150 150 re W n 60 300 m 300 310 l S Q"
    document.update_stream(xref, content, new=True)
    held = " ".join(f"{number} 0 R" for number in page.get_contents())
    document.xref_set_key(page.xref, "Contents", f"[{held} {xref} 0 R]")
    assert picture(document[0]) == FOUND


def test_a_page_of_too_many_shapes_gives_none() -> None:
    page = sheet()
    shape = page.new_shape()
    for i in range(30):
        shape.draw_line((10, 10 + i), (20, 10 + i))
        shape.finish()
    shape.commit()
    assert len(drawn_boxes(page, 30)) == 30
    assert drawn_boxes(page, 29) == []
