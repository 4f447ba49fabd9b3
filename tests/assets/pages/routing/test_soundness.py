"""What of a text layer cannot be meant, and what is only odd."""

import random
import string

import pytest

from assets.pages.routing.soundness import is_backwards, oddness

ENGLISH = (
    "The archive keeps one copy of every report. Each copy has a number, a date and a shelf. "
    "Whoever takes a copy writes a line into the book, and crosses it out on return."
)


def shuffled(text: str) -> str:
    mixed = list(string.ascii_letters)
    random.Random(4).shuffle(mixed)
    return text.translate(str.maketrans(string.ascii_letters, "".join(mixed)))


SPOILT = {
    "shifted": "".join(chr(max(32, ord(c) - 29)) for c in ENGLISH),
    "shuffled": shuffled(ENGLISH),
    "byte-swapped": ENGLISH.encode("utf-16-le").decode("utf-16-be"),
    "spaced out": " ".join(ENGLISH.replace(" ", "")),
    "UTF-8 as Latin-1": ENGLISH.replace("e", "é").encode().decode("latin-1"),
    "Cyrillic as Latin-1": "".join(chr(0xE0 + ord(c) % 32) if c.isalpha() else c for c in ENGLISH),
}
SOUND = {
    "English": ENGLISH,
    "German": "Das Archiv bewahrt von jedem Bericht eine Abschrift auf. Wer sie ausleiht, trägt "
    "sich in das Buch ein und streicht die Zeile bei der Rückgabe wieder durch.",
    "Polish": "Archiwum przechowuje jeden egzemplarz każdego sprawozdania. Każdy egzemplarz ma "
    "numer, datę i półkę, a kto go wypożycza, wpisuje się do księgi.",
    "Vietnamese": "Kho lưu trữ giữ một bản của mỗi báo cáo. Mỗi bản có một số, một ngày và một "
    "kệ. Ai mượn một bản thì ghi một dòng vào sổ và gạch đi khi trả lại.",
    "Russian": "Архив хранит по одному экземпляру каждого отчёта. У каждого экземпляра есть номер.",
    "Chinese": "档案室保存每份报告的一个副本。每个副本都有编号、日期和架位。借阅者须在簿上登记。",
    "Japanese": "書庫はすべての報告書を一部ずつ保管している。借りる人は帳簿に一行書く。",
    "code": "def read(path: str) -> list[str]:\n    with open(path) as file:\n        return "
    "[line.strip() for line in file if not line.startswith('#')]\n" * 3,
    "numbers": "2023 919 656 539 870 970\n2022 635 938 945 912 703\n" * 20,
    "a few letters": "QXZ VKW JQX",
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_layers_are_odd(name: str) -> None:
    assert oddness(SPOILT[name])


@pytest.mark.parametrize("name", SOUND)
def test_languages_code_and_tables_are_not(name: str) -> None:
    assert oddness(SOUND[name]) is None
    assert not is_backwards(SOUND[name])


@pytest.mark.parametrize(
    "text",
    [
        "هذه مدينة كبيرة وهي جميلة في كل سنة حتى الآن على البحيرة",
        "שלום לכולם אנחנו הולכים ברחובות הארץ",
    ],
)
def test_words_from_their_end_are_backwards(text: str) -> None:
    assert not is_backwards(text)
    assert is_backwards(" ".join(word[::-1] for word in text.split()))
