"""Cells of tables: the drawn grid wins, and what wraps is one cell."""

from __future__ import annotations

import pymupdf

from assets.pages.geometry import Box
from assets.pages.layout.model import Region
from assets.pages.layout.rulings import drawn_lines, rulings_in
from assets.pages.layout.table_cells import table_texts

BOX: Box = (72, 100, 420, 300)
COLUMNS = (72.0, 172.0, 320.0, 420.0)


def _page(*placed: tuple[float, float, str]) -> pymupdf.Page:
    page = pymupdf.open().new_page()
    for x, y, text in placed:
        page.insert_text((x, y), text, fontsize=10)
    return page


def _texts(
    page: pymupdf.Page, rows: tuple[float, ...], columns: tuple[float, ...] = COLUMNS[1:-1]
) -> list[list[str]]:
    words: list[tuple[Box, str]] = [
        ((w[0], w[1], w[2], w[3]), w[4]) for w in page.get_text("words")
    ]
    region = Region("table", BOX, rows, columns, rulings_in(drawn_lines(page), BOX))
    return table_texts(region, words)


def _grid(page: pymupdf.Page, ys: tuple[float, ...], *, columns: bool = True) -> None:
    for y in ys:
        page.draw_line((COLUMNS[0], y), (COLUMNS[-1], y))
    for x in COLUMNS if columns else ():
        page.draw_line((x, ys[0]), (x, ys[-1]))


WRAPPED = (
    (76.0, 113.0, "Pump"),
    (176.0, 113.0, "What was done"),
    (324.0, 113.0, "Hours"),
    (76.0, 133.0, "North"),
    (176.0, 133.0, "The bearing was taken out"),
    (176.0, 145.0, "and greased"),
    (324.0, 133.0, "3"),
    (76.0, 165.0, "South"),
    (176.0, 165.0, "Nothing"),
    (324.0, 165.0, "4"),
)
ROWS = [
    ["Pump", "What was done", "Hours"],
    ["North", "The bearing was taken out and greased", "3"],
    ["South", "Nothing", "4"],
]


def test_a_cell_that_wraps_within_its_rulings_is_one_cell() -> None:
    """Although the model saw a row for each line."""
    page = _page(*WRAPPED)
    _grid(page, (100, 120, 152, 172))
    assert _texts(page, (120, 137, 152)) == ROWS


def test_rulings_between_rows_alone_are_enough() -> None:
    page = _page(*WRAPPED)
    _grid(page, (100, 120, 152, 172), columns=False)
    assert _texts(page, (120, 137, 152)) == ROWS


def test_without_rulings_a_row_that_had_no_room_above_goes_on() -> None:
    page = _page(*WRAPPED)
    assert _texts(page, (120, 137, 152)) == ROWS


def test_a_short_cell_under_a_group_is_a_row_of_its_own() -> None:
    """Its first cell is empty because the group's name stands above, not because text wraps."""
    placed = ((76.0, 113.0, "2024"), (176.0, 113.0, "Ann"), (324.0, 113.0, "3"))
    page = _page(*placed, (176.0, 125.0, "Bo"), (324.0, 125.0, "4"))
    assert _texts(page, (117,)) == [["2024", "Ann", "3"], ["", "Bo", "4"]]


def test_a_head_over_two_columns_is_one_cell() -> None:
    page = _page(
        (76, 113, "Pump"),
        (250, 113, "Reading in two parts"),
        (176, 133, "upper"),
        (324, 133, "lower"),
        (76, 153, "North"),
        (176, 153, "3"),
        (324, 153, "4"),
    )
    for y in (100, 140, 160):
        page.draw_line((72, y), (420, y))
    page.draw_line((172, 120), (420, 120))
    for x, top in ((72, 100), (172, 100), (320, 120), (420, 100)):
        page.draw_line((x, top), (x, 160))
    assert _texts(page, (120, 140)) == [
        ["Pump", "Reading in two parts", ""],
        ["", "upper", "lower"],
        ["North", "3", "4"],
    ]


def test_rows_that_nobody_ruled_stay_apart() -> None:
    """A frame around the head and one around the body, with rulings between the columns."""
    placed = [
        (COLUMNS[c] + 4, 113.0 + 14 * r + 6 * (r > 0), f"{'abc'[c]}{r}")
        for r in range(6)
        for c in range(3)
    ]
    page = _page(*placed)
    _grid(page, (100, 120, 200))
    assert _texts(page, (120, 134, 148, 162, 176)) == [[f"{c}{r}" for c in "abc"] for r in range(6)]


def test_the_underline_of_a_link_parts_nothing() -> None:
    page = _page(*WRAPPED)
    _grid(page, (100, 120, 152, 172))
    width = pymupdf.get_text_length("The bearing was taken out", fontsize=10)
    page.draw_line((176, 134.5), (176 + width, 134.5), width=0.5)
    assert _texts(page, (120, 137, 152)) == ROWS
