"""What counts as a word, and which text can be a truth."""

from __future__ import annotations

import pytest

from assets.evals.measures.words import words_of
from bench.quality.words import is_sound, junk_share, markdown_text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\t", []),
        ("— … •", []),
        ("It's 3.5 snake_case", ["It", "s", "3", "5", "snake", "case"]),
        ("ﬁne", ["fine"]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("日本語 text", ["日", "本", "語", "text"]),
        ("cafe\u0301", ["café"]),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_markup_is_no_text() -> None:
    image = f"![a chart](image:{'0' * 64})"
    assert words_of(markdown_text(f"# One\n\n{image}\n\n```\ntwo<br>three\n```")) == [
        "One",
        "two",
        "three",
    ]


def test_nothing_and_rubbish_are_no_truth() -> None:
    assert not is_sound("")
    assert not is_sound("word \ufffd\ufffd")
    assert not is_sound("wоrd lіke thеse")  # Cyrillic letters within
    assert is_sound("Words like these, и слова")
    assert (junk_share(""), junk_share("ab\ue000\ufffd")) == (1.0, 0.5)
