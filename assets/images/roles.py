"""What a placement is for: figure, part, page_scan or decoration; and a page's pictures.

Here: decisions from boxes and sizes alone, shared by the pages stage (which makes the picture
blocks) and the images stage (which stores what they refer to). Not here: where placements come
from (`placements.py`), nor whether an image recurs through the document (`recurring.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the preview needs the thresholds alone, in a process that parses nothing
    from assets.images.placements import Box, Placement
    from assets.images.recurring import ImageKey

FIGURE: Final = "figure"
PART: Final = "part"
PAGE_SCAN: Final = "page_scan"
DECORATION: Final = "decoration"

SCAN_SHARE: Final = 0.8
"""An image over this share of a page that was read by OCR is the page itself."""
MIN_PIXELS: Final = 16
"""Fewer pixels than this on a side hold no picture: bullets, rules, shadows, gradients."""
MIN_POINTS: Final = 14.0
"""Shown lower or narrower than a line of 12 pt text, an image is an ornament of the text."""
MIN_SHARE: Final = 0.005
"""Under half a percent of the page (50 x 50 pt of A4) is an icon."""
MAX_RECURRING_SHARE: Final = 0.05
"""Of the page: an image up to this that recurs through the document is a logo or a badge. Those of
letterheads are up to 200 x 60 points, 2.4 % of A4."""
MAX_ASPECT: Final = 20.0
"""Longer than this is a rule or a border."""
INSIDE: Final = 0.7
"""A placement with this share of its area in a rendered picture belongs to that picture."""
TOUCH: Final = 1.0
"""Points between the edges of two tiles of one picture; producers round to whole points."""
STACKED: Final = 0.9
"""Boxes that share this much (intersection over union) are layers of one picture."""
_RASTERED: Final = frozenset({"ocr", "mixed"})


DECORATION_RULE: Final = (
    "Decorations are counted and not stored: images that no picture block refers to, as none is "
    f"made of those with under {MIN_PIXELS} pixels or {MIN_POINTS:g} points on a side, on under "
    f"{MIN_SHARE:.1%} of the page, over {MAX_ASPECT:g} times as long as wide, or on up to "
    f"{MAX_RECURRING_SHARE:.0%} of the page and again on many pages of the document."
)
"""The rule in words, for the materialisation, which counts them as `role_decoration`."""


@dataclass(frozen=True)
class Picture:
    """One picture as a reader sees it: a single placement, or several that make one together."""

    bbox: Box
    placements: tuple[int, ...]
    """Indexes of the placements that it consists of; one for an ordinary image."""

    @property
    def image_index(self) -> int | None:
        """The placement that is this picture, or None when it has to be rendered."""
        return self.placements[0] if len(self.placements) == 1 else None


def propose_pictures(
    placements: Sequence[Placement],
    width: float,
    height: float,
    source: str,
    recurring: Collection[ImageKey] = (),
) -> list[Picture]:
    """The pictures of a page as its placements tell, in drawing order.

    Tiles and layers are one picture; decorations, gradients, and scans of a page read by OCR,
    are none.
    The pages stage makes a `picture` block of each that its layout did not find (of all of them
    when layout is off), so that every stored figure is referred to.
    """
    page_area = width * height
    pictures = []
    for group in group_tiles([p for p in placements if not p.is_shading]):
        box = _union(p.bbox for p in group)
        if is_page_scan(box, width, height, source):
            continue
        if len(group) == 1 and is_decoration(group[0], page_area):
            continue
        if _is_ornament(box, page_area):
            continue
        if all(recurs(p, page_area, recurring) for p in group):
            continue
        pictures.append(Picture(box, tuple(p.index for p in group)))
    return pictures


def assign_roles(
    placements: Sequence[Placement],
    pictures: Iterable[tuple[int, Box]],
    width: float,
    height: float,
    source: str,
) -> list[str]:
    """The role of each placement, given the page's picture blocks as (image_index, box).

    Picture blocks decide what is a figure, so that nothing is stored that no block refers to:
    a placement that none refers to is part of a rendered picture, or a decoration.
    """
    pictures = list(pictures)
    referred = {index for index, _ in pictures}
    rendered = [box for index, box in pictures if index >= len(placements)]
    scans = {
        p.index
        for group in group_tiles(placements)
        if is_page_scan(_union(q.bbox for q in group), width, height, source)
        for p in group
    }
    roles = []
    for placement in placements:
        if placement.index in scans:
            roles.append(PAGE_SCAN)
        elif placement.index in referred:
            roles.append(FIGURE)
        elif any(share_inside(placement.bbox, box) >= INSIDE for box in rendered):
            roles.append(PART)
        else:
            roles.append(DECORATION)
    return roles


def is_page_scan(box: Box, width: float, height: float, source: str) -> bool:
    """Whether an image with this box is the page itself, which OCR has read."""
    return source in _RASTERED and _area(box) >= SCAN_SHARE * width * height


def is_decoration(placement: Placement, page_area: float) -> bool:
    """Whether the placement alone is too small, in pixels or on the page, to be a figure."""
    if min(placement.width, placement.height) < MIN_PIXELS:
        return True
    return _is_ornament(placement.bbox, page_area)


def recurs(placement: Placement, page_area: float, recurring: Collection[ImageKey]) -> bool:
    """Whether the placement is a logo: small, and one of the images that recur (`recurring.py`)."""
    is_small = _area(placement.bbox) <= MAX_RECURRING_SHARE * page_area
    return is_small and placement.key in recurring


def share_inside(box: Box, other: Box) -> float:
    """The share of `box` that lies in `other`; 0 when `box` has no area."""
    area = _area(box)
    return _overlap(box, other) / area if area > 0 else 0.0


def group_tiles(placements: Sequence[Placement]) -> list[list[Placement]]:
    """Placements grouped into pictures: edge to edge tiles and layers; in drawing order.

    Tiles are found by equal edges, sorted, so that ten thousand tiles cost as much as a sort.
    """
    visible = [p for p in placements if p.area > 0]
    parent = {p.index: p.index for p in visible}

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for a, b in _touching(visible):
        low, high = sorted((root(a.index), root(b.index)))
        parent[high] = low
    groups: dict[int, list[Placement]] = {}
    for placement in visible:
        groups.setdefault(root(placement.index), []).append(placement)
    return [groups[key] for key in sorted(groups)]


def _touching(placements: Sequence[Placement]) -> Iterable[tuple[Placement, Placement]]:
    """Neighbours in the same column (equal left and right edges) or row that touch or coincide."""
    for low, high in ((0, 1), (1, 0)):
        lanes: dict[tuple[int, int], list[Placement]] = {}
        for p in placements:
            lanes.setdefault((round(p.bbox[low]), round(p.bbox[low + 2])), []).append(p)
        for lane in lanes.values():
            lane.sort(key=lambda p: (p.bbox[high], p.bbox[high + 2], p.index))
            for a, b in pairwise(lane):
                abut = abs(b.bbox[high] - a.bbox[high + 2]) <= TOUCH
                if abut or _overlap_share(a.bbox, b.bbox) >= STACKED:
                    yield a, b


def _is_ornament(box: Box, page_area: float) -> bool:
    across, down = box[2] - box[0], box[3] - box[1]
    short, long = min(across, down), max(across, down)
    return short < MIN_POINTS or long > MAX_ASPECT * short or across * down < MIN_SHARE * page_area


def _union(boxes: Iterable[Box]) -> Box:
    x0s, y0s, x1s, y1s = zip(*boxes, strict=True)
    return (min(x0s), min(y0s), max(x1s), max(y1s))


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _overlap(box: Box, other: Box) -> float:
    return _area(
        (max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3]))
    )


def _overlap_share(box: Box, other: Box) -> float:
    shared = _overlap(box, other)
    total = _area(box) + _area(other) - shared
    return shared / total if total > 0 else 0.0
