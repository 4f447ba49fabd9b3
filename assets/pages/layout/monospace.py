"""Type in which all letters are equally wide, and code set in it.

Here: which fonts of a page are monospaced, and lines of code with their columns. Not here: which
region is code (`blocks.py`), or fences (`markdown.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

import pymupdf
from pymupdf import mupdf

from assets.pages.geometry import Box
from assets.pages.records import Line, box_of

Words = Sequence[tuple[Box, str]]

MIN_LETTERS: Final = 5
"""Letters whose widths must be known and equal; the digits of nearly every font are."""
MIN_GLYPHS: Final = 16
"""Glyphs of a font whose widths are not listed by letter: more than digits and signs."""
MAX_WIDTH: Final = 750
"""In thousandths of the type size: monospaced Latin type has about 600 (Courier), CJK 1000."""
_ASCII: Final = 128
_KNOWN: Final = "quire_monospaced_fonts"
MAX_BLANK_LINES: Final = 2
TYPEWRITTEN: Final = 0.9
"""The share of a page's characters in monospaced type from which it says nothing: letters, scripts
and court papers are typewritten."""
PROSE_WORDS: Final = 6
MIN_PROSE: Final = 1 / 6
"""Lines of so many plain words are prose; a letter has them, a listing only in its comments."""
_WORD: Final = re.compile(r"(?<![^\s(])[A-Za-z][a-z]+(?=[\s.,;:)]|$)")
_CJK: Final = "\u2e80"
MIN_SIGNS: Final = 1 / 3
_SIGNS: Final = re.compile(r"[;{}]\s*$|^\s*(?:[>#$+]\s|\d+:)|<-|==|\w\(|::|->|&&|\|\|")
_SUBSET: Final = re.compile(r"[A-Z]{6}\+")
_NOT_LETTERS: Final = re.compile(r"[\W_]")


def mark_monospaced(page: pymupdf.Page, blocks: Sequence[dict[str, Any]]) -> None:
    """Set the flag for monospaced type on the spans (of `extractDICT`) of fonts that lack it."""
    fonts = monospaced_fonts(page)
    if fonts:
        for block in blocks:
            for line in block.get("lines", ()):
                for span in line["spans"]:
                    if _bare(span["font"]) in fonts:
                        span["flags"] |= pymupdf.TEXT_FONT_MONOSPACED


def monospaced_fonts(page: pymupdf.Page) -> frozenset[str]:
    """Names of the page's fonts whose letters are equally wide, letters and digits alone.

    TeX's typewriter types, the most common of all, lack the flag that says so.
    """
    found = pymupdf._as_pdf_page(page.this, required=False)  # noqa: SLF001 - no public door
    if not found.m_internal:
        return frozenset()
    # Pages share their fonts; what is known of them lives and ends with the open document.
    known: dict[int, str] = vars(page.parent).setdefault(_KNOWN, {})
    numbers: set[int] = set()
    for number, font in _fonts(mupdf.pdf_page_resources(found), set()):
        numbers.add(number)
        if number not in known:
            known[number] = _bare(_SUBSET.sub("", _name(font))) if _is_monospaced(font) else ""
    return frozenset(known[number] for number in numbers if known[number])


def _fonts(resources: mupdf.PdfObj, seen: set[int]) -> Iterator[tuple[int, mupdf.PdfObj]]:
    """Fonts of a page and of its forms, with the numbers of their objects.

    A tenth of the cost of `get_fonts`. One that is written in the resources has no number and is
    left out.
    """
    fonts = mupdf.pdf_dict_gets(resources, "Font")
    for i in range(mupdf.pdf_dict_len(fonts)):
        font = mupdf.pdf_dict_get_val(fonts, i)
        number = mupdf.pdf_to_num(font)
        if number and mupdf.pdf_is_dict(font):
            yield number, font
    forms = mupdf.pdf_dict_gets(resources, "XObject")
    for i in range(mupdf.pdf_dict_len(forms)):
        form = mupdf.pdf_dict_get_val(forms, i)
        own, number = mupdf.pdf_dict_gets(form, "Resources"), mupdf.pdf_to_num(form)
        if own.m_internal and number not in seen:
            seen.add(number)
            yield from _fonts(own, seen)


def _name(font: mupdf.PdfObj) -> str:
    """A font's name, its bytes as characters, as PyMuPDF gives them in spans."""
    name = mupdf.pdf_dict_gets(font, "BaseFont")
    if not name.m_internal or mupdf.pdf_is_null(name):
        name = mupdf.pdf_dict_gets(font, "Name")
    return str(mupdf.pdf_to_name(name)).encode("utf-8", "surrogateescape").decode("latin-1")


def _is_monospaced(font: mupdf.PdfObj) -> bool:
    try:
        if mupdf.pdf_to_name(mupdf.pdf_dict_gets(font, "Subtype")) == "Type0":
            return _are_equal(_widths(font), MIN_GLYPHS)
        return _are_equal(_simple_widths(font), MIN_LETTERS)
    except (ValueError, RuntimeError, mupdf.FzErrorBase):  # damaged: it may still draw its letters
        return False


def _bare(name: str) -> str:
    """A font's name without signs, which are not the same in all places that name it."""
    return _NOT_LETTERS.sub("", name)


