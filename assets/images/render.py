"""Rendering a region of a page: for vector figures, tiles, layers, gradients and stencils.

Here: one page's display list, made once and only when needed. Not here: which regions
(`extract.py`).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Final

import pymupdf

from assets.images.encode import MAX_PIXELS, Encoded, encode_pixmap
from assets.images.placements import Box
from resources.errors import DocumentError, ErrorClass

DPI: Final = 150
"""Print of 6 pt is still legible in a figure, and a page of A4 takes 2.2 Mpx."""
MAX_DPI: Final = 300


class Renderer:
    """Renders regions of one page, as a viewer shows them, annotations included."""

    def __init__(self, page: pymupdf.Page) -> None:
        """Interpret nothing yet."""
        self._page = page

    @cached_property
    def _commands(self) -> pymupdf.DisplayList:
        commands: pymupdf.DisplayList = self._page.get_displaylist()
        return commands

    def render(self, box: Box, dpi: float = DPI) -> Encoded:
        """The region as PNG, at fewer dots where it would pass MAX_PIXELS.

        Raises:
            DocumentError: image_failed, when the region lies outside the page or has no area.

        """
        clip = pymupdf.Rect(box) & self._page.rect
        if clip.is_empty:
            raise DocumentError(ErrorClass.IMAGE_FAILED, "the picture has no area on the page")
        scale = min(dpi / 72, math.sqrt(MAX_PIXELS / (clip.width * clip.height)))
        pixmap = self._commands.get_pixmap(
            matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=0, clip=clip
        )
        return encode_pixmap(pixmap)
