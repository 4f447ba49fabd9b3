"""A page without a truth: each damage moves its own metric, and what has no meaning is left out."""

# ruff: noqa: E501 - letters of two columns

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evals.base import METRICS
from assets.evals.measures.page import MIN_WORDS, disagreement, page_alone
from assets.evals.measures.plausible import is_plausible
from tests.assets.evals import damage
from tests.assets.evals.samples_text import long_pages

SCRIPTS = {
    "ru": "Портовая контора в Бергене сообщает, что в 1987 году пришло 1204 корабля, в основном из "
    "Гамбурга и Лиссабона, и что торговля солью упала на 12 процентов в тот же год.",
    "el": "Το λιμεναρχείο αναφέρει ότι το 1987 ήρθαν 1204 πλοία, τα περισσότερα από το Αμβούργο και "
    "τη Λισαβόνα, και ότι το εμπόριο αλατιού μειώθηκε κατά 12 τοις εκατό.",
    "ar": "أفاد مكتب الميناء في برغن أن 1204 سفينة وصلت في عام 1987 وأن معظمها جاء من هامبورغ ومن "
    "لشبونة وأن تجارة الملح انخفضت في هذا العام.",
    "hi": "बंदरगाह कार्यालय के अनुसार 1987 में 1204 जहाज आए, जिनमें से अधिकांश हैम्बर्ग और लिस्बन से थे, "
    "और उस वर्ष नमक का व्यापार बारह प्रतिशत घट गया।",
    "ko": "항만 사무소에 따르면 1987년에 1204척의 배가 들어왔으며 대부분 함부르크와 리스본에서 왔고 소금 무역은 "
    "그 해에 십이 퍼센트 감소했다고 한다.",
    "de": "Das Hafenamt berichtet, dass im Jahr 1987 insgesamt 1.204 Schiffe kamen, die meisten aus "
    "Hamburg, und dass der Handel mit Salz um zwölf Prozent zurückging.",
    "cs": "Přístavní úřad hlásí, že v roce 1987 přijelo 1204 lodí, většina z Hamburku, a že obchod se "
    "solí klesl o dvanáct procent; zpráva zmiňuje také čtvrť u řeky.",
    "vi": "Văn phòng cảng cho biết năm 1987 có 1204 con tàu đến, phần lớn từ Hamburg và Lisbon, và "
    "việc buôn bán muối đã giảm mười hai phần trăm trong năm đó.",
}


def errors(text: str, **more: object) -> dict[str, float]:
    return {m.metric: m.value for m in page_alone(text, **more)}  # type: ignore[arg-type]


@pytest.mark.parametrize("language", SCRIPTS)
def test_text_of_any_script_has_no_error(language: str) -> None:
    assert errors(SCRIPTS[language]) == {
        "failed_page": 0,
        "garbage": 0,
        "unknown_words": 0,
        "repetition": 0,
    }


def test_pages_as_they_are_have_hardly_an_error() -> None:
    found = [errors(page) for page in long_pages()]
    for metric, most in (("garbage", 0.0), ("unknown_words", 0.01), ("repetition", 0.005)):
        assert sum(one[metric] for one in found) / len(found) <= most


def test_misread_letters_make_unknown_words_more_the_more_there_are() -> None:
    pages = long_pages()
    means = [
        sum(errors(damage.noise(page, rate, i))["unknown_words"] for i, page in enumerate(pages))
        for rate in (0, 0.01, 0.03, 0.1)
    ]
    assert means == sorted(means)
    assert means[2] > 3 * means[0]


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200))
def test_every_text_has_shares(text: str) -> None:
    for measure in page_alone(text, confidence=0.5, source="ocr"):
        assert measure.metric in METRICS
        assert 0 <= measure.value <= 1


def test_what_has_no_meaning_is_left_out() -> None:
    assert errors("") == {"failed_page": 0}
    assert errors("Two words") == {"failed_page": 0, "garbage": 0}
    assert "doubt" not in errors(SCRIPTS["ru"], source="text_layer", confidence=None)
    assert errors("x", source="ocr", confidence=0.75)["doubt"] == 0.25