def _simple_widths(font: mupdf.PdfObj) -> Iterator[float]:
    """The widths of a font's ASCII letters, those that it has."""
    first = mupdf.pdf_dict_gets(font, "FirstChar")
    if not mupdf.pdf_is_int(first):
        return
    widths = mupdf.pdf_dict_gets(font, "Widths")
    start = mupdf.pdf_to_int(first)
    for i in range(min(mupdf.pdf_array_len(widths), _ASCII - start)):
        if start + i >= 0 and chr(start + i).isalpha():
            width = float(mupdf.pdf_array_get_real(widths, i))
            if width:
                yield width


def _widths(font: mupdf.PdfObj) -> Iterator[float]:
    """The widths that a composite font lists, one a glyph."""
    descendant = mupdf.pdf_array_get(mupdf.pdf_dict_gets(font, "DescendantFonts"), 0)
    listed = mupdf.pdf_dict_gets(descendant, "W")
    at, n = 0, mupdf.pdf_array_len(listed)
    # Either `first [width width ...]`, or `first last width`.
    while at + 1 < n:
        run = mupdf.pdf_array_get(listed, at + 1)
        if mupdf.pdf_is_array(run):
            yield from (
                float(mupdf.pdf_array_get_real(run, i)) for i in range(mupdf.pdf_array_len(run))
            )
            at += 2
        elif at + 2 < n:
            first = mupdf.pdf_array_get_int(listed, at)
            width = float(mupdf.pdf_array_get_real(listed, at + 2))
            yield from [width] * min(mupdf.pdf_to_int(run) - first + 1, MIN_GLYPHS)
            at += 3
        else:
            return


def _are_equal(widths: Iterator[float], least: int) -> bool:
    """Whether there are so many and all are the same; the first that is not ends the search."""
    low = high = next(widths, 0.0)
    count = 1
    for width in widths:
        low, high, count = min(low, width), max(high, width), count + 1
        if high - low >= 1:
            return False
    return count >= least and 0 < low <= MAX_WIDTH


def is_mono(line: Line) -> bool:
    """Whether a line is set in monospaced letters; CJK type is equally wide in every text."""
    return line.mono and 2 * sum(c >= _CJK for c in line.text) < len(line.text)


def is_typewritten(lines: Sequence[Line]) -> bool:
    """Whether nearly all of a page is in monospaced type, and much of it is prose."""
    own = [line for line in lines if is_mono(line)]
    n_mono = sum(len(line.text) for line in own)
    if n_mono < TYPEWRITTEN * sum(len(line.text) for line in lines):
        return False
    prose = sum(len(_WORD.findall(line.text)) >= PROSE_WORDS for line in own)
    return prose >= MIN_PROSE * len(own)


def has_code_signs(rows: Sequence[Line]) -> bool:
    """Whether lines look like code by their signs; for pages where their type does not tell."""
    return sum(bool(_SIGNS.search(row.text)) for row in rows) >= MIN_SIGNS * len(rows)


def follows(above: Sequence[Line], below: Sequence[Line]) -> bool:
    """Whether lines of code go on below others: in their column, a few blank lines down at most."""
    a, b = box_of(above), box_of(below)
    height = max(line.size for line in above)
    apart = b[1] - a[3]
    return -height < apart <= (MAX_BLANK_LINES + 0.5) * 1.2 * height and a[0] < b[2] and b[0] < a[2]


def set_in_columns(rows: Sequence[Line], words: Words) -> list[str]:
    """Lines of code with each word in its column, and blank lines where the page has them.

    Between words that it moves apart, a PDF has no spaces or one: columns come from positions.

    Args:
        rows: the lines, top to bottom.
        words: those of the page.
    """
    held = [_held(row, words) for row in rows]
    widths = [(b[2] - b[0]) / len(w) for ws in held for b, w in ws if len(w) > 1 and w.isascii()]
    if not widths:
        return [row.text.rstrip() for row in rows]
    width, left = median(widths), box_of(rows)[0]
    pitches = [b.box[1] - a.box[1] for a, b in pairwise(rows)]
    pitch = min((p for p in pitches if p > 0.5 * rows[0].size), default=0.0)
    lines: list[str] = []
    for number, (row, own) in enumerate(zip(rows, held, strict=True)):
        if number and pitch:
            blank = round(pitches[number - 1] / pitch) - 1
            lines.extend([""] * min(max(blank, 0), MAX_BLANK_LINES))
        lines.append(_in_columns(row, own, left, width))
    return lines


def _held(row: Line, words: Words) -> list[tuple[Box, str]]:
    x0, y0, x1, y1 = row.box
    return sorted(
        (box, word)
        for box, word in words
        if y0 < (box[1] + box[3]) / 2 < y1 and x0 - 1 < (box[0] + box[2]) / 2 < x1 + 1
    )


def _in_columns(row: Line, words: Words, left: float, width: float) -> str:
    """A line's words at their columns; its own text where the words are not the same letters."""
    text = ""
    for box, word in words:
        column = round((box[0] - left) / width)
        text += " " * max(column - len(text), 1 if text else 0) + word
    own = row.text.replace("\x00", "").rstrip()
    same = text.split() == own.split() or "".join(text.split()) == "".join(own.split())
    return text if same else " " * max(0, round((row.box[0] - left) / width)) + own.lstrip()
