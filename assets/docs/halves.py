"""Notes and items of lists that come in two blocks: which block is the second half of one.

Here: a footnote that its column or page had no room for, and an item whose first line alone is
indented. Not here: paragraphs of the body (`joining.py`) and tables (`tables.py`).
"""

from __future__ import annotations

import re
from typing import Final

from assets.docs.joining import MIN_PARAGRAPH_CHARS
from assets.docs.records import Block

SAME_SIZE_POINTS: Final = 0.4
"""Font sizes nearer than this are one size (rounding of text layers)."""
MAX_INDENT: Final = 2.0
"""Ems by which the first line of an item is indented at most."""
LETTER_WIDTH: Final = 0.45
"""Ems; letters of English text are 0.4 to 0.5 wide on average in the usual types."""

# Words, no addresses and no code: "parameters such as the airplane's", "altitude and airspeed".
_BROKEN_OFF: Final = re.compile(r"(?:^|\s)[^\W\d_]+(?:[-'\u2019][^\W\d_]*)?,?\s*$")
_GOES_ON: Final = re.compile(r"\s*[^\W\d_]+[,;.]?\s+[^\W\d_]")
_ITEM_ENDS: Final = tuple(".!?:;")


def note_goes_on(note: Block, block: Block) -> bool:
    """Whether a block is the rest of a note: in the next column or page, in the note's type."""
    if block.kind not in ("text", "footnote") or not (
        len(note.text) >= MIN_PARAGRAPH_CHARS
        and _BROKEN_OFF.search(note.text)
        and block.text.strip()[:1].islower()
        and _GOES_ON.match(block.text)
    ):
        return False
    beside = block.x0 >= note.x1 - 2 or block.x1 <= note.x0 + 2
    if block.page != note.page + 1 and not (block.page == note.page and beside):
        return False
    if block.kind == note.kind == "footnote":
        return True
    return note.source == block.source == "text_layer" and _same_size(note, block)


def item_goes_on(item: Block, block: Block, edge: float) -> bool:
    """Whether a block is the rest of an item whose first line alone is indented.

    It stands right below and further left, and its first word had no room in the item's last line,
    which ends at `edge`.
    """
    words = block.text.split(maxsplit=1)
    if item.kind != "list_item" or block.kind != "text" or block.page != item.page or not words:
        return False
    if not _same_size(item, block) or item.text.rstrip().endswith(_ITEM_ENDS):
        return False
    size = item.font_size or 0.0
    if not (0 < item.x0 - block.x0 <= MAX_INDENT * size and abs(block.y0 - item.y1) < size / 2):
        return False
    return item.x1 + (len(words[0]) + 1) * LETTER_WIDTH * size > edge


def _same_size(one: Block, other: Block) -> bool:
    return (
        one.font_size is not None
        and other.font_size is not None
        and abs(one.font_size - other.font_size) < SAME_SIZE_POINTS
    )
