"""Picture blocks of a page: which of them is which placed image.

Here: numbering, so that `image_index` means the same in `pages` and `images`. Not here: placements
and what is decoration (`assets/images`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from assets.images.placements import Placement
from assets.images.roles import propose_pictures
from assets.pages.geometry import Box, overlap, share_inside
from assets.pages.layout.reading_order import insertion_index
from assets.pages.records import Block, Source

SAME: Final = 0.6
"""Intersection over union from which a region of the layout and a placement are one picture: the
layout model adds a margin of some points and cuts white borders off."""
COVERED: Final = 0.5


def with_pictures(
    blocks: Sequence[Block],
    placements: Sequence[Placement],
    size: tuple[float, float],
    source: Source,
) -> list[Block]:
    """Blocks in reading order with every picture of the page among them, each with its index.

    A picture of the layout keeps its place; a placement that the layout did not see gets a block of
    its own. A block without one matching placement (a drawing, or tiles) is numbered after them.
    """
    proposals = propose_pictures(placements, *size, source)
    result = list(blocks)
    seen: set[int] = set()
    for i, block in enumerate(result):
        if block.kind != "picture":
            continue
        matches = [k for k, p in enumerate(proposals) if _is_same(block.box, p.bbox)]
        inside = [k for k, p in enumerate(proposals) if share_inside(p.bbox, block.box) > COVERED]
        seen.update(matches or inside)
        best = max(matches, key=lambda k: overlap(block.box, proposals[k].bbox), default=None)
        index = proposals[best].image_index if best is not None else None
        # One raster and nothing else: a picture of several is rendered as a whole.
        result[i] = replace(block, image_index=index if len(inside) <= 1 else None)
    for k, proposal in enumerate(proposals):
        if k not in seen:
            picture = Block("picture", proposal.bbox, image_index=proposal.image_index)
            result.insert(_place(result, picture.box), picture)
    return _numbered(result, len(placements))


def _place(blocks: Sequence[Block], picture: Box) -> int:
    """Where a picture stands among blocks: before the text that OCR read in it."""
    read = (
        i
        for i, block in enumerate(blocks)
        if block.source == "ocr" and share_inside(block.box, picture) > COVERED
    )
    first = next(read, None)
    return insertion_index([b.box for b in blocks], picture) if first is None else first


def _is_same(block: Box, picture: Box) -> bool:
    return overlap(block, picture) >= SAME


def _numbered(blocks: Sequence[Block], first: int) -> list[Block]:
    numbered, used = [], set[int]()
    following = first
    for block in blocks:
        if block.kind == "picture":
            index = block.image_index
            if index is None or index in used:
                index, following = following, following + 1
            used.add(index)
            block = replace(block, image_index=index)  # noqa: PLW2901
        numbered.append(block)
    return numbered
