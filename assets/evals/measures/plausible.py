"""Whether a string of letters can be a word, without any list of words.

Here: shapes that misreading makes and no language writes. Not here: characters that are no text at
all (`assets/pages/routing/soundness.py`), or the share of a page (`page.py`).

A word is taken for one unless its shape speaks against it, in every script: letters of two scripts,
signs or digits between its letters, capitals inside. Words in Latin letters must have a vowel (or
`l r w`, as in Czech and Welsh), and no five consonants in a row (`ch`, `sch` and the like are one).
English words besides are of three letters in a row that stand so in English: `english.txt`, counted
by `bench.letters` over 36 documents, tells 72 % of the misread words of four letters and more in
documents it was not made of, and takes 4 % of the others for none.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from assets.evals.measures.words import UNSPACED

_OUTSIDE: Final = re.compile(r"^[\W_]+|[\W_]+$")
_NOT_JUDGED: Final = re.compile(r"[@/\\_=<>+*^~#\d]{2}|://|[@/\\_]|^www\.")
"""Addresses, paths, names of programs, formulas."""
_PARTS: Final = re.compile(r"[^\w\s|!$%&\"^\u0300-\u036f\u0600-\u0dff\u200b-\u200f]+")
"""Apostrophes, hyphens, brackets and stops stand inside words, and where a space was lost."""
_CUT: Final = re.compile(f"[{UNSPACED}]+")
_SIGN_INSIDE: Final = re.compile(r"[^\W\d_][|!$%&\"^]+[^\W\d_]")
_DIGIT_INSIDE: Final = re.compile(r"[^\W\d_]\d+[^\W\d_]|\d[^\W\d_]{4}")
_CAPITALS: Final = re.compile(r"^[^\W\d_]?(?:[a-z]+[A-Z]|[A-Z]{2,}[a-z]+[A-Z])")
_CAMEL: Final = re.compile(r"^[A-Z]?[a-z]+(?:[A-Z][a-z]+)+$|^[a-z]{1,2}[A-Z]{1,2}[a-z]?$")
_AS_ONE: Final = re.compile(r"sch|[cgkpstwz]h|ck|ng|st|tz|sz|cz")
_CONSONANTS: Final = re.compile(r"[bcdfghjkmnpqstvxz]{5}")
_VOWEL: Final = re.compile(r"[aeiouylrw]|[^\x00-\x7f]")
_REPEATED: Final = re.compile(r"([^\W\d_])\1{3}")
LETTERS: Final = 4
"""Of a word that English is asked of: shorter ones say too little."""
BORDER: Final = "."
"""The sign before a word's first letter and after its last."""
_VOWELLESS: Final = 4
"""Letters of a lower-case word that must have a vowel: shorter ones are abbreviations."""


def judged_words(text: str, *, english: bool = False) -> Iterator[tuple[str, bool]]:
    """Every string between spaces that has two letters, and whether it can be a word.

    Addresses, paths and formulas are left out, and so is what scripts without spaces write.

    Args:
        text: Of any language.
        english: Whether it is, so that a word has to look like English.
    """
    spaced = text if text.isascii() else _CUT.sub(" ", text)
    for token in spaced.split():
        bare = _judged_part(token)
        if bare:
            yield bare, is_plausible(bare) and not (english and _is_not_english(bare))


@functools.lru_cache(maxsize=65_536)
def _judged_part(token: str) -> str:
    """A string without the signs around it; empty when nothing is asked of it."""
    bare = token if token.isalpha() else _OUTSIDE.sub("", token)
    asked = sum(map(str.isalpha, bare)) >= 2 and _NOT_JUDGED.search(bare) is None
    return bare if asked else ""


@functools.lru_cache(maxsize=65_536)
def is_plausible(word: str) -> bool:
    """Whether a string can be a word."""
    if word.isascii() and word.isalpha() and word.islower():
        return _is_spoken(word)
    if _SIGN_INSIDE.search(word):
        return False
    return all(map(_is_part, _PARTS.split(word)))


def runs_of(word: str) -> set[str]:
    """Every three signs in a row of a word in lower case, with its borders."""
    bordered = f"{BORDER}{word}{BORDER}"
    return {bordered[i : i + 3] for i in range(len(word))}


@functools.lru_cache(maxsize=65_536)
def _is_not_english(word: str) -> bool:
    """Whether a part of a word has letters as English never has; names are not asked."""
    return any(
        len(part) >= LETTERS and part.isascii() and part.islower() and not runs_of(part) <= _known()
        for part in _PARTS.split(word)
        if part.isalpha()
    )


@functools.cache
def _known() -> frozenset[str]:
    lines = (Path(__file__).parent / "english.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line[:2] + last for line in lines for last in line[3:])


def _is_part(part: str) -> bool:
    if _DIGIT_INSIDE.search(part):
        return False
    if not part.isascii() and len({_script(c) for c in part} - {""}) > 1:
        return False
    return not part.isalpha() or (_is_cased(part) and _is_spoken(part))


def _is_cased(part: str) -> bool:
    return _CAPITALS.match(part) is None or _CAMEL.match(part) is not None


def _is_spoken(part: str) -> bool:
    if _REPEATED.search(part) and not part.isupper():
        return False
    if len(part) < _VOWELLESS or not part[1:].islower():
        return True
    plain = part.lower()
    if not plain.isascii():
        if _script(part[-1]) != "LATIN":
            return True
        bare = unicodedata.normalize("NFD", plain)
        plain = "".join(c for c in bare if not unicodedata.combining(c))
    return bool(_VOWEL.search(plain)) and _CONSONANTS.search(_AS_ONE.sub("t", plain)) is None


@functools.lru_cache(maxsize=65_536)
def _script(char: str) -> str:
    # The micro sign and the ohm are units, whatever their letters are.
    if not char.isalpha() or char in "\u00b5\u03bc\u2126\u03a9":
        return ""
    return unicodedata.name(char, "").split(" ")[0]