@pytest.mark.parametrize(("status", "error"), [("ok", 0), ("partial", 0.5), ("failed", 1)])
def test_a_page_read_in_part_is_half_a_failure(status: str, error: float) -> None:
    assert errors("", status=status)["failed_page"] == error


def test_characters_that_are_no_text_are_garbage() -> None:
    assert errors("abcdef\ufffd\ue000\x01\u0378")["garbage"] == 0.4


@pytest.mark.parametrize(
    "word", ["l0ok", "thє", "w0rd5", "wоrd", "rn|nute", "tHROUgh", "bcdfg", "xxxxx", "50years"]
)
def test_these_are_no_words(word: str) -> None:
    assert not is_plausible(word)


@pytest.mark.parametrize(
    "word",
    [
        "rhythm",
        "crwth",
        "Angst",
        "Schifffahrt",
        "O'Neill",
        "well-known",
        "McDonald",
        "JavaScript",
        "22nd",
        "KF117",
        "NASA",
        "U.S.",
        "e.g.",
        "étude",
        "straße",
        "zmrzlina",
        "Strč-prst",
        "pH",
        "kWh",
        "µm",
        "naïve",
        "Æthelred",
        "x-ray",
        "Dostoyevsky",
        "Dienstpflicht",
    ],
)
def test_these_are_words(word: str) -> None:
    assert is_plausible(word)


def test_misread_words_are_unknown_words() -> None:
    page = long_pages()[3]
    # As OCR of a bad scan has it: digits for letters, capitals in the middle.
    misread = re.sub(r"(?<=[a-z])[lo](?=[a-z])", lambda m: {"l": "1", "o": "0"}[m.group()], page)
    assert errors(misread)["unknown_words"] > errors(page)["unknown_words"] + 0.2


def test_english_is_asked_of_english_alone() -> None:
    # Of three letters in a row as English never has them, in the words of another language.
    german = SCRIPTS["de"].replace("zwölf", "zjaqif")
    assert errors(german)["unknown_words"] == 0
    assert errors("The graft of the tree was a zjaqif, and of the root in the ground.")[
        "unknown_words"
    ]


def test_a_paragraph_that_comes_twice_is_repetition() -> None:
    page = long_pages()[3]
    again = damage.repeat_paragraph(page, 1)
    assert errors(again)["repetition"] > errors(page)["repetition"] + 0.05


def test_a_loop_is_repetition() -> None:
    assert errors("A heading of it.\n" + "the same line again and again\n" * 30)["repetition"] > 0.8


def test_tables_of_numbers_repeat_nothing() -> None:
    rows = "\n".join("Total\t0\t0\t0\t0\t0\t0\t0" for _ in range(40))
    assert errors(f"{SCRIPTS['de']}\n{rows}\n{'0.0 1.0 0.0 1.0 0.0 ' * 20}")["repetition"] == 0


def test_two_readings_with_the_same_words_agree_in_any_order() -> None:
    page = long_pages()[2]
    (same,) = disagreement(page, damage.swap_halves(page))
    (misread,) = disagreement(page, damage.noise(page, 0.02))
    assert same.value == 0
    assert misread.value < 0.01


def test_hidden_text_and_garbled_fonts_disagree() -> None:
    page = long_pages()[2]
    garbled = "".join(chr(0x21 + (ord(c) * 7) % 90) if c.isalnum() else c for c in page)
    (hidden,) = disagreement(page + " Ignore what was said." * 40, page)
    (other,) = disagreement(garbled, page)
    assert 0.2 < hidden.value < 0.9
    assert "only in the text layer" in hidden.explanation
    assert other.value > 0.6


def test_two_readings_without_text_are_not_compared() -> None:
    assert disagreement("1", " ".join("ab" * MIN_WORDS)[: MIN_WORDS - 2]) == []
