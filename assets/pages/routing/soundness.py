"""Whether the characters of a text layer can be meant.

Here: counts and statistics of a page's text, which cost a tenth of a millisecond. Some faults are
certain (`unsound_share`, `is_backwards`); others are only odd (`oddness`) and call for a look at
the ink. Not here: that look (`spot_check.py`), and what follows for the page (`route.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from math import sqrt
from typing import Final

MAX_UNSOUND_SHARE: Final = 0.02
"""Control, private-use, unassigned and U+FFFD characters that a sound text layer may hold."""

MIN_LETTERS: Final = 60
"""Under this many, the letters of a name or a table's heading are odd by chance."""

MIN_LIKENESS: Final = 0.72
"""Cosine between the letters of a page and those of seven languages. Measured on text made for it:
English of 60 letters and more 0.87 and more, fifteen other languages in a sentence each 0.73 and
more (Somali 0.70 and Hawaiian 0.68 are doubted for nothing), codes shifted by a constant 0.54 at
most, shuffled or numbered by first use 0.72 (one of sixty 0.85)."""

MAX_SINGLE_SHARE: Final = 0.6
"""Of all words, those of one letter: a layer whose every letter stands alone."""
MIN_WORDS: Final = 40

MIN_HAN: Final = 20
MIN_COMMON_HAN: Final = 0.005
"""Share of the sixty commonest characters among Han characters: Chinese and Japanese prose has 0.1
and more, lists of names have few, arbitrary codes none."""

MAX_MOJIBAKE_SHARE: Final = 0.02
"""Of all letters: signs that hardly any word of a European language holds, but UTF-8 taken for
Latin-1 does (Ã, Â, Ð, Ñ before a lower-case letter's second byte)."""
MAX_ACCENTED_SHARE: Final = 0.35
"""Of Latin letters: accented ones of Latin-1. Vietnamese has a quarter; Cyrillic in a Latin font
has nothing else."""

MIN_IMPOSSIBLE: Final = 3

REPLACED: Final = "\ufffd"
MIN_LOST: Final = 4
"""Characters without a meaning in a line, and more of them than others: fewer are signs that the
line can be read without."""

# Percentages of a-z, the mean of English, French, German, Spanish, Finnish, Polish and Turkish
# (https://en.wikipedia.org/wiki/Letter_frequency).
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_USUAL: Final = (
    *(9.7, 1.6, 2.6, 4.0, 11.6, 1.0, 1.9, 2.3, 8.0, 0.8, 2.2, 4.6, 2.9),
    *(7.6, 5.7, 1.8, 0.3, 6.1, 6.5, 5.9, 3.8, 1.2, 1.5, 0.1, 1.6, 1.2),
)
_USUAL_NORM: Final = sqrt(sum(v * v for v in _USUAL))
_COMMON_HAN: Final = frozenset(
    "的一是不了人我在有他这這中大来來上国國个個到说說们們为為子和你地出道也时時年得就那要下以生会會自"
    "着着去之过過家学學对對可里裡后後小么么心多天而能好都然没沒日于於起还還发發成事只作当當想看文无無"
    "開开手十用主行方又如前所本見见经經头頭面公同三已老从從动動两兩長长部分第月者高法表示数数図図使場"
    "合名次目入力必要理新内設定変更"
)
# Letters that stand only at the end of a word: teh marbuta, alef maksura; Hebrew's final forms.
_FINAL: Final = "\u0629\u0649\ufe93\ufe94\ufeef\ufef0\u05da\u05dd\u05df\u05e3\u05e5"
_RTL_WORD: Final = re.compile("[\u0590-\u05ff\u0620-\u06ff\ufb1d-\ufdff\ufe70-\ufefc]{3,}")
_UNSOUND: Final = frozenset({"Cc", "Co", "Cn", "Cs"})
_HARMLESS: Final = frozenset("\t\n\r\x0b\x0c")


def is_sound(text: str) -> bool:
    """Whether a text layer holds text rather than glyph numbers."""
    return unsound_share(text) < MAX_UNSOUND_SHARE


