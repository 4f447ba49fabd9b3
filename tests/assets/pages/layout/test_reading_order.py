"""Columns are read one after the other, tables by rows, and a good order is left alone."""

from assets.pages.geometry import Box
from assets.pages.layout.reading_order import insertion_index, is_plausible, reading_order

LINE = 12.0


def column(x0: float, x1: float, y: float, n: int) -> list[Box]:
    return [(x0, y + i * 15, x1, y + i * 15 + LINE) for i in range(n)]


def test_two_columns_below_a_title_are_read_one_after_the_other() -> None:
    title = [(100.0, 20.0, 500.0, 40.0)]
    left, right = column(50, 290, 60, 5), column(310, 550, 62, 5)
    boxes = [*right, *title, *left]  # as an engine hands them over: anyhow
    order = reading_order(boxes, LINE)
    assert [boxes[i] for i in order] == [*title, *left, *right]


def test_a_gap_between_paragraphs_does_not_cut_columns_apart() -> None:
    left = [*column(50, 290, 60, 3), *column(50, 290, 150, 3)]
    right = column(310, 550, 62, 9)
    boxes = [*right, *left]
    assert [boxes[i] for i in reading_order(boxes, LINE)] == [*left, *right]


def test_a_narrow_table_is_read_by_rows() -> None:
    names, numbers = column(50, 120, 60, 4), column(150, 180, 61, 4)
    boxes = [*names, *numbers]
    order = [boxes[i] for i in reading_order(boxes, LINE)]
    assert order == [cell for row in zip(names, numbers, strict=True) for cell in row]


def test_stream_order_is_kept_unless_it_runs_upwards_again_and_again() -> None:
    left, right = column(50, 290, 60, 20), column(310, 550, 60, 20)
    assert is_plausible([*left, *right])
    assert not is_plausible(list(reversed(left)))


def test_a_picture_goes_above_what_follows_in_its_own_column() -> None:
    left, right = column(50, 290, 60, 3), column(310, 550, 160, 3)
    assert insertion_index([*left, *right], (310, 60, 550, 150)) == 3
    assert insertion_index([*left, *right], (50, 300, 290, 400)) == 3
    assert insertion_index([], (0, 0, 1, 1)) == 0


def test_a_masthead_above_some_columns_is_read_before_all_of_them() -> None:
    head = [(50.0, 20.0, 190.0, 40.0), (450.0, 22.0, 560.0, 34.0), (450.0, 38.0, 540.0, 50.0)]
    columns = [column(50, 210, 75, 9), column(230, 390, 76, 9), column(410, 570, 74, 9)]
    boxes = [*columns[2], *head, *columns[0], *columns[1]]
    order = [boxes[i] for i in reading_order(boxes, LINE)]
    assert sorted(order[:3]) == sorted(head)
    assert order[3:] == [box for part in columns for box in part]


def test_a_column_that_starts_higher_is_not_taken_apart() -> None:
    left, right = column(50, 290, 90, 9), column(310, 550, 60, 11)
    boxes = [*right, *left]
    assert [boxes[i] for i in reading_order(boxes, LINE)] == [*left, *right]


def test_a_centred_line_above_columns_comes_first() -> None:
    across = [(50.0, 20.0, 550.0, 32.0)]
    centred = [(250.0, 45.0, 350.0, 57.0)]
    left, right = column(50, 220, 75, 6), column(330, 550, 75, 6)
    boxes = [*right, *left, *centred, *across]
    assert [boxes[i] for i in reading_order(boxes, LINE)] == [*across, *centred, *left, *right]


def test_words_of_a_drawing_above_a_heading_make_no_column() -> None:
    """The heading below a drawing does not come before what stands in it."""
    heading = [(50.0, 330.0, 186.0, 342.0)]
    words = [(60.0, 60.0, 180.0, 72.0), *[(190.0, y, 420.0, y + 12.0) for y in range(60, 280, 30)]]
    boxes = [*heading, *words]
    assert [boxes[i] for i in reading_order(boxes, LINE)][-1] == heading[0]
