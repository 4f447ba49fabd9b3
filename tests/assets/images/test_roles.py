"""What a placement is for, from boxes alone."""

from __future__ import annotations

import time

import pytest

from assets.images.placements import Box, Placement
from assets.images.roles import (
    DECORATION,
    FIGURE,
    PAGE_SCAN,
    PART,
    assign_roles,
    group_tiles,
    propose_pictures,
)

A4 = (595.0, 842.0)
PHOTO: Box = (100, 100, 400, 300)
PAGE: Box = (0, 0, 595, 842)


def placed(
    *boxes: Box, pixels: tuple[int, int] = (300, 200), shading: bool = False
) -> list[Placement]:
    return [
        Placement(
            index=i,
            bbox=box,
            transform=(box[2] - box[0], 0, 0, box[3] - box[1], box[0], box[1]),
            width=pixels[0],
            height=pixels[1],
            has_mask=False,
            is_stencil=False,
            is_shading=shading,
        )
        for i, box in enumerate(boxes)
    ]


def strips(n: int, box: Box = PHOTO) -> list[Placement]:
    step = (box[3] - box[1]) / n
    rows = [(box[0], box[1] + i * step, box[2], box[1] + (i + 1) * step) for i in range(n)]
    return placed(*rows, pixels=(300, 4))


def test_a_photograph_is_a_picture_by_itself() -> None:
    (picture,) = propose_pictures(placed(PHOTO), *A4, "text_layer")
    assert (picture.bbox, picture.image_index) == (PHOTO, 0)


@pytest.mark.parametrize(
    ("box", "pixels"),
    [
        ((100, 100, 110, 110), (300, 300)),  # an icon
        ((50, 100, 550, 102), (2000, 8)),  # a rule
        ((50, 100, 550, 115), (2000, 60)),  # a band
        ((100, 100, 400, 300), (8, 8)),  # a gradient
        ((100, 100, 100, 100), (300, 300)),  # off the page
    ],
)
def test_ornaments_are_no_pictures(box: Box, pixels: tuple[int, int]) -> None:
    placements = placed(box, pixels=pixels)
    assert propose_pictures(placements, *A4, "text_layer") == []
    assert assign_roles(placements, [], *A4, "text_layer") == [DECORATION]


def test_strips_make_one_picture_that_is_rendered() -> None:
    placements = strips(50)
    (picture,) = propose_pictures(placements, *A4, "text_layer")
    assert picture.bbox == pytest.approx(PHOTO)
    assert picture.image_index is None
    roles = assign_roles(placements, [(50, picture.bbox)], *A4, "text_layer")
    assert roles == [PART] * 50


def test_a_grid_of_tiles_and_a_stack_of_layers_are_one_picture_each() -> None:
    grid = [(x, y, x + 50, y + 50) for y in range(100, 300, 50) for x in range(100, 300, 50)]
    layers = [(350.0, 500.0, 550.0, 700.0)] * 3
    pictures = propose_pictures(placed(*grid, *layers), *A4, "text_layer")
    assert [len(p.placements) for p in pictures] == [16, 3]


def test_photographs_beside_each_other_stay_apart() -> None:
    pictures = propose_pictures(
        placed((50, 100, 250, 300), (260, 100, 460, 300), (50, 310, 250, 510)), *A4, "text_layer"
    )
    assert [p.image_index for p in pictures] == [0, 1, 2]


def test_ten_thousand_tiles_are_grouped_in_no_time() -> None:
    side = 100
    tiles = [(x * 5.0, y * 5.0, x * 5.0 + 5, y * 5.0 + 5) for y in range(side) for x in range(side)]
    placements = placed(*tiles)
    start = time.perf_counter()
    assert len(group_tiles(placements)) == 1
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("source", ["ocr", "mixed"])
def test_an_image_over_a_page_read_by_ocr_is_the_page(source: str) -> None:
    placements = placed(PAGE)
    assert propose_pictures(placements, *A4, source) == []
    assert assign_roles(placements, [(0, PAGE)], *A4, source) == [PAGE_SCAN]


def test_a_scan_in_strips_is_the_page_too() -> None:
    placements = strips(20, PAGE)
    assert propose_pictures(placements, *A4, "ocr") == []
    assert assign_roles(placements, [], *A4, "ocr") == [PAGE_SCAN] * 20


def test_a_cover_picture_of_a_born_digital_page_is_a_figure() -> None:
    assert assign_roles(placed(PAGE), [(0, PAGE)], *A4, "text_layer") == [FIGURE]


def test_only_what_a_picture_block_refers_to_is_a_figure() -> None:
    placements = placed(PHOTO, (100, 500, 400, 700), (120, 520, 200, 600))
    pictures = [(0, PHOTO), (3, (90.0, 490.0, 410.0, 710.0))]
    assert assign_roles(placements, pictures, *A4, "text_layer") == [FIGURE, PART, PART]
    assert assign_roles(placements, pictures[:1], *A4, "text_layer") == [
        FIGURE,
        DECORATION,
        DECORATION,
    ]


def test_gradients_are_no_pictures_of_their_own() -> None:
    assert propose_pictures(placed(PHOTO, shading=True), *A4, "text_layer") == []
