"""Picture blocks of a page: which of them is which placed image.

Here: numbering, so that `image_index` means the same in `pages` and `images`, and how far a drawing
reaches. Not here: placements and what is decoration (`assets/images`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from assets.images.placements import Placement
from assets.images.recurring import ImageKey
from assets.images.roles import propose_pictures, recurs
from assets.pages.geometry import Box, overlap, share_inside, union
from assets.pages.layout.reading_order import insertion_index
from assets.pages.records import Block, Source

SAME: Final = 0.6
"""Intersection over union from which a region of the layout and a placement are one picture: the
layout model adds a margin of some points and cuts white borders off."""
COVERED: Final = 0.5
MOSTLY: Final = 0.5
"""Share of a line or shape from which it belongs to the picture that it lies in: at most, a picture
grows to twice its size."""
HAIR: Final = 1.0
"""Points by which a line is widened: it has no area of its own."""
SMALL: Final = 14.0
"""Points: an arrow head or a mark belongs to what it touches."""
CUT: Final = 2.0
"""Points: less is the width of a stroke, and the layout model's own margin."""
LABEL_CHARS: Final = 20
"""Longer text is no label of a figure: a picture does not grow over it."""
MAX_DRAWINGS: Final = 5_000
"""Shapes of a page that are looked at; a map or a cloud of points has more, and keeps its box."""


def with_pictures(
    blocks: Sequence[Block],
    placements: Sequence[Placement],
    size: tuple[float, float],
    source: Source,
    drawings: Callable[[], Sequence[Box]] = tuple,
    recurring: Collection[ImageKey] = (),
) -> list[Block]:
    """Blocks in reading order with every picture of the page among them, each with its index.

    `drawings` gives the boxes of all that is drawn on the page, and is asked when there is a
    drawing among the pictures: the layout model cuts off what reaches far from the rest, such as
    the end of an axis. `recurring` are the images that the document repeats: small ones are no
    pictures, whether the layout found them or not.

    A picture of the layout keeps its place; a placement that the layout did not see gets a block of
    its own. A block without one matching placement (a drawing, or tiles) is numbered after them.
    """
    proposals = propose_pictures(placements, *size, source, recurring)
    page_area = size[0] * size[1]
    logos = [p.bbox for p in placements if recurs(p, page_area, recurring)]
    result = [b for b in blocks if b.kind != "picture" or not _is_any(b.box, logos)]
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
    result = _grown(result, drawings)
    for k, proposal in enumerate(proposals):
        if k not in seen:
            picture = Block("picture", proposal.bbox, image_index=proposal.image_index)
            result.insert(_place(result, picture.box), picture)
    return _numbered(result, len(placements))


def _grown(blocks: Sequence[Block], drawings: Callable[[], Sequence[Box]]) -> list[Block]:
    """Blocks whose drawings, pictures without a raster of their own, are as large as what they cut.

    A drawing does not grow over another picture, a table, or text that is no label.
    """
    grown = list(blocks)
    at = [i for i, b in enumerate(blocks) if b.kind == "picture" and b.image_index is None]
    if not at:
        return grown
    pieces = [_widened(box) for box in drawings()]
    for i in at:
        others = [b for k, b in enumerate(grown) if k != i and not _is_label(b)]
        box = blocks[i].box
        for piece in pieces + pieces:  # again, for what holds on to what has been added
            if not _is_cut(piece, box):
                continue
            larger = union((box, piece))
            if not any(_reaches(larger, box, other.box) for other in others):
                box = larger
        grown[i] = blocks[i].moved(box)
    return grown


def _is_cut(piece: Box, box: Box) -> bool:
    """Whether a piece belongs to the picture with this box, and the box cuts something off it."""
    beyond = max(box[0] - piece[0], box[1] - piece[1], piece[2] - box[2], piece[3] - box[3])
    if beyond <= CUT:
        return False
    inside = share_inside(piece, box)
    is_small = max(piece[2] - piece[0], piece[3] - piece[1]) <= SMALL
    return inside > MOSTLY or (is_small and inside > 0)


def _widened(box: Box) -> Box:
    return (box[0] - HAIR / 2, box[1] - HAIR / 2, box[2] + HAIR / 2, box[3] + HAIR / 2)


def _is_label(block: Block) -> bool:
    return block.kind not in ("picture", "table") and len(block.text) <= LABEL_CHARS


def _reaches(larger: Box, box: Box, other: Box) -> bool:
    """Whether a picture would cover more of another block than it does already."""
    return share_inside(other, larger) > share_inside(other, box) + 0.05


def _place(blocks: Sequence[Block], picture: Box) -> int:
    """Where a picture stands among blocks: before the text that OCR read in it."""
    read = (
        i
        for i, block in enumerate(blocks)
        if block.source == "ocr" and share_inside(block.box, picture) > COVERED
    )
    first = next(read, None)
    return insertion_index([b.box for b in blocks], picture) if first is None else first


def _is_any(block: Box, pictures: Sequence[Box]) -> bool:
    return any(_is_same(block, picture) for picture in pictures)


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
