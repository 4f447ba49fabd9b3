"""What a summary says against the text that it is of: its names, numbers, language and repeats.

Here: counts and shares. Not here: when an answer is thrown away for them (`answer.py`), or when a
version of the stage is (`assets/evals`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from resources.summariser.language import guess_language

NGRAM: Final = 4
_SAMPLES: Final = 5
_ALIKE: Final = (
    {"da", "no", "sv"},
    {"ru", "uk", "bg"},
    {"hi", "mr"},
    {"es", "pt"},
    {"ar", "fa", "ur"},
)
"""Languages that a guess from a few sentences takes for one another."""
_WORD: Final = re.compile(r"\w+")
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_NUMBER: Final = re.compile(
    r"\d{1,3}(?:[.,\u00a0\u202f' \u2019]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
)
_DIGITS: Final = re.compile(r"\D+")
_INSIDE: Final = re.compile(r"(?<=[\w,;] )[^\W\d_][\w\u2019'-]*\w")
"""A word of more than one letter that does not begin a sentence."""


def is_unspaced(text: str) -> bool:
    """Whether a text has letters of a script that writes no spaces between words."""
    return _UNSPACED.search(text) is not None


def repeated_share(summary: str) -> float:
    """Share of 4-grams (of words; of pairs of characters without spaces) that stand before."""
    if len(_UNSPACED.findall(summary)) > len(summary) / 3:
        letters = "".join(_WORD.findall(summary))
        words = [letters[i : i + 2] for i in range(0, len(letters), 2)]
    else:
        words = _WORD.findall(summary.casefold())
    grams = [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def other_language(summary: str, source: str, language: str | None) -> str | None:
    """The language of a summary when its text has no part in it; None when it has, or is unsure.

    Args:
        summary: The summary.
        source: The text that it is of.
        language: That text's language, None when unsure.
    """
    written = guess_language(summary)
    if written is None or language is None or _is_alike(written, {language}):
        return None
    # A document may hold its translation, or quote at length.
    step = max(1, len(source) // _SAMPLES)
    parts = {guess_language(source[i : i + step][:2_000]) for i in range(0, len(source), step)}
    return None if _is_alike(written, {part for part in parts if part}) else written


def _is_alike(written: str, languages: set[str]) -> bool:
    return written in languages or any(
        written in group and not group.isdisjoint(languages) for group in _ALIKE
    )


def grounded_share(summary: str, source: str) -> tuple[float, int]:
    """Share of the summary's names and numbers that occur in the source, and how many it has."""
    numbers, names = supported_numbers(summary, source), supported_names(summary, source)
    n = len(numbers) + len(names)
    return ((sum(numbers.values()) + sum(names.values())) / n if n else 1.0), n


def supported_numbers(summary: str, source: str) -> Mapping[str, bool]:
    """The digits of each number of a summary, and whether the source has it.

    Numbers are compared by their digits, so that 1,234.5 and 1234,5 are one. Single digits count
    for none: they are written as words as often as not.
    """
    said = {digits for found in _NUMBER.findall(summary) if len(digits := _bare(found)) > 1}
    if not said:
        return {}
    known = {_bare(found) for found in _NUMBER.findall(source)} | set(re.findall(r"\d+", source))
    return {number: number in known for number in sorted(said)}


def supported_names(summary: str, source: str) -> Mapping[str, bool]:
    """Each name of a summary, in lower case, and whether the source has it.

    Names are compared by their letters in any case, so that a heading in capitals holds them, and
    without a trailing `s`.
    """
    folded = source.casefold()
    return {name: name in folded or name.rstrip("s") in folded for name in sorted(_names(summary))}


def _names(summary: str) -> set[str]:
    """Words that are written as names; German writes every noun as one."""
    if guess_language(summary) == "de":
        return set()
    words = (word for word in _INSIDE.findall(summary) if word[0].isupper())
    return {word.casefold().removesuffix("'s").removesuffix("\u2019s") for word in words}


def _bare(number: str) -> str:
    return _DIGITS.sub("", number)