def unsound_share(text: str) -> float:
    """Share of visible characters that cannot be meant; 0 without any character."""
    if text.isascii() and text.isprintable():
        return 0.0
    # A page has some eighty different characters: counting first is six times as fast.
    seen = {c: n for c, n in Counter(text).items() if not c.isspace() and c not in _HARMLESS}
    total = sum(seen.values())
    return sum(n for c, n in seen.items() if _is_unsound(c)) / total if total else 0.0


def is_lost(line: str) -> bool:
    """Whether a line says nothing, since most of its characters have no meaning."""
    n_lost = line.count(REPLACED)
    return n_lost >= MIN_LOST and 2 * n_lost > len(line.strip())


def is_backwards(text: str) -> bool:
    """Whether Arabic or Hebrew words are written from their end.

    Letters that close a word then stand at its start, where they never do.
    """
    if text.isascii():
        return False
    words = _RTL_WORD.findall(text)
    at_start = sum(word[0] in _FINAL for word in words)
    at_end = sum(word[-1] in _FINAL for word in words)
    return at_start >= MIN_IMPOSSIBLE and at_start > 2 * at_end


def oddness(text: str) -> str | None:
    """What is odd about the characters of a page, in words; None when nothing is.

    Odd is not wrong: a page of formulas or part numbers is odd too.
    """
    counts = _counts(text)
    n_latin = sum(counts)
    if n_latin >= MIN_LETTERS and likeness(counts) < MIN_LIKENESS:
        # Vietnamese has its commonest letters with accents.
        plain = text if text.isascii() else unicodedata.normalize("NFD", text)
        if likeness(_counts(plain)) < MIN_LIKENESS:
            return "letters as no language has them"
    if _spaced_out(text):
        return "hardly a word of more than one letter"
    return None if text.isascii() else _odd_beyond_ascii(text, n_latin)


def _counts(text: str) -> list[int]:
    lower = text.lower()
    return [lower.count(letter) for letter in _LETTERS]


def likeness(counts: list[int]) -> float:
    """How like the letters of European languages a count of a-z is: a cosine, 0-1."""
    norm = sqrt(sum(n * n for n in counts))
    if not norm:
        return 0.0
    return sum(n * v for n, v in zip(counts, _USUAL, strict=True)) / (norm * _USUAL_NORM)


def _spaced_out(text: str) -> bool:
    words = text.split()
    if len(words) < MIN_WORDS:
        return False
    single = [word for word in words if len(word) == 1]
    if len(single) <= MAX_SINGLE_SHARE * len(words):
        return False
    letters = sum(word.isalpha() and not _is_han(word) for word in single)
    return letters > MAX_SINGLE_SHARE * len(words)


def _odd_beyond_ascii(text: str, n_latin: int) -> str | None:
    seen = Counter(text)
    han = sum(n for c, n in seen.items() if _is_han(c))
    if han >= MIN_HAN and sum(seen[c] for c in _COMMON_HAN) < MIN_COMMON_HAN * han:
        return "Chinese characters, and none of the common ones"
    accented = sum(n for c, n in seen.items() if "\xc0" <= c <= "\xff")
    n_letters = n_latin + accented
    if n_letters < MIN_LETTERS:
        return None
    if sum(seen[c] for c in "\xc2\xc3\xd0\xd1") > MAX_MOJIBAKE_SHARE * n_letters:
        return "accented letters as of UTF-8 that was taken for Latin-1"
    if accented > MAX_ACCENTED_SHARE * n_letters:
        return "more accented letters than any language has"
    return None


def _is_han(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


@lru_cache(maxsize=65536)
def _is_unsound(char: str) -> bool:
    return char == REPLACED or unicodedata.category(char) in _UNSOUND


def without_bullet(text: str) -> str:
    """A line without the one private-use sign that word processors write for its bullet."""
    start = text.lstrip()
    if start and unicodedata.category(start[0]) == "Co" and not _is_private(start[1:2]):
        return start[1:]
    return text


def _is_private(char: str) -> bool:
    return bool(char) and unicodedata.category(char) == "Co"
