"""Text and its words, made alike before two readings of one page are compared.

Here: what counts as the same text, and what counts as a word. Not here: any comparison.

The same text (`plain`): unicode forms (NFKC: ligatures, full-width letters), runs of white space,
kinds of quotes and of dashes, characters that show nothing, and a word broken at the end of a line
are no difference. Letters, digits, accents, case and all other signs are.

A word (`words_of`) is a run of letters, digits and combining marks; every sign between is a border,
the underscore too. Scripts without spaces (Thai, Lao, Khmer, Burmese, Chinese, Japanese) count by
character, since where they are cut says nothing. Case counts.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_SAME: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u00b4\u0060", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
    }
)
_BEYOND_LETTERS: Final = re.compile(
    "[^\x00-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff"
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u2bff]"
)
"""Not Latin, Greek or Cyrillic, nor their signs: there may be marks, formats, or no spaces."""
_PLAIN_WORD: Final = re.compile(r"[^\W_]+")
_BROKEN: Final = re.compile(r"(?<=[^\W\d_])-[^\S\n]*\n\s*(?=[a-z\u00df-\u00f6\u00f8-\u00ff])")


@functools.cache
def _word() -> re.Pattern[str]:
    marks = _ranges([c for c in _assigned() if unicodedata.category(chr(c)) in ("Mn", "Mc")])
    return re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])(?:[^\W_]|[{marks}]))+")


def _ranges(codes: list[int]) -> str:
    parts: list[list[int]] = []
    for code in codes:
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in parts)


@functools.cache
def _unseen() -> dict[int, None]:
    return {c: None for c in _assigned() if unicodedata.category(chr(c)) == "Cf"}


def _assigned() -> Iterator[int]:
    """Where marks and formats are: Han and private use, a million characters, take a second."""
    return itertools.chain(range(0x20000), range(0xE0000, 0xE1000))


@functools.cache
def _differences() -> dict[int, str | None]:
    return {**_unseen(), **_SAME}


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        return words_of_plain(text)
    if _BEYOND_LETTERS.search(text):
        text = text.translate(_unseen())
    return words_of_plain(unicodedata.normalize("NFKC", text))


def words_of_plain(text: str) -> list[str]:
    """The words of a text that `plain` made, in order."""
    if text.isascii() or _BEYOND_LETTERS.search(text) is None:
        return _PLAIN_WORD.findall(text)  # five times as fast
    found: list[str] = _word().findall(text)
    # A mark that stands on a sign or alone is no word.
    return [word for word in found if word.isascii() or any(map(str.isalnum, word))]


def plain(text: str) -> str:
    """A text without the differences that are none, in one line."""
    if not text.isascii():
        differences = _differences() if _BEYOND_LETTERS.search(text) else _SAME
        # Signs first: NFKC takes some apart, and makes quotes and dashes of others.
        text = unicodedata.normalize("NFKC", text.translate(differences))
    return " ".join(_BROKEN.sub("", text.translate(_SAME)).split())


def quoted(text: str, most: int = 60) -> str:
    """A text as an explanation quotes it: in one line, with its end left out where it is long."""
    line = " ".join(text.split())
    if len(line) > most:
        line = line[: most - 1] + "\u2026"
    return f"\u201c{line}\u201d"
