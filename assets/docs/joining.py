"""Joining what the page broke: lines to sentences, words at hyphens, paragraphs over columns.

Here: decisions on text alone and on two neighbouring blocks. Not here: which blocks are neighbours
once furniture is left out (`stitch.py`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from assets.docs.records import SOFT_HYPHEN, Block

_HYPHENS: Final = "-\u2010"
_RAISED: Final = "\u00b2\u00b3\u00b9\u2070-\u207b"
_LETTER: Final = rf"[^\W\d_{_RAISED}]"
"""Raised digits are word characters to Python, and no digits."""
_WORD: Final = re.compile(rf"{_LETTER}{{2,}}")
_BROKEN: Final = re.compile(rf"{_LETTER}+[{_HYPHENS}]\n{_LETTER}+")
_LAST_PART: Final = re.compile(rf"({_LETTER}+)[{_HYPHENS}]$")
_FIRST_PART: Final = re.compile(rf"{_LETTER}+")
_SPACED_HYPHEN: Final = re.compile(rf"({_LETTER}+)[{_HYPHENS}] +({_LETTER}+)")
_URL_TAIL: Final = re.compile(r"(?:(?:https?:/|www\.)\S*[/=&?%_]|\w@)$")
_URL_DOT: Final = re.compile(r"(?:https?://|www\.)\S*\.$")
_URL_REST: Final = re.compile(r"[a-z0-9-]+[./]\S")
_URL_HYPHEN: Final = re.compile(r"(?:https?:/|www\.)\S*/-$")
# Dots from a title to its page number in a table of contents; nobody reads 130 of them.
_LEADERS: Final = re.compile(r" ?[.\u2026](?:[ \u00a0]?[.\u2026]){3,} ?")
# Words after which or before which a hyphen hangs: "pre- and postwar", "Vor- und Nachteile".
_HANGING: Final = frozenset(
    ("and", "or", "to", "nor", "und", "oder", "bis", "et", "ou", "y", "o", "e", "en", "of", "och")
)
# Two letters that a compound may start with; of others ("ob-" + "tained") it is a piece of a word.
_SHORT_PARTS: Final = frozenset(
    ("be", "bi", "by", "co", "de", "do", "ex", "go", "in", "no", "on", "re", "so", "to", "un", "up")
)
# What ends words and is none. In 3.4 million words of English (documentation of a Linux system and
# of Python packages, reports) three of these stood behind a hyphen inside a line ("cc-ing").
_ENDING: Final = re.compile(
    "(?:ations?|ational|sions?|tions?|tional(?:ly)?|ments?|ings?|ingly|bles?|bly|bility|bilities"
    "|tives?|tively|tures?|ities|ally|ically|ences?|ances?|[ct]ial|[ct]ially|[ct]ious|i[sz]ed"
    "|i[sz]ing|i[sz]ation)"
)
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60"
    "\U00020000-\U0003ffff]"
)
_TERMINATED: Final = re.compile(
    rf"[.!?:;\u2026\u3002\uff01\uff1f\uff1a\u061f\u06d4\u0964\u0965][\W{_RAISED}]*$"
)
_CASELESS: Final = re.compile(
    "[\u0590-\u08ff\u0900-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_RULE: Final = re.compile(r"[-\u2010-\u2015\u2500\u2501_\s]{3,}")
_NOTE_START: Final = re.compile(
    rf"\s*(?:(?:\d{{1,3}}|[{_RAISED}]{{1,3}})(?=\s?{_LETTER}|\s?[\"'(\u2018\u201c\u00a7])"
    r"|[*\u2020\u2021\u00a7])"
)
_ITEM_START: Final = re.compile(
    r"\s*(?:\(?(?:\d{1,3}|[a-zA-Z])[.)]|[^\w\s\"'(\[\u2018\u201c\u300c])\s"
)

SAME_SIZE_POINTS: Final = 0.6
"""Font sizes nearer than this are one size (rounding of text layers)."""
SHARED_LETTERS: Final = 3
MANY_WORDS: Final = 300
"""Distinct words from which on a part of a compound can be expected to occur by itself."""
MAX_INTERRUPTION_CHARS: Final = 100
FOOTNOTE_TO_BODY: Final = 0.92
"""Notes are set in type at most this large (LaTeX 8 for 10 points, Word 10 for 11)."""
MIN_PARAGRAPH_CHARS: Final = 60
"""A shorter text that ends without a stop may be a label rather than half a sentence."""


class Vocabulary:
    """The words of a document, casefolded: what a word broken at a hyphen is looked up in."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the words of all texts, but for those broken at the end of a line."""
        self._words: set[str] = set()
        for text in texts:
            whole = _BROKEN.sub(" ", text) if "-\n" in text or "\u2010\n" in text else text
            self._words.update(_WORD.findall(whole.casefold()))
        self._sorted: list[str] | None = None

    def has(self, word: str) -> bool:
        """Whether a word occurs."""
        return word.casefold() in self._words

    def is_one_word(self, left: str, right: str) -> bool:
        """Whether `left-` and `right` are one word.

        They are when the joined form occurs in the document; when a word occurs that goes on over
        the hyphen for three letters ("per-" + "ceive" where there is "perceived"; no word begins
        with "wellkno"); or when neither part is a word of a document that has many: the parts of a
        compound are words ("well", "known"), those of "hun-" + "dreds" are not. In any document
        the second part may be an ending: "distribu-" + "tion".
        """
        if right[:1].isupper() and not left.isupper():
            return False
        left, right = left.casefold(), right.casefold()
        if left + right in self._words:
            return True
        if len(left) < 2 or len(right) < SHARED_LETTERS:
            return False
        if _ENDING.fullmatch(right) or self._begins(left + right[:SHARED_LETTERS]):
            return True
        return (
            left not in _SHORT_PARTS
            and len(self._words) >= MANY_WORDS
            and left not in self._words
            and right not in self._words
        )

    def _begins(self, stem: str) -> bool:
        if self._sorted is None:
            self._sorted = sorted(self._words)
        place = bisect_left(self._sorted, stem)
        return place < len(self._sorted) and self._sorted[place].startswith(stem)


