"""Columns that the layout model took for one are told apart by what stands in all rows."""

from __future__ import annotations

from assets.pages.layout.table_columns import split_columns

ROWS = tuple(20.0 + 12 * n for n in range(1, 8))


def words(*spans: tuple[float, float]) -> list[tuple[float, float, float, float]]:
    return [(x0, 20.0 + 12 * n, x1, 30.0 + 12 * n) for n in range(8) for x0, x1 in spans]


def test_a_gap_through_all_rows_is_an_edge() -> None:
    assert split_columns(ROWS, (50.0,), words((10, 40), (60, 80), (92, 110))) == (50.0, 86.0)


def test_spaces_between_words_are_not() -> None:
    """Those of Courier are half as wide as its words are high."""
    assert split_columns(ROWS, (50.0,), words((10, 40), (60, 80), (85, 110))) == (50.0,)


def test_a_head_may_reach_nearly_to_the_next_numbers() -> None:
    boxes = [*words((60, 80), (110, 130)), (60.0, 20.0, 106.0, 30.0)]
    boxes = [box for box in boxes if box[:2] != (60.0, 20.0) or box[2] == 106.0]
    assert split_columns(ROWS, (), boxes) == (108.0,)


def test_a_row_across_closes_the_gap() -> None:
    boxes = [*words((60, 80), (92, 110)), (60.0, 20.0, 110.0, 30.0)]
    assert split_columns(ROWS, (), boxes) == ()


def test_few_rows_say_nothing() -> None:
    boxes = [box for box in words((60, 80), (92, 110)) if box[1] < 50]
    assert split_columns(ROWS[:2], (), boxes) == ()
    assert split_columns(ROWS, (), boxes) == ()


def test_a_table_without_words_keeps_its_edges() -> None:
    assert split_columns(ROWS, (50.0,), []) == (50.0,)
