"""Predictions of tokens without a tokenizer: from above at first, close once a server counted."""

from __future__ import annotations

import random

import pytest

from assets.docs.tokens import estimate_tokens
from resources.llm.base import Message
from resources.llm.tokens import MESSAGE_TOKENS, Calibration, script_of

ENGLISH = "The gauge at the river was read every morning for ninety years and one day. " * 30
RUSSIAN = "Каждое утро в течение девяноста лет снимали показания прибора на реке. " * 30
JAPANESE = "毎朝、川の水位計を読みました。それは九十年間続いた。" * 30


def turn(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


@pytest.mark.parametrize("text", [ENGLISH, RUSSIAN, JAPANESE])
def test_before_any_count_it_is_an_estimate_from_above(text: str) -> None:
    assert Calibration().predict(text) >= 1.2 * estimate_tokens(text)


def test_it_learns_a_tokenizer_and_stays_above_nearly_always() -> None:
    calibration, chance = Calibration(), random.Random(7)
    below = 0
    for n in range(200):
        text = ENGLISH[: chance.randint(400, 2_000)]
        actual = round(0.85 * chance.uniform(0.95, 1.05) * estimate_tokens(text)) + MESSAGE_TOKENS
        predicted = calibration.predict_messages(turn(text))
        calibration.compare(predicted, actual)
        if n >= 20:
            below += predicted < actual
            assert predicted <= 1.2 * actual
        calibration.observe(turn(text), actual)
    assert below <= 18
    assert calibration.n == 200
    assert calibration.off < 0.12


def test_scripts_are_learned_apart() -> None:
    calibration = Calibration()
    before = calibration.predict(RUSSIAN)
    for _ in range(10):
        calibration.observe(turn(ENGLISH), estimate_tokens(ENGLISH) // 2)
    assert calibration.predict(RUSSIAN) == before
    assert calibration.predict(ENGLISH) < 0.7 * estimate_tokens(ENGLISH)
    assert [script_of(t) for t in (ENGLISH, RUSSIAN, JAPANESE, "1 2 3")] == [
        "latin",
        "cyrillic",
        "kana",
        "latin",
    ]


def test_a_server_that_counts_nonsense_teaches_nothing() -> None:
    calibration = Calibration()
    before = calibration.predict(ENGLISH)
    for actual in (0, -1, 1, 10**9):
        calibration.observe(turn(ENGLISH), actual)
    assert calibration.predict(ENGLISH) == before


def test_it_is_kept_and_read_again() -> None:
    calibration = Calibration()
    for _ in range(5):
        calibration.observe(turn(ENGLISH), 700)
    again = Calibration.from_json(calibration.to_json())
    assert again.predict(ENGLISH) == calibration.predict(ENGLISH)
    assert again.to_json() == calibration.to_json()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"ratios": {"latin": 3}}', '{"ratios": {"latin": {}}}',
             '{"ratios": {"latin": {"mean": -1, "deviation": 0, "n": 4}}}']
)  # fmt: skip
def test_a_damaged_record_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"calibration|Expecting"):
        Calibration.from_json(text)
