"""Sentences end where readers end them."""

from __future__ import annotations

import pytest

from resources.summariser.sentences import cut, is_whole, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "Dr. Smith et al. Found it. See Fig. 3 now.",
            ["Dr. Smith et al. Found it.", "See Fig. 3 now."],
        ),
        ("It costs 3.5 dollars. Cheap.", ["It costs 3.5 dollars.", "Cheap."]),
        ("He said (really!) that it works. Good.", ["He said (really!) that it works.", "Good."]),
        ("\u201cYes.\u201d Then he left.", ["\u201cYes.\u201d", "Then he left."]),
        (
            "\u6e2c\u5b9a\u3057\u305f\u3002\u7d42\u308f\u308a\u3002",
            ["\u6e2c\u5b9a\u3057\u305f\u3002", "\u7d42\u308f\u308a\u3002"],
        ),
        (
            "It was lost.2 Then found.[3][4] Twice.",
            ["It was lost.2", "Then found.[3][4]", "Twice."],
        ),
        ("It was lost.\u00b9\u2070 Then found.", ["It was lost.\u00b9\u2070", "Then found."]),
        ("See Fig.3 Above. It took 3.14 Days.", ["See Fig.3 Above.", "It took 3.14 Days."]),
        ("No stop at all", ["No stop at all"]),
        ("", []),
    ],
)
def test_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert split_sentences([text]) == sentences


def test_nothing_is_lost_between_sentences() -> None:
    text = "A b c. D e f (g. h)! I j k " + "word " * 300 + "end. Last."
    assert "".join("".join(split_sentences([text])).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("sentence", "whole"),
    [
        ("Yes.", True),
        ("Gone.2", True),
        ("Gone.[3][14]", True),
        ("It is 3.14", False),
        ("And", False),
    ],
)
def test_what_ends_as_a_sentence_does(sentence: str, whole: bool) -> None:
    assert is_whole(sentence) is whole


def test_a_cut_ends_at_a_word_where_there_are_words() -> None:
    assert cut("alpha beta gamma", 12) == "alpha beta"
    assert cut("a" * 20, 12) == "a" * 12
