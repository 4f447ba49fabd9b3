"""Two texts word by word: what is named is what was done, and both texts come back whole."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.evals.report.rows import rows_of
from assets.evals.report.words import LIMIT, Kind, PageDiff, compare_pages

LINES = [f"Station {n} measured {n * 13} millimetres of rain, more than before." for n in range(20)]
TEXT = "\n".join(LINES)


def words(diff: PageDiff, kind: Kind) -> tuple[str, str]:
    """The pieces of a kind, old and new."""
    old, new = ([p.text for p in side if p.kind == kind] for side in (diff.old, diff.new))
    return " | ".join(old), " | ".join(new)


def test_a_text_compared_with_itself_differs_in_nothing() -> None:
    diff = compare_pages(TEXT, TEXT)
    assert (diff.changed, diff.removed, diff.added, diff.moved) == (0, 0, 0, 0)


def test_a_line_that_went_is_that_line() -> None:
    diff = compare_pages(TEXT, "\n".join(LINES[:7] + LINES[8:]))
    assert words(diff, "changed") == (LINES[7], "")
    assert (diff.removed, diff.added, diff.moved) == (10, 0, 0)
    assert diff.changed == pytest.approx(10 / (200 + 190))


def test_halves_in_the_other_order_have_moved() -> None:
    diff = compare_pages(TEXT, "\n".join(LINES[9:] + LINES[:9]))
    assert (diff.removed, diff.added) == (0, 0)
    assert diff.moved == 9 * 10


def test_a_misread_word_is_one_word() -> None:
    diff = compare_pages(TEXT, TEXT.replace("117", "1l7"))
    assert words(diff, "changed") == ("117", "1l7")


def test_white_space_is_no_difference() -> None:
    assert compare_pages(TEXT, TEXT.replace(" ", "  \n")).changed == 0


def test_scripts_without_spaces_are_compared_sign_by_sign() -> None:
    diff = compare_pages("東京は雨が降った。", "東京は雪が降った。")
    assert words(diff, "changed") == ("雨", "雪")


def test_of_long_texts_the_first_difference_is_shown() -> None:
    long = " ".join(map(str, range(1_300_000)))
    half = long.index(" 650000 ")
    started = time.monotonic()
    diff = compare_pages(long, f"{long[:half]} fresh{long[half:]}")
    assert time.monotonic() - started < 5
    assert words(diff, "changed") == ("", "fresh")
    assert half - 400 < diff.before < half
    assert diff.before + LIMIT + diff.rest_old == pytest.approx(len(long), abs=40)


@pytest.mark.parametrize("end", ["", "y", " y"])
def test_one_long_line_is_no_work(end: str) -> None:
    started = time.monotonic()
    compare_pages("x" * 10_000_000, "x" * 10_000_000 + end)
    assert time.monotonic() - started < 5


@given(
    st.lists(st.sampled_from(["a", "b\n", "c d e", "\n\n", "\u202e", "f"]), max_size=40),
    st.lists(st.sampled_from(["a", "b\n", "c d e", "\n\n", "\t", "g"]), max_size=40),
)
def test_pieces_are_the_texts_and_rows_lose_no_word(old: list[str], new: list[str]) -> None:
    a, b = " ".join(old), " ".join(new)
    diff = compare_pages(a, b)
    assert "".join(piece.text for piece in diff.old) == a
    assert "".join(piece.text for piece in diff.new) == b
    same = [
        [word for p in side if p.kind == "same" for word in p.text.split()]
        for side in (diff.old, diff.new)
    ]
    assert same[0] == same[1]
    rows = rows_of(diff)
    for side, text in enumerate((a, b)):
        lines = [line for row in rows if (line := row[side]) is not None]
        assert " ".join("".join(p.text for p in line.pieces) for line in lines).split() == (
            text.split()
        )
