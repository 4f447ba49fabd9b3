"""Two texts in a terminal: they fit, they are marked without colour, and nothing steers it."""

from __future__ import annotations

import unicodedata

import pytest

from assets.evals.report.side_by_side import diff_text
from tests.assets.evals.report.making import damaged, true_pages

LINES = [f"Station {n} measured {n * 13} millimetres of rain." for n in range(30)]
TEXT = "\n".join(LINES)


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_what_differs_is_marked_beside_what_it_was() -> None:
    told = diff_text(TEXT, TEXT.replace("Station 10", "Stat1on 10"), 130).splitlines()
    assert told[0] == "1 word gone, 1 come, 0 elsewhere (0.48 % of all)"
    (row,) = [line for line in told if " | " in line]
    assert row.split(" | ")[0].strip() == "[-Station-] 10 measured 130 millimetres of rain."
    assert row.split(" | ")[1].strip() == "{+Stat1on+} 10 measured 130 millimetres of rain."
    assert "... 8 lines alike" in told
    assert "... 17 lines alike" in told


def test_a_line_that_went_has_nothing_beside_it() -> None:
    told = diff_text(TEXT, "\n".join(LINES[:4] + LINES[5:]), 130)
    assert f"[-{LINES[4]}-]" in told
    assert "{+" not in told


def test_what_moved_is_told_from_what_went() -> None:
    told = diff_text(TEXT, "\n".join(LINES[15:] + LINES[:15]), 130)
    assert f"<~{LINES[20]}~>" in told
    assert "[-" not in told


@pytest.mark.parametrize("width", [20, 59, 60, 80, 200])
def test_every_line_fits(width: int) -> None:
    text = true_pages()[0] + "\n東京は雨が降った。" * 9 + "\n" + "x" * 500
    told = diff_text(text, damaged(text, 2).replace("雨", "雪"), width)
    long = [line for line in told.splitlines()[1:] if columns(line) > width]
    assert long == [line for line in long if line.startswith("... ")]


def test_nothing_steers_the_terminal() -> None:
    told = diff_text("a\x1b[2Jb \u202ec", "a\x1b[31mb \u2066c \x00\x9b", 80)
    assert {c for c in told if unicodedata.category(c) in ("Cc", "Cf")} == {"\n"}
    assert "\\x1b[2J" in told
    assert "\\u202e" in told


def test_the_same_is_one_line() -> None:
    assert diff_text(TEXT, TEXT, 80) == "the words are the same"


def test_of_no_text_all_came() -> None:
    told = diff_text("", LINES[0], 130)
    assert f"{{+{LINES[0]}+}}" in told
