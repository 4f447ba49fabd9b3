"""Words of a page's text layer and of a document's markdown, cut alike.

Here: what counts as a word, and markdown without its markup. Not here: what is compared.

A word is a run of letters, digits and combining marks after NFKC; every sign between is a border,
the underscore too. Scripts without spaces (Thai, Lao, Khmer, Burmese, Chinese, Japanese) count by
character, since where they are cut says nothing. Characters that show nothing (soft hyphens,
joiners, directions) are gone. Case counts.
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from typing import Final

UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_IMAGE: Final = re.compile(r"!\[[^\[\]\n]*\]\(image:[0-9a-f]{64}\)")
_NOTE: Final = re.compile(r"^> \[[^\]\n]*\]", re.MULTILINE)
_FENCE: Final = re.compile(r"^`{3,}$", re.MULTILINE)
_BREAK: Final = re.compile(r"(?<!\\)<br>")


@functools.cache
def _word() -> re.Pattern[str]:
    marks = _ranges(
        [c for c in range(0x300, sys.maxunicode) if unicodedata.category(chr(c)) in ("Mn", "Mc")]
    )
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
    return {c: None for c in range(sys.maxunicode) if unicodedata.category(chr(c)) == "Cf"}


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text.translate(_unseen()))
    found = _word().findall(plain)
    # A mark that stands on a sign or alone is no word.
    return found if plain.isascii() else [w for w in found if any(c.isalnum() for c in w)]


def markdown_text(markdown: str) -> str:
    """A document's markdown without image references, notes of Quire's, fences and line breaks."""
    text = _NOTE.sub("", _IMAGE.sub("", markdown))
    return _BREAK.sub(" ", _FENCE.sub("", text))


MAX_JUNK: Final = 0.02
MAX_MIXED: Final = 0.1


def is_sound(text: str) -> bool:
    """Whether the text of a page can be a truth: characters and words that say something.

    Under 2 % of the characters are control, private use, unassigned or U+FFFD; and under 10 % of
    the words have letters of two scripts, as those of fonts whose characters are mapped wrongly do
    (the Devanagari of one such file came out with Cyrillic and Arabic letters in every other word).
    """
    words = words_of(text)
    mixed = sum(not word.isascii() and len({_script(c) for c in word} - {""}) > 1 for word in words)
    return bool(words) and junk_share(text) < MAX_JUNK and mixed < MAX_MIXED * len(words)


@functools.cache
def _script(char: str) -> str:
    return unicodedata.name(char, "").split(" ")[0] if char.isalpha() and char != "\u00b5" else ""


def junk_share(text: str) -> float:
    """The share of characters that say nothing: control, private use, unassigned, U+FFFD."""
    seen = [c for c in text if not c.isspace()]
    junk = sum(c == "\ufffd" or unicodedata.category(c) in ("Cc", "Co", "Cn") for c in seen)
    return junk / len(seen) if seen else 1.0
