"""Running headers and footers: which blocks say the same thing on page after page.

Here: the one rule by which a block is left out of a document. Not here: what layout calls a header;
its label alone decides nothing (dropping every block so labelled emptied two real documents).

A block is left out only if it stands in the top or bottom band of its page and its text (digits
masked) recurs on at least 3 pages and 30 % of the odd, even or all pages of a section; never the
only block of a page, never in documents under 3 pages. A section is a run of pages in which the
text comes back at least every `MAX_GAP` pages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from assets.docs.records import Block, Page

Key = tuple[str, str]
Place = tuple[int, int]

BAND: Final = 0.12
"""A band's share of the page's height: an inch of US Letter is 0.09, headers of A4 end at 0.11."""
EDGE: Final = 0.06
WIDEST_BAND: Final = 0.25
"""Where margins are wide a band reaches `EDGE` into what stands on the page, and at most this far:
LaTeX's article class on A4 sets the page number at 0.83, US slip opinions their header at 0.2."""
MIN_PAGES: Final = 3
MIN_SHARE: Final = 0.3
MAX_GAP: Final = 10
MAX_CHARS: Final = 300
"""Longer text in a band is body text or a notice worth keeping."""
MIN_PART: Final = 6
"""Letters that a part of a header needs to be known as one."""
MAX_COMPARED: Final = 100_000
"""Characters of headers that parts are looked up in, whatever the length of the document."""

_DIGITS: Final = re.compile(r"\d+")
_LEADING_NUMBER: Final = re.compile(r"\d{1,4} +(?=[^\W\d])")
_ROMAN: Final = re.compile(r"^[ivxlcdm]{1,8}(?=$| )|(?<= )[ivxlc]{1,8}$")
# Page numbers differ from page to page only in their digits; a heading, caption or item that does
# ("Chapter 1", "Chapter 2") is content, so these kinds must be the same to the letter, and the
# first one stays.
_MASKED_KINDS: Final = frozenset({"header", "footer", "text"})
_ONE_STAYS: Final = "="
_NEVER: Final = frozenset({"annotation", "field", "formula", "code"})


def find_furniture(pages: Sequence[Page], picture_keys: Mapping[Place, str]) -> set[Place]:
    """The (page, block index) of each block that is left out.

    Args:
        pages: all pages of the document.
        picture_keys: the hash of the image that a picture block shows, by (page, block index).
    """
    if len(pages) < MIN_PAGES:
        return set()
    places: dict[Key, list[Block]] = defaultdict(list)
    for page in pages:
        if len(page.blocks) < 2:
            continue
        top, bottom = _bands(page)
        for block in page.blocks:
            band = "top" if block.y1 <= top else "bottom" if block.y0 >= bottom else None
            key = _key(block, band, picture_keys.get((block.page, block.index)))
            if key is not None:
                places[key].append(block)
    found: set[Place] = set()
    recurring: dict[str, str] = {"top": "", "bottom": ""}
    for (band, what), blocks in places.items():
        if len(blocks) >= MIN_PAGES:
            out = _recurring(blocks, keep_first=what.startswith(_ONE_STAYS))
            found.update(out)
            if out and len(recurring[band]) < MAX_COMPARED:
                recurring[band] += f"\n{what}"
    # Some pages give a footer in two blocks where others give it in one.
    for (band, what), blocks in places.items():
        if len(what) >= MIN_PART and what in recurring[band]:
            labelled = (block for block in blocks if block.kind in ("header", "footer"))
            found.update((block.page, block.index) for block in labelled)
    return found if _leaves_text(pages, found) else set()


def _bands(page: Page) -> tuple[float, float]:
    """Where the top band ends and the bottom band begins, in points."""
    height = page.height
    if height <= 0:
        return -1.0, float("inf")
    first, last = min(b.y0 for b in page.blocks), max(b.y1 for b in page.blocks)
    top = max(BAND * height, min(first + EDGE * height, WIDEST_BAND * height))
    bottom = min((1 - BAND) * height, max(last - EDGE * height, (1 - WIDEST_BAND) * height))
    return top, bottom


def _key(block: Block, band: str | None, picture: str | None) -> Key | None:
    if band is None or block.kind in _NEVER:
        return None
    if block.kind == "picture":
        return (
            (band, f"{_ONE_STAYS}picture {picture}") if picture and not block.text.strip() else None
        )
    text = " ".join(block.text.split()).casefold()
    if not text or len(text) > MAX_CHARS:
        return None
    if block.kind in _MASKED_KINDS:
        return (band, _ROMAN.sub("#", _DIGITS.sub("#", text)))
    if _LEADING_NUMBER.match(text):  # "12 SMITH v. JONES"
        return (band, f"{block.kind} {_LEADING_NUMBER.sub('#', text)}")
    return (band, f"{_ONE_STAYS}{block.kind} {text}")


def _recurring(blocks: Sequence[Block], *, keep_first: bool) -> list[Place]:
    """The places of blocks of one key that recur often enough within a section."""
    found: list[Place] = []
    for run in _runs(blocks):
        numbers = sorted({block.page for block in run})
        if len(numbers) < MIN_PAGES or not _dense(numbers):
            continue
        found.extend((block.page, block.index) for block in run[keep_first:])
    return found


def _runs(blocks: Sequence[Block]) -> list[list[Block]]:
    runs: list[list[Block]] = []
    for block in blocks:
        if runs and block.page - runs[-1][-1].page <= MAX_GAP:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs


def _dense(numbers: Sequence[int]) -> bool:
    """Whether the pages are 30 % of all, odd or even pages between the first and the last."""
    if len(numbers) >= MIN_SHARE * (numbers[-1] - numbers[0] + 1):
        return True
    for parity in (0, 1):
        same = [n for n in numbers if n % 2 == parity]
        if len(same) >= MIN_PAGES and len(same) >= MIN_SHARE * ((same[-1] - same[0]) // 2 + 1):
            return True
    return False


def _leaves_text(pages: Sequence[Page], found: set[Place]) -> bool:
    return any(
        block.text.strip() and (block.page, block.index) not in found
        for page in pages
        for block in page.blocks
    )
