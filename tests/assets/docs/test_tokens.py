"""The estimate of tokens is near what tokenizers count, in every script."""

from __future__ import annotations

import pytest

from assets.docs.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # Counted with cl100k, Qwen, Tekken and DeepSeek tokenizers: the mean of the four.
        ("The committee approved the budget for the coming year without further discussion.", 14),
        ("def add(a, b):\n    return a + b\n", 13),
        ("", 0),
    ],
)
def test_known_counts(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == pytest.approx(tokens, rel=0.25)


def test_scripts_without_spaces_count_by_character() -> None:
    assert estimate_tokens("\u65e5\u672c\u8a9e" * 100) == pytest.approx(255, rel=0.01)
    assert estimate_tokens("a") == 1
