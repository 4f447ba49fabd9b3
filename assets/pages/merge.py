"""Blocks from two readers as one page: the text layer's, and those that OCR read in its images.

Here: their common order, and leaving out what stands there twice. Not here: finding either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assets.pages.geometry import share_inside
from assets.pages.ocr_page import OcrResult
from assets.pages.reading_order import insertion_index
from assets.pages.records import Block


def merge_regions(own: Sequence[Block], results: Iterable[OcrResult]) -> list[Block]:
    """The text layer's blocks and those of OCR'd regions, in reading order.

    A region keeps its own order; the reader that found more blocks leads, since single blocks are
    easier to place among many than the other way round.
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
