"""Boxes survive every turn of the page and back."""

import pytest

from assets.pages.geometry import Turn, overlap, share_inside, union

BOX = (10.0, 20.0, 110.0, 40.0)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turn_and_back_is_nothing(degrees: int) -> None:
    turn = Turn(degrees, 600, 800)
    assert turn.back(turn.forth(BOX)) == pytest.approx(BOX)


def test_a_quarter_turn_clockwise_takes_the_top_left_to_the_top_right() -> None:
    assert Turn(90, 600, 800).forth((0, 0, 10, 20)) == (780, 0, 800, 10)
    assert Turn(90, 600, 800).turned_size == (800, 600)


def test_shares() -> None:
    assert share_inside((0, 0, 10, 10), (5, 0, 20, 10)) == pytest.approx(0.5)
    assert overlap((0, 0, 10, 10), (20, 20, 30, 30)) == 0
    assert union([(0, 0, 1, 1), (5, 5, 6, 9)]) == (0, 0, 6, 9)
