"""Character errors, worked out by hand."""

from __future__ import annotations

import pytest

from bench.quality.scans import character_errors


@pytest.mark.parametrize(
    ("read", "truth", "rate"),
    [
        ("", "", 0.0),
        ("", "abcd", 1.0),
        ("abc", "", 3.0),  # an empty truth counts as one character
        ("abcd", "abcd", 0.0),
        ("abxd", "abcd", 0.25),
        ("abcd", "ab", 1.0),
        ("wxyz", "abcd", 1.0),
        ("one\n\ntwo ", "one two", 0.0),
        ("“don’t” – stop", '"don\'t" - stop', 0.0),
        ("hyphen-\nated", "hyphenated", 0.0),
        ("ﬁne", "fine", 0.0),
    ],
)
def test_errors_are_edits_over_the_length_of_the_truth(read: str, truth: str, rate: float) -> None:
    assert character_errors(read, truth) == pytest.approx(rate)
