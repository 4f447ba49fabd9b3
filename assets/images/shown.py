"""What a page does to its images as it shows them: clips, transparency, masks, slants.

Here: which placements stand on the page just as they are stored, and whether a stored file looks
like the page. Not here: what is done with one that does not (`extract.py` renders it).
"""

# ruff: noqa: ANN401 - MuPDF calls a device with structs of its own, which have no types here.

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import pymupdf
from PIL import Image, ImageChops, ImageStat
from pymupdf import mupdf

from assets.images.placements import Placement

MAX_GAP: Final = 0.03
"""Mean difference of a file from the page, at SIDE pixels, beyond which it shows something else.

Files that do stand as they are stored differ by their resampling: 0.007 at most on made pages
(`bench/quality/made_images.py`), 0.028 on real ones (a screen shot of 76 pixels, enlarged); a clip
to a triangle differs by 0.26, an opacity of 0.6 by 0.2, a turn of 30 degrees by 0.33.
"""
SIDE: Final = 96
FINER: Final = 4
"""The page is rendered finer and then shrunk: MuPDF widens images to whole pixels."""
ROUGH_SIDE: Final = FINER * SIDE
_SLANT: Final = 0.01
"""Share of a side by which a corner may stand off: a pixel at SIDE."""
_OPAQUE: Final = 0.99
_PLAIN: Final = 0
_CUT: Final = 1
_SKIPPED: Final = 0.5
"""A text page leaves out images that are fainter than this (MuPDF takes them for watermarks)."""


def shown_as_stored(page: pymupdf.Page, placements: Sequence[Placement]) -> list[bool]:
    """Whether each placement stands upright, opaque and uncut but for a rectangle.

    False is no verdict: the page has to be looked at. One more run of the page, without text or
    pixels.
    """
    watch = _Watch()
    try:
        mupdf.fz_run_page(page.this, watch, mupdf.FzMatrix(), mupdf.FzCookie())
        watch.fz_close_device()
    except (mupdf.FzErrorBase, RuntimeError):
        return [False] * len(placements)  # what could be run of the page has been, once already
    if len(watch.found) != len(placements):
        return [False] * len(placements)
    return [
        plain and is_straight(placement)
        for plain, placement in zip(watch.found, placements, strict=True)
    ]


def is_straight(placement: Placement) -> bool:
    """Whether the placement has no slant that would show."""
    a, b, c, d, _, _ = placement.transform
    if abs(a) + abs(d) < abs(b) + abs(c):
        a, b, c, d = b, a, d, c
    return abs(b) <= _SLANT * abs(d) and abs(c) <= _SLANT * abs(a)


def looks_like(data: bytes, shown: Image.Image) -> bool:
    """Whether an image file looks like a rendering of the page; its holes on white paper.

    Args:
        data: a PNG or JPEG.
        shown: RGB, ROUGH_SIDE pixels on the longer side.
    """
    size = (max(1, shown.width // FINER), max(1, shown.height // FINER))
    paper = Image.new("RGBA", size, "white")
    paper.alpha_composite(_shrunk(Image.open(io.BytesIO(data)).convert("RGBA"), size))
    difference = ImageChops.difference(paper.convert("RGB"), _shrunk(shown, size))
    means = ImageStat.Stat(difference).mean
    return sum(means) / len(means) <= MAX_GAP * 255


def _shrunk(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture made small and smooth: two shrunk alike differ by what they show alone."""
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


class _Watch(mupdf.FzDevice2):  # type: ignore[misc]
    """Notes of each image, in drawing order, whether it is drawn plainly.

    `found` counts what a text page lists: images, stencils and gradients.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[bool] = []
        self._clips: list[int] = []
        self._groups: list[bool] = []
        for name in (
            *("fill_image", "fill_image_mask", "fill_shade", "clip_path", "clip_stroke_path"),
            *("clip_text", "clip_stroke_text", "clip_image_mask", "pop_clip"),
            *("begin_mask", "end_mask", "begin_group", "end_group", "begin_tile", "end_tile"),
        ):
            getattr(self, f"use_virtual_{name}")()

    def _note(self, alpha: float, own_mask: int = _PLAIN) -> None:
        if alpha >= _SKIPPED:
            is_cut = any(clip not in (_PLAIN, own_mask) for clip in self._clips)
            self.found.append(alpha >= _OPAQUE and not is_cut and not any(self._groups))

    def fill_image(self, *given: Any) -> None:
        mask = given[1].mask
        self._note(given[-2], int(mask.this) if mask else _PLAIN)

    def fill_image_mask(self, *given: Any) -> None:
        self._note(given[-2])

    def fill_shade(self, *given: Any) -> None:
        self._note(given[-2])

    def clip_path(self, *given: Any) -> None:
        _, path, _, ctm, _ = given
        # The box of a placement is cut to rectangles already (`placements.py`).
        self._clips.append(_PLAIN if mupdf.ll_fz_path_is_rect(path, ctm) else _CUT)

    def clip_stroke_path(self, *_: Any) -> None:
        self._clips.append(_CUT)

    def clip_text(self, *_: Any) -> None:
        self._clips.append(_CUT)

    def clip_stroke_text(self, *_: Any) -> None:
        self._clips.append(_CUT)

    def clip_image_mask(self, *given: Any) -> None:
        # An image's own mask comes as a clip around it; it is stored with the image.
        self._clips.append(int(given[1].this))

    def begin_mask(self, *_: Any) -> None:
        self._groups.append(True)

    def end_mask(self, *_: Any) -> None:
        self.end_group()
        self._clips.append(_CUT)  # what was painted since begin_mask hides parts of what follows

    def pop_clip(self, *_: Any) -> None:
        if self._clips:
            self._clips.pop()

    def begin_group(self, *given: Any) -> None:
        blend_mode, alpha = given[-2:]
        self._groups.append(blend_mode != mupdf.FZ_BLEND_NORMAL or alpha < _OPAQUE)

    def end_group(self, *_: Any) -> None:
        if self._groups:
            self._groups.pop()

    def begin_tile(self, *_: Any) -> int:
        self._groups.append(True)
        return 0

    def end_tile(self, *_: Any) -> None:
        if self._groups:
            self._groups.pop()
