"""Cutting paragraphs into sentences, each a verbatim piece of its paragraph.

Here: where a sentence ends, in scripts with and without spaces. Not here: which sentences matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_CLOSERS: Final = "\"'\u2019\u201d\u00bb)\\]\u300d\u300f\uff09\u3011"
_RAISED: Final = "\u00b2\u00b3\u00b9\u2070\u2074-\u2079"
# After a stop the marks of notes belong to the sentence: "was lost.² Then", "found.[3][4] Then".
_END: Final = re.compile(
    rf"[.!?\u2026]+(?:[{_CLOSERS}]*[{_RAISED},]*|(?:\[[\d, ]+\])+|(?<=[a-z]\.)\d{{1,2}})(?=\s)"
    rf"|[\u061f\u06d4\u0964\u0965]+[{_CLOSERS}]*(?=\s|$)"
    rf"|[\u3002\uff01\uff1f\uff0e]+[{_CLOSERS}]*"
)
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Inc|Ltd|Co|Corp|Nos?|Figs?|Eqs?|Refs?|Secs?|Chs?"
    r"|vols?|pp?|eds?|al|etc|vs|cf|ca|approx|resp|Abb|Nr|bzw|usw|Aufl|Bd|e\.g|i\.e|z\.B|d\.h|u\.a"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Ave|Blvd|Gen|Col|Capt|Sen|Rep|Gov|Art|рис|стр"
    r"|см|им|г|т\.е|т\.д|т\.п)\.)$"
)
_LOWER_NEXT: Final = re.compile(r"\s+[a-zа-яß-ÿ]")
_CUT: Final = re.compile(r"[\s,;:\u3001\uff0c\u060c]")
_LINE_END: Final = re.compile(
    rf"[.!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f][\W{_RAISED}]*$"
    r"|[a-z]\.\d{1,2}$|[.!?](?:\[[\d, ]+\])+$"
)
_WIDE_SPACE: Final = re.compile(r"\s+")

MAX_CHARS: Final = 600
"""A longer run without a stop is a list or a table read as text; it is cut at a space."""
THAI_CHARS: Final = 120
"""Thai and Lao end sentences with a space, and put spaces elsewhere too: pieces of this length."""
_THAI: Final = re.compile("[\u0e00-\u0eff]")


def split_sentences(paragraphs: Iterable[str]) -> list[str]:
    """The sentences of paragraphs, in order."""
    found: list[str] = []
    for paragraph in paragraphs:
        text = paragraph.strip()
        if text:
            for sentence in _split(text):
                found.extend(_pieces(sentence))
    return found


def is_whole(sentence: str) -> bool:
    """Whether a sentence ends the way sentences do."""
    return _LINE_END.search(sentence[-16:]) is not None or _THAI.search(sentence) is not None


def cut(text: str, limit: int) -> str:
    """The beginning of a text, up to `limit` characters, ended at a word where there are words."""
    if len(text) <= limit:
        return text
    places = [found.start() for found in _CUT.finditer(text, limit // 2, limit)]
    return text[: places[-1] if places else limit].rstrip()


def _split(text: str) -> list[str]:
    sentences: list[str] = []
    start = 0
    for found in _END.finditer(text):
        end = found.end()
        if found.group()[0] in ".!?" and not _ends(text, found.start(), end):
            continue
        sentence = text[start:end].strip()
        if sentence:
            sentences.append(sentence)
        start = end
    rest = text[start:].strip()
    return [*sentences, rest] if rest else sentences


def _ends(text: str, stop: int, end: int) -> bool:
    """Whether a full stop ends a sentence: not after an abbreviation, not before a small letter."""
    if _LOWER_NEXT.match(text, end):
        return False
    return text[stop] != "." or _ABBREVIATION.search(text, max(0, stop - 12), stop + 1) is None


def _pieces(sentence: str) -> list[str]:
    limit = THAI_CHARS if _THAI.search(sentence) else MAX_CHARS
    if len(sentence) <= limit:
        return [sentence]
    pieces: list[str] = []
    rest = sentence
    while len(rest) > limit:
        piece = cut(rest, limit)
        pieces.append(piece)
        rest = rest[len(piece) :].strip()
    return [*pieces, rest] if rest else pieces
