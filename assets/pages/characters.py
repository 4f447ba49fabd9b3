"""Characters of a text layer as their reader sees them, where MuPDF gives something else.

Here: accents that are glyphs of their own put on their letters, and lines with right-to-left text
in the order of reading (`right_to_left.py`). Not here: whether the characters mean anything
(`routing/soundness.py`).

Both need the box of each character, which costs a second extraction: only pages that have such
lines pay for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pymupdf

from assets.pages.geometry import Box
from assets.pages.right_to_left import LETTERS, Char, in_reading_order, is_right_to_left

_COMBINING: Final = {
    "`": "\u0300",
    "\u00b4": "\u0301",
    "\u02c6": "\u0302",
    "\u02dc": "\u0303",
    "\u00af": "\u0304",
    "\u02d8": "\u0306",
    "\u02d9": "\u0307",
    "\u00a8": "\u0308",
    "\u02da": "\u030a",
    "\u02dd": "\u030b",
    "\u02c7": "\u030c",
    "\u00b8": "\u0327",
    "\u02db": "\u0328",
}
"""Accents that stand alone, as fonts name them (Adobe Glyph List), and those that join a letter."""
_DOTLESS: Final = {"\u0131": "i", "\u0237": "j"}
_ACCENT: Final = re.compile(
    "[{0}] ?[^\\W\\d_]|[^\\W\\d_] ?[{0}]".format("".join(_COMBINING).replace("`", ""))
    + "|`[AEIOUaeiou\u0131]|[AEIOUaeiou\u0131]`"
)
_RIGHT_TO_LEFT: Final = re.compile(f"[{LETTERS}]")

_ODD: Final = re.compile(f"[`{''.join(_COMBINING)}{LETTERS}]")
"""What every line to mend, or one beside it, has: most pages do not, and this is seen at once."""
_NUMBERS: Final = re.compile(r"\s*[.,:;][^A-Za-z]*")
"""The end of a sentence without letters (`.2010 ,(22)6`), set in a text from right to left."""

Extracted = list[dict[str, Any]]


def mend_lines(blocks: Extracted, textpage: pymupdf.TextPage) -> bool:
    """Mend the spans of lines that need it, in place; whether there was any.

    Args:
        blocks: what `textpage.extractDICT()` gave.
        textpage: what they were extracted from; nothing about it may have changed since.
    """
    written = [s["text"] for block in blocks for x in block.get("lines", ()) for s in x["spans"]]
    if not _ODD.search("\n".join(written)):
        return False
    wanted = list(_needing(blocks))
    if not wanted:
        return False
    raw = textpage.extractRAWDICT()["blocks"]
    for i, j, right_to_left in wanted:
        line = blocks[i]["lines"][j]
        chars = _mended(raw[i]["lines"][j], right_to_left=right_to_left)
        line["spans"] = list(_spans(line["spans"], chars))
    return True


def mended_words(textpage: pymupdf.TextPage) -> list[tuple[Box, str]]:
    """The words of a page that has lines to mend, as `extractWORDS` would give them."""
    raw = textpage.extractRAWDICT()["blocks"]
    for block in raw:
        for line in block.get("lines", ()):
            for span in line["spans"]:
                span["text"] = "".join([char["c"] for char in span["chars"]])
    wanted = {(i, j): right_to_left for i, j, right_to_left in _needing(raw)}
    words: list[tuple[Box, str]] = []
    for i, block in enumerate(raw):
        for j, line in enumerate(block.get("lines", ())):
            direction = wanted.get((i, j))
            chars = _chars(line) if direction is None else _mended(line, right_to_left=direction)
            words.extend(_words(chars))
    return words


def _needing(blocks: Extracted) -> Iterator[tuple[int, int, bool]]:
    """Block and line number of lines to mend, and whether their block is read from the right."""
    direction = False
    for i, block in enumerate(blocks):
        texts = ["".join([s["text"] for s in line["spans"]]) for line in block.get("lines", ())]
        whole = "".join(texts)
        # What has no letters, such as the end of a sentence, is read as what stands before it.
        if not whole.isascii() or any(map(str.isalpha, whole)):
            direction = bool(_RIGHT_TO_LEFT.search(whole)) and is_right_to_left(whole)
        if whole.isascii() and "`" not in whole and not direction:
            continue
        for j, text in enumerate(texts):
            if 0.01 < abs(block["lines"][j]["dir"][0]) < 0.99:  # boxes of slanted text say little
                continue
            turned = _RIGHT_TO_LEFT.search(text) or (direction and _NUMBERS.fullmatch(text))
            if turned or _ACCENT.search(text):
                yield i, j, direction


def _mended(line: dict[str, Any], *, right_to_left: bool) -> list[Char]:
    chars = list(_composed(_chars(line)))
    text = "".join([char.text for char in chars])
    turned = _RIGHT_TO_LEFT.search(text) or (right_to_left and _NUMBERS.fullmatch(text))
    if line["wmode"] or not turned:
        return chars
    return in_reading_order(chars, right_to_left=right_to_left)


def _chars(line: dict[str, Any]) -> list[Char]:
    dx, dy = line["dir"]
    chars = []
    for number, span in enumerate(line["spans"]):
        size = span["size"]
        for char in span["chars"]:
            x0, y0, x1, y1 = box = char["bbox"]
            ends = sorted((x0 * dx + y0 * dy, x1 * dx + y1 * dy))
            chars.append(Char(char["c"], ends[0], ends[1], size, number, box))
    return chars


def _composed(chars: Sequence[Char]) -> Iterator[Char]:
    """Characters with each accent on the letter that it stands over or under.

    TeX draws the accent before its letter, others after it; a degree sign or a quotation mark
    stands beside the letter. Only letters that Unicode has with that accent take it.
    """
    taken: dict[int, Char] = {}
    gone: set[int] = set()
    for i, char in enumerate(chars):
        mark = _COMBINING.get(char.text)
        if mark is None:
            continue
        near = [k for k in (i - 1, i + 1) if 0 <= k < len(chars) and k not in taken]
        over = [k for k in near if chars[k].x0 < char.centre < chars[k].x1]
        for k in sorted(over, key=lambda k: abs(chars[k].centre - char.centre)):
            letter = _DOTLESS.get(chars[k].text, chars[k].text)
            whole = unicodedata.normalize("NFC", letter + mark)
            if letter.isalpha() and len(whole) == 1:
                taken[k] = chars[k]._replace(text=whole)
                gone.add(i)
                break
    return (taken.get(i, char) for i, char in enumerate(chars) if i not in gone)


def _spans(spans: Sequence[dict[str, Any]], chars: Sequence[Char]) -> Iterator[dict[str, Any]]:
    start = 0
    for i in range(1, len(chars) + 1):
        if i == len(chars) or chars[i].span != chars[start].span:
            text = "".join([char.text for char in chars[start:i]])
            yield {**spans[chars[start].span], "text": text}
            start = i


def _words(chars: Sequence[Char]) -> Iterator[tuple[Box, str]]:
    part: list[Char] = []
    for char in [*chars, Char(" ", 0.0, 0.0, 0.0, 0, (0.0, 0.0, 0.0, 0.0))]:
        if not char.text.isspace():
            part.append(char)
        elif part:
            boxes = [c.box for c in part]
            x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
            x1, y1 = max(b[2] for b in boxes), max(b[3] for b in boxes)
            yield (x0, y0, x1, y1), "".join([c.text for c in part])
            part = []
