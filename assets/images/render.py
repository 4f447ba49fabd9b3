"""Rendering a region of a page: for vector figures, tiles, layers, gradients and stencils.

Here: one page's display list, made once and only when needed. Not here: which regions
(`extract.py`).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Final

import pymupdf
from PIL import Image

from assets.images.encode import MAX_PIXELS, Encoded, encode_pixmap
from assets.images.placements import Box
from resources.errors import DocumentError, ErrorClass

DPI: Final = 150
"""Print of 6 pt is still legible in a figure, and a page of A4 takes 2.2 Mpx."""
MAX_DPI: Final = 300
FINE_PIXELS: Final = 1_500_000
"""A region whose images hold more dots than DPI is rendered with twice as many as they have (at
their own number, off their own grid, the finest lines blur), up to MAX_DPI and as long as it stays
within this: a quarter of A4 at 300 dpi is 2.2 Mpx, and costs 0.1 s to render and to pack."""


class Renderer:
    """Renders regions of one page, as a viewer shows them, annotations included."""

    def __init__(self, page: pymupdf.Page) -> None:
        """Interpret nothing yet."""
        self._page = page

    @cached_property
    def _commands(self) -> pymupdf.DisplayList:
        commands: pymupdf.DisplayList = self._page.get_displaylist()
        return commands

    def render(self, box: Box, own_dpi: float = 0.0) -> Encoded:
        """The region as PNG, at fewer dots where it would pass MAX_PIXELS.

        Args:
            box: what to render, in points of the page as shown.
            own_dpi: the finest resolution of the images in it; 0 for a drawing.

        Raises:
            DocumentError: image_failed, when the region lies outside the page or has no area.

        """
        area = self._clip(box).get_area()
        fine = min(2 * own_dpi, MAX_DPI, 72 * math.sqrt(FINE_PIXELS / area))
        return encode_pixmap(self._pixmap(box, max(DPI, fine) / 72))

    def rough(self, box: Box, side: int) -> Image.Image:
        """The region in RGB with `side` pixels on its longer side."""
        clip = self._clip(box)
        pixmap = self._pixmap(box, side / max(clip.width, clip.height))
        return Image.frombuffer("RGB", (pixmap.width, pixmap.height), pixmap.samples)

    def _clip(self, box: Box) -> pymupdf.Rect:
        clip = pymupdf.Rect(box) & self._page.rect
        if clip.is_empty:
            raise DocumentError(ErrorClass.IMAGE_FAILED, "the picture has no area on the page")
        return clip

    def _pixmap(self, box: Box, scale: float) -> pymupdf.Pixmap:
        clip = self._clip(box)
        scale = min(scale, math.sqrt(MAX_PIXELS / (clip.width * clip.height)))
        return self._commands.get_pixmap(
            matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=0, clip=clip
        )
