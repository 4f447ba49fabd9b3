"""Running headers and footers: which blocks say the same thing on page after page.

Here: the one rule by which a block is left out of a document. Not here: what layout calls a header;
its label alone decides nothing (dropping every block so labelled emptied two real documents).

A block is left out only if it stands in the top or bottom band of its page and its text (digits
masked) recurs on at least 3 pages and 30 % of the odd, even or all pages of a section; never the
only block of a page, never in documents under 3 pages. A section is a run of pages in which the
text comes back at least every `MAX_GAP` pages.

Once blocks are left out, the band is looked at again from what is then outermost (a header of three
lines is taller than the band); what only that finds, such as the head of a table, stays once. Text
set sideways in the margin, beside everything else on its page, stands in a band of its own: some
publishers stamp every page there.
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
MAX_LOOKS: Final = 3
"""Looks at the bands, each from what the one before left outermost."""
MAX_COMPARED: Final = 100_000
"""Characters of headers that parts are looked up in, whatever the length of the document."""

_DIGITS: Final = re.compile(r"\d+")
_LEADING_NUMBER: Final = re.compile(r"\d{1,6} +(?=[^\W\d])")
_TRAILING_NUMBER: Final = re.compile(r"(?<=\w) +\d{1,6}$")
_LONG_WORD: Final = re.compile(r"[^\W\d_]{3,}")
MIN_TITLE_WORDS: Final = 3
"""Words that a heading has besides a number at its end for that to be a page's: "Step 3" counts."""
SIDEWAYS: Final = 3.0
"""Text set sideways is this much taller than wide."""
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
    found: set[Place] = set()
    for _ in range(MAX_LOOKS):
        more = _look(pages, picture_keys, found)
        if not more:
            break
        found |= more
    return found if _leaves_text(pages, found) else set()


def _look(
    pages: Sequence[Page], picture_keys: Mapping[Place, str], known: set[Place]
) -> set[Place]:
    """What is left out besides what is already known to be."""
    places: dict[Key, list[Block]] = defaultdict(list)
    for page in pages:
        blocks = [b for b in page.blocks if (b.page, b.index) not in known]
        if len(blocks) < 2:
            continue
        top, bottom = _bands(page.height, blocks)
        left, right = _text_edges(blocks)
        for block in blocks:
            band = "top" if block.y1 <= top else "bottom" if block.y0 >= bottom else None
            if _is_sideways(block) and (block.x1 <= left or block.x0 >= right):
                band = "side"
            key = _key(block, band, picture_keys.get((block.page, block.index)))
            if key is not None:
                places[key].append(block)
    found: set[Place] = set()
    recurring: dict[str, str] = {"top": "", "bottom": "", "side": ""}
    for (band, what), blocks in places.items():
        if len(blocks) >= MIN_PAGES:
            out = _recurring(blocks, keep_first=bool(known) or what.startswith(_ONE_STAYS))
            found.update(out)
            if out and len(recurring[band]) < MAX_COMPARED:
                recurring[band] += f"\n{what}"
    # Some pages give a footer in two blocks where others give it in one.
    for (band, what), blocks in places.items():
        if len(what) >= MIN_PART and what in recurring[band]:
            labelled = (block for block in blocks if block.kind in ("header", "footer"))
            found.update((block.page, block.index) for block in labelled)
    return found


def _is_sideways(block: Block) -> bool:
    return len(block.text.strip()) >= MIN_PART and block.y1 - block.y0 > SIDEWAYS * (
        block.x1 - block.x0
    )


def _text_edges(blocks: Sequence[Block]) -> tuple[float, float]:
    """Where the text that is not set sideways starts and ends across the page, in points."""
    upright = [b for b in blocks if b.text.strip() and not _is_sideways(b)]
    if not upright:
        return float("-inf"), float("inf")
    return min(b.x0 for b in upright), max(b.x1 for b in upright)


def _bands(height: float, blocks: Sequence[Block]) -> tuple[float, float]:
    """Where the top band ends and the bottom band begins, in points."""
    if height <= 0:
        return -1.0, float("inf")
    first, last = min(b.y0 for b in blocks), max(b.y1 for b in blocks)
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
    bare = _TRAILING_NUMBER.sub(" #", text)  # "Pump Guide and Manual 12"
    if bare != text and len(_LONG_WORD.findall(bare)) >= MIN_TITLE_WORDS:
        return (band, f"{block.kind} {bare}")
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