def join_lines(text: str, words: Vocabulary) -> str:
    """The lines of a block as one line, words broken at a hyphen made whole.

    A hyphen at the end of a line goes when it is soft, or when the joined form occurs elsewhere in
    the document; otherwise it stays: `well-` + `known` is `well-known`.
    """
    lines = [line for line in (" ".join(part.split()) for part in text.split("\n")) if line]
    if not lines:
        return ""
    joined = lines[0]
    if len(lines) > 1:
        parts = [joined]
        for line in lines[1:]:
            parts[-1], glue = _glue(parts[-1], line, words)
            parts.append(glue + line)
        joined = "".join(parts)
    if SOFT_HYPHEN in joined:
        joined = joined.replace(SOFT_HYPHEN + " ", "").replace(SOFT_HYPHEN, "")
    joined = shorten_leaders(joined)
    if "- " in joined or "\u2010 " in joined:
        joined = _SPACED_HYPHEN.sub(lambda found: _spaced(found, words), joined)
    return joined.strip()


def shorten_leaders(text: str) -> str:
    """A line of a table of contents with one sign for its row of dots."""
    if "...." in text or ". . ." in text or "\u2026\u2026" in text:
        return _LEADERS.sub(" \u2026 ", text)
    return text


def _glue(before: str, after: str, words: Vocabulary) -> tuple[str, str]:
    """What the first line becomes, and what stands between it and the next."""
    last = before[-1:]
    if last == SOFT_HYPHEN:
        return before[:-1], ""
    if last in _HYPHENS and last:
        return _hyphen(before, after, words)
    if (
        last == "\u2014"
        or (last == "\u2013" and before[-2:-1].isalnum())
        or _URL_TAIL.search(before[-200:])
    ):
        return before, ""
    if last == "." and _URL_REST.match(after) and _URL_DOT.search(before[-200:]):
        return before, ""
    if _UNSPACED.match(last) and _UNSPACED.match(after):
        return before, ""
    return before, " "


def _hyphen(before: str, after: str, words: Vocabulary) -> tuple[str, str]:
    if _URL_HYPHEN.search(before[-200:]):
        return before[:-1], ""
    left, right = _LAST_PART.search(before[-80:]), _FIRST_PART.match(after)
    if right is None:  # "1990-" + "1995", or a dash at the end of a line
        return before, "" if after[:1].isdigit() and before[-2:-1].isalnum() else " "
    if left is None:
        return before, "" if before[-2:-1].isdigit() else " "
    if right.group() in _HANGING:
        return before, " "
    if words.is_one_word(left.group(1), right.group()):
        return before[:-1], ""
    return before, ""


