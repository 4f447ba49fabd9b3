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
from collections import defaultdict
from typing import Final

UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_SAME: Final = {
    "'": "\u0060\u00b4\u2018\u2019\u201a\u201b\u2039\u203a\u2032",
    '"': "\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d",
}
_BEYOND_LETTERS: Final = re.compile(
    "[^\x00-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff"
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u2bff]"
)
"""Not Latin, Greek or Cyrillic, nor their signs: there may be marks, formats, or no spaces."""
_PLAIN_WORD: Final = re.compile(r"[^\W_]+")
_BROKEN: Final = re.compile(r"(?<=[^\W\d_])-[^\S\n]*\n\s*(?=[a-z\u00df-\u00f6\u00f8-\u00ff])")


@functools.cache
def _word() -> re.Pattern[str]:
    unspaced = re.compile(f"[{UNSPACED}]")
    marks = [*_of_category()["Mn"], *_of_category()["Mc"]]
    spaced = _ranges([c for c in marks if unspaced.match(chr(c)) is None])
    return re.compile(rf"[{UNSPACED}]|(?:[^\W_{UNSPACED}]+|[{spaced}]+)+")


@functools.cache
def _unseen() -> re.Pattern[str]:
    return re.compile(f"[{_ranges(_of_category()['Cf'])}]+")


def _ranges(codes: list[int]) -> str:
    parts: list[list[int]] = []
    for code in sorted(codes):
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in parts)


@functools.cache
def _of_category() -> dict[str, list[int]]:
    """Characters by category, where marks and formats are.

    With Han and private use, a million more, it would take a second.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for code in itertools.chain(range(0x20000), range(0xE0000, 0xE1000)):
        found[unicodedata.category(chr(code))].append(code)
    return found


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        return words_of_plain(text)
    if _BEYOND_LETTERS.search(text):
        text = _unseen().sub("", text)
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
        if _BEYOND_LETTERS.search(text):
            text = _unseen().sub("", text)
        # Signs first: NFKC takes some apart, and makes quotes and dashes of others.
        text = unicodedata.normalize("NFKC", _alike(text))
    return " ".join(_BROKEN.sub("", _alike(text)).split())


def _alike(text: str) -> str:
    """One kind of each sign. Looking for each is twenty times as fast as `translate`."""
    for sign, kinds in _SAME.items():
        for kind in kinds:
            text = text.replace(kind, sign)
    return text


def quoted(text: str, most: int = 60) -> str:
    """A text as an explanation quotes it: in one line, with its end left out where it is long."""
    line = " ".join(text.split())
    if len(line) > most:
        line = line[: most - 1] + "\u2026"
    return f"\u201c{line}\u201d"
