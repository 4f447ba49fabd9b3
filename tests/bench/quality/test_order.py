"""Agreement of two sequences of words, worked out by hand."""

from __future__ import annotations

import pytest

from bench.quality.order import agreement, words


@pytest.mark.parametrize(
    ("read", "true", "value"),
    [
        ("", "", 1.0),
        ("", "a b c", 1.0),
        ("x y", "a b", 1.0),  # nothing in common says nothing of order
        ("a b c d", "a b c d", 1.0),
        ("b c", "a b c d", 1.0),  # a part of the document
        ("a x b c", "a b c", 1.0),  # added words are not order's
        ("a b c d", "a b", 1.0),
        ("c d a b", "a b c d", 1 / 2),
        ("a c b d", "a b c d", 3 / 4),
        ("d c b a", "a b c d", 1 / 4),
        ("a a b", "a b b", 1.0),  # a twice and b twice are not in both
    ],
)
def test_agreement_is_the_share_of_common_words_in_order(
    read: str, true: str, value: float
) -> None:
    assert agreement(read.split(), true.split()) == pytest.approx(value)


LEFT, RIGHT = [f"l{n}" for n in range(100)], [f"r{n}" for n in range(100)]


def test_columns_read_across_or_the_wrong_way_round_score_low() -> None:
    across = [word for pair in zip(LEFT, RIGHT, strict=True) for word in pair]
    assert agreement(LEFT + RIGHT, LEFT + RIGHT) == 1
    assert agreement(across, LEFT + RIGHT) < 0.6
    assert agreement(RIGHT + LEFT, LEFT + RIGHT) < 0.6
    assert agreement((LEFT + RIGHT)[::-1], LEFT + RIGHT) < 0.1


def test_only_the_first_pages_of_a_document_may_be_read() -> None:
    pages = [f"{page} {word}" for page in range(9) for word in range(50)]
    again = [*pages[:100], "of", *pages[100:], "of"]
    assert agreement([*pages[:100], "of"], again) == 1
    assert agreement([*pages[50:100], *pages[:50]], again) < 0.6


def test_markup_and_case_are_no_words() -> None:
    assert words("# One **Two** [three](https://a.b)<br>日本") == ["one", "two", "日", "本"]
    assert words("soft\u00adhyphen `a_b`") == ["softhyphen", "a", "b"]
    assert words("") == []