def _spaced(found: re.Match[str], words: Vocabulary) -> str:
    """A hyphen and a space inside a line: a break that an earlier reader of the text left in."""
    left, right = found.groups()
    is_broken = right not in _HANGING and right[:1].islower() and words.has(left + right)
    return left + right if is_broken else found.group()


def continues(before: Block, after: Block, *, past_figure: bool = False) -> bool:
    """Whether a paragraph goes on in the next block: over a page, or over a column of one page.

    Or, with `past_figure`, further down the same column, below what stands between the two.
    """
    if before.kind not in ("text", "list_item") or after.kind != "text":
        return False
    below = past_figure and _below(before, after)
    if not (_next_page(before, after) or _next_column(before, after) or below):
        return False
    if (
        before.font_size is not None
        and after.font_size is not None
        and before.source == after.source == "text_layer"
        and abs(before.font_size - after.font_size) > SAME_SIZE_POINTS
    ):
        return False
    return _reads_on(before.text.strip(), after.text.strip())


def _below(before: Block, after: Block) -> bool:
    """Whether a long text and one that starts small stand in one column."""
    return (
        after.page == before.page
        and after.y0 >= before.y1
        and min(before.x1, after.x1) - max(before.x0, after.x0) > 0
        and len(before.text) >= MIN_PARAGRAPH_CHARS
        and after.text.strip()[:1].islower()
    )


def _next_page(before: Block, after: Block) -> bool:
    return after.page == before.page + 1


def _next_column(before: Block, after: Block) -> bool:
    """Beside it and starting higher up: read after it, so another column (either direction)."""
    beside = after.x0 >= before.x1 - 2 or after.x1 <= before.x0 + 2
    return (
        after.page == before.page
        and beside
        and after.y0 < before.y1
        and len(before.text) >= MIN_PARAGRAPH_CHARS
    )


def is_interruption(before: Block, after: Block) -> bool:
    """Whether text stands between a paragraph that has not ended and where it may go on.

    Text in smaller type (a footnote, a link), or a short line at the top of the next page that no
    rule knows as a running header. It is told after the paragraph if that goes on, else in place.
    """
    if before.kind != "text" or after.kind != "text":
        return False
    if _TERMINATED.search(before.text.strip()[-8:]):
        return False
    if (
        before.font_size is not None
        and after.font_size is not None
        and after.font_size < before.font_size - SAME_SIZE_POINTS
    ):
        return True
    return (
        after.page == before.page + 1
        and after.index < 2
        and len(before.text) >= MIN_PARAGRAPH_CHARS
        and len(after.text) < MAX_INTERRUPTION_CHARS
    )


def is_rule(block: Block) -> bool:
    """Whether a block is a line drawn with dashes, as between the text and its footnotes."""
    return block.kind in ("text", "list_item", "footnote") and bool(_RULE.fullmatch(block.text))


def is_note(block: Block, body: float, height: float) -> bool:
    """Whether text that layout takes for a paragraph is a footnote.

    It starts as one, in smaller type than the body, in the lower two thirds of its page (columns of
    a page that is not full end early).
    """
    return (
        block.kind == "text"
        and block.font_size is not None
        and block.font_size <= FOOTNOTE_TO_BODY * body
        and block.y0 >= height / 3
        and _NOTE_START.match(block.text) is not None
    )


def _reads_on(before: str, after: str) -> bool:
    if not before or not after or _ITEM_START.match(after):
        return False
    if before[-1] in _HYPHENS + SOFT_HYPHEN:
        # A short text that ends so may be a label; "Soekarno-" + "Hatta" ends a whole paragraph.
        return not after[:1].isupper() or len(before) >= MIN_PARAGRAPH_CHARS
    if _TERMINATED.search(before[-8:]):
        return False
    first = after[0]
    if first.islower():
        return True
    return bool(_CASELESS.match(first)) and len(before) >= MIN_PARAGRAPH_CHARS
