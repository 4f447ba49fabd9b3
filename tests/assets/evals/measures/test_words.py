"""The same text, however it is written, has the same words."""

from __future__ import annotations

import pytest

from assets.evals.measures.words import plain, quoted, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a  line\n\tand another", "a line and another"),
        ("“It’s” ‹here› — now", "\"It's\" 'here' - now"),
        ("ﬁsh and ﬂat", "fish and flat"),
        ("café", "cafe\u0301"),
        ("Ｆｕｌｌ　１２", "Full 12"),
        ("so\u00adft and \u200bjoined", "soft and joined"),
        ("the instru-\nmentation", "the instrumentation"),
    ],
)
def test_these_are_one_text(one: str, other: str) -> None:
    assert plain(one) == plain(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Turkish", "turkish"),
        ("resume", "résumé"),
        ("12.4", "124"),
        ("the car", "the scar"),
        ("from 1990-\n1995", "from 19901995"),
        ("North-\nSouth", "NorthSouth"),
    ],
)
def test_these_are_two(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_a_script_without_spaces_counts_by_character() -> None:
    assert words_of("港湾局 has 3") == ["港", "湾", "局", "has", "3"]


def test_a_quote_is_one_line_and_short() -> None:
    assert quoted("a\nb") == "“a b”"
    assert len(quoted("word " * 100)) == 62
