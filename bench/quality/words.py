"""Words of a page's text layer and of a document's markdown, cut alike.

Here: markdown without its markup, and whether a text can be a truth. Not here: what counts as a
word (`assets/evals/measures/words.py`), or what is compared.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

from assets.evals.measures.words import words_of

_IMAGE: Final = re.compile(r"!\[[^\[\]\n]*\]\(image:[0-9a-f]{64}\)")
_NOTE: Final = re.compile(r"^> \[[^\]\n]*\]", re.MULTILINE)
_FENCE: Final = re.compile(r"^`{3,}$", re.MULTILINE)
_BREAK: Final = re.compile(r"(?<!\\)<br>")


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
