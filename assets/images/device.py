"""What a page draws, from one run of its commands that hears of images, or of shapes, alone.

Here: each image as it is drawn, with the box that its clips leave and whether it is drawn plainly;
and the boxes of all shapes. Not here: what that makes of a placement (`placements.py`).

A text page would list the same images and lay out all of the page's text besides: this run costs
a third of it where fonts are loaded already, and says what it says together with the boxes.
"""

# ruff: noqa: ANN401 - MuPDF calls a device with structs of its own, which have no types here.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pymupdf
from pymupdf import mupdf

_OPAQUE: Final = 0.99
_PLAIN: Final = 0
_CUT: Final = 1
_SKIPPED: Final = 0.5
"""A text page leaves out images that are fainter than this (MuPDF takes them for watermarks)."""
_UNIT: Final = mupdf.FzRect(0, 0, 1, 1)

Box = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Drawn:
    """One drawing of an image, on the page before /Rotate, origin at its crop box's top left."""

    is_plain: bool
    """Opaque, in no group or mask, and uncut but for rectangles along the page's sides."""
    image: mupdf.FzImage | None = None
    """None for a gradient, of which a text page makes an image by painting it."""
    box: Box = (0.0, 0.0, 0.0, 0.0)
    """Cut to its clips and the page; inside out where nothing is left."""
    matrix: Matrix = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    """From the unit square to the page."""


def drawn_images(page: pymupdf.Page) -> list[Drawn] | None:
    """What a text page lists, images, stencils and gradients, in drawing order; None if it fails.

    A run that fails says nothing of what is wrong: a text page of the same page will.
    """
    watch = _Watch()
    try:
        _run(page, watch, mupdf.FzCookie())
    except (mupdf.FzErrorBase, RuntimeError):
        return None
    return watch.found


def drawn_boxes(page: pymupdf.Page, most: int) -> list[Box]:
    """Boxes of the lines, shapes and images that a page shows, of the page as shown, unordered.

    Each is cut to its clips, unlike those of `page.get_bboxlog`. None of a page with more than
    `most`, nor of one that cannot be run: the caller can do without.
    """
    shapes = _Shapes(most)
    try:
        _run(page, shapes, shapes.cookie)
    except (mupdf.FzErrorBase, RuntimeError):
        return []
    if len(shapes.found) > most:
        return []
    turn, shown = page.rotation_matrix, page.rect
    rects = (pymupdf.Rect(box) * turn & shown for box in shapes.found)
    return [(r.x0, r.y0, r.x1, r.y1) for r in rects if r.is_valid]


def _run(page: pymupdf.Page, device: _Watch | _Shapes, cookie: mupdf.FzCookie) -> None:
    """Run a page as it is before /Rotate, as a text page does, so that the numbers are the same."""
    rotation = page.rotation
    if rotation:
        page.set_rotation(0)
    try:
        device.bounds = mupdf.fz_bound_page(page.this)
        mupdf.fz_run_page(page.this, device, mupdf.FzMatrix(), cookie)
        device.fz_close_device()
    finally:
        if rotation:
            page.set_rotation(rotation)


class _Shapes(mupdf.FzDevice2):  # type: ignore[misc]
    """Notes the box of each line, shape and image, and stops the run when there are too many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.bounds = mupdf.FzRect()
        self.found: list[Box] = []
        self.cookie = mupdf.FzCookie()
        self._most = most
        for name in ("fill_path", "stroke_path", "fill_image", "fill_image_mask"):
            getattr(self, f"use_virtual_{name}")()

    def _note(self, box: Any) -> None:
        box = mupdf.ll_fz_intersect_rect(box, mupdf.ll_fz_device_current_scissor(self.m_internal))
        box = mupdf.ll_fz_intersect_rect(box, self.bounds.internal())
        if box.x0 <= box.x1 and box.y0 <= box.y1:
            self.found.append((box.x0, box.y0, box.x1, box.y1))
            if len(self.found) > self._most:
                self.cookie.m_internal.abort = 1

    def fill_path(self, *given: Any) -> None:
        _, path, _, ctm, *_ = given
        self._note(mupdf.ll_fz_bound_path(path, None, ctm))

    def stroke_path(self, *given: Any) -> None:
        # Not with its stroke, for whose corners MuPDF allows ten times its width.
        _, path, _, ctm, *_ = given
        self._note(mupdf.ll_fz_bound_path(path, None, ctm))

    def fill_image(self, *given: Any) -> None:
        self._note(mupdf.ll_fz_transform_rect(_UNIT.internal(), given[2]))

    def fill_image_mask(self, *given: Any) -> None:
        self._note(mupdf.ll_fz_transform_rect(_UNIT.internal(), given[2]))


class _Watch(mupdf.FzDevice2):  # type: ignore[misc]
    """Notes each image that a text page would list, and how it is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds = mupdf.FzRect()
        self.found: list[Drawn] = []
        self._clips: list[int] = []
        self._groups: list[bool] = []
        for name in (
            *("fill_image", "fill_image_mask", "fill_shade", "clip_path", "clip_stroke_path"),
            *("clip_text", "clip_stroke_text", "clip_image_mask", "pop_clip"),
            *("begin_mask", "end_mask", "begin_group", "end_group", "begin_tile", "end_tile"),
        ):
            getattr(self, f"use_virtual_{name}")()

    def _is_plain(self, alpha: float, own_mask: int = _PLAIN) -> bool:
        is_cut = any(clip not in (_PLAIN, own_mask) for clip in self._clips)
        return alpha >= _OPAQUE and not is_cut and not any(self._groups)

    def _note(self, image: Any, ctm: Any, alpha: float, own_mask: int = _PLAIN) -> None:
        if alpha < _SKIPPED:
            return
        box = mupdf.ll_fz_transform_rect(_UNIT.internal(), ctm)
        box = mupdf.ll_fz_intersect_rect(box, mupdf.ll_fz_device_current_scissor(self.m_internal))
        box = mupdf.ll_fz_intersect_rect(box, self.bounds.internal())
        self.found.append(
            Drawn(
                self._is_plain(alpha, own_mask),
                mupdf.FzImage(mupdf.ll_fz_keep_image(image)),
                (box.x0, box.y0, box.x1, box.y1),
                (ctm.a, ctm.b, ctm.c, ctm.d, ctm.e, ctm.f),
            )
        )

    def fill_image(self, *given: Any) -> None:
        _, image, ctm, alpha, _ = given
        self._note(image, ctm, alpha, int(image.mask.this) if image.mask else _PLAIN)

    def fill_image_mask(self, *given: Any) -> None:
        _, image, ctm, *_, alpha, _ = given
        self._note(image, ctm, alpha)

    def fill_shade(self, *given: Any) -> None:
        alpha = given[-2]
        if alpha >= _SKIPPED:
            self.found.append(Drawn(self._is_plain(alpha)))

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
