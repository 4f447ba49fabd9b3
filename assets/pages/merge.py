"""Blocks from two readers as one page: the text layer's, and those that OCR read in its images.

Here: their common order, and leaving out what stands there twice. Not here: finding either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from assets.pages.geometry import Box, overlap, share_inside
from assets.pages.layout.reading_order import insertion_index
from assets.pages.ocr.reading import OcrResult
from assets.pages.records import Block

SAME: Final = 0.6
"""Intersection over union from which a picture block is the region that was read."""


def merge_scans(own: Sequence[Block], results: Iterable[OcrResult]) -> list[Block]:
    """The few blocks of a text layer and those of the scan that they stand on, in reading order.

    The reader that found more blocks leads, since single blocks are easier to place among many than
    the other way round.
    """
    merged = list(own)
    for result in results:
        many, few = (merged, result.blocks)
        if len(result.blocks) > len(merged):
            many, few = list(result.blocks), tuple(merged)
        for block in few:
            many.insert(insertion_index([b.box for b in many], block.box), block)
        merged = many
    return merged


def merge_pictures(own: Sequence[Block], results: Iterable[tuple[Box, OcrResult]]) -> list[Block]:
    """The blocks of a text layer and those of its pictures of text, each picture's in one piece.

    A picture's text stands after its picture block, or where that would stand.
    """
    merged = list(own)
    for region, result in results:
        pictures = [i for i, b in enumerate(merged) if _is_picture(b, region)]
        at = pictures[0] + 1 if pictures else insertion_index([b.box for b in merged], region)
        merged[at:at] = result.blocks
    return merged


def _is_picture(block: Block, region: Box) -> bool:
    return block.kind == "picture" and overlap(block.box, region) >= SAME


def without_repeats(blocks: Sequence[Block], others: Sequence[Block]) -> list[Block]:
    """Blocks without those that only repeat a form field or comment drawn at their place."""
    if not others:
        return list(blocks)
    return [block for block in blocks if not any(_repeats(block, other) for other in others)]


def _repeats(block: Block, other: Block) -> bool:
    text = " ".join(block.text.split())
    return (
        bool(text)
        and text in " ".join(other.text.split())
        and share_inside(block.box, other.box) > 0.3
    )
