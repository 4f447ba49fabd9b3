"""Where images stand on a page: every placement once, in drawing order, with its box as shown.

Here: the numbering of images (`image_index`) that the pages and images stages share. Not here:
what a placement is for (`roles.py`), nor its bytes (`encode.py`).

Placements come from the page's own drawing commands, so that inline images are there and images
that are listed but never drawn are not (`page.get_images()` has it the other way round). Nothing
is decoded: `page.get_image_info(xrefs=True)` decodes every image that the page lists, 3.3 ms a
page against 1.5 on ordinary documents, and gigabytes on hostile ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pymupdf
from pymupdf import mupdf

from assets.images.device import Matrix, drawn_images
from assets.images.recurring import ImageKey

_MAX_FORMS = 8
"""Forms looked into for images; a page with more is run."""
_SLANT: Final = 0.01
"""Share of a side by which a corner may stand off: a pixel of 96."""
_NOWHERE: Final = pymupdf.Rect(0, 0, 0, 0)
FLAGS: Final = pymupdf.TEXT_PRESERVE_IMAGES | pymupdf.TEXT_CLIP
"""What a text page needs to list the images with the boxes that their clips leave of them. The
pages stage's flags hold both, so that its boxes are these."""
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in points, origin top left, of the page as a viewer shows it."""
_Found = tuple[Box, Matrix, mupdf.FzImage]
"""Box, matrix and image of a drawing, on the page before /Rotate."""


@dataclass(frozen=True)
class Placement:
    """One drawing of one image on a page."""

    index: int
    """From 0 in drawing order: the `image_index` of the images table and of picture blocks."""
    bbox: Box
    """As shown, cut to the page and to the bounds of its clip; no area when nothing is left."""
    transform: tuple[float, float, float, float, float, float]
    """From the unit square (origin top left) to the page as shown; its turn and mirroring."""
    width: int
    """Pixels as stored in the document."""
    height: int
    """Pixels as stored in the document."""
    has_mask: bool
    """Has a soft or stencil mask of its own: parts of it are see-through."""
    is_stencil: bool
    """Is itself a stencil through which a colour is painted: it has no colours of its own."""
    is_shading: bool
    """Is no image of the document but a gradient, which MuPDF lists among the images."""
    n_bytes: int = 0
    """As stored in the document, compressed."""

    @property
    def key(self) -> ImageKey:
        """What is the same of every placement of this image (`recurring.py`)."""
        return (self.width, self.height, self.n_bytes)

    @property
    def area(self) -> float:
        """Square points that the placement takes on the page."""
        return (self.bbox[2] - self.bbox[0]) * (self.bbox[3] - self.bbox[1])

    @property
    def whole(self) -> Box:
        """The box of the whole image, wherever the page or a clip cuts it."""
        a, b, c, d, x, y = self.transform
        x, y = x + min(a, 0) + min(c, 0), y + min(b, 0) + min(d, 0)
        return (x, y, x + abs(a) + abs(c), y + abs(b) + abs(d))

    @property
    def is_straight(self) -> bool:
        """Whether it has no slant that would show."""
        a, b, c, d, _, _ = self.transform
        if abs(a) + abs(d) < abs(b) + abs(c):
            a, b, c, d = b, a, d, c
        return abs(b) <= _SLANT * abs(d) and abs(c) <= _SLANT * abs(a)

    @property
    def dpi(self) -> float:
        """Stored pixels an inch of the page, the mean of both directions; 0 without an area."""
        a, b, c, d, _, _ = self.transform
        area = abs(a * d - b * c)
        return 72 * math.sqrt(self.width * self.height / area) if area > 0 else 0.0


def may_show_images(page: pymupdf.Page) -> bool:
    """Whether running the page's commands could meet an image at all; True when unsure.

    An image is drawn by name (an XObject, a pattern, a shading), inline (BI), or by an annotation.
    Looking for those takes 0.1 ms against 1.3 ms for running the page, and two pages of five have
    none (1,653 pages of 90 varied documents, where it missed no placement).
    """
    found = pymupdf._as_pdf_page(page.this, required=False)  # noqa: SLF001 - no public door
    if not found.m_internal:
        return True
    try:
        # Links are annotations too, and are not drawn: these are the lists that a run draws.
        if mupdf.pdf_first_annot(found).m_internal or mupdf.pdf_first_widget(found).m_internal:
            return True
        if _names_images(mupdf.pdf_page_resources(found), [_MAX_FORMS]):
            return True
        return b"BI" in page.read_contents()
    except (mupdf.FzErrorBase, RuntimeError, ValueError):
        return True  # whatever is wrong with the page is found, and told, by running it


def _names_images(resources: mupdf.PdfObj, left: list[int]) -> bool:
    """Whether resources name an image, or a form that does; `left` bounds the forms opened."""
    if any(
        mupdf.pdf_dict_len(mupdf.pdf_dict_gets(resources, kind)) for kind in ("Pattern", "Shading")
    ):
        return True
    named = mupdf.pdf_dict_gets(resources, "XObject")
    for number in range(mupdf.pdf_dict_len(named)):
        form = mupdf.pdf_dict_get_val(named, number)
        left[0] -= 1
        if left[0] < 0 or mupdf.pdf_to_name(mupdf.pdf_dict_gets(form, "Subtype")) != "Form":
            return True
        if b"BI" in mupdf.pdf_load_stream(form).fz_buffer_extract_copy():
            return True
        if _names_images(mupdf.pdf_dict_gets(form, "Resources"), left):
            return True
    return False


@dataclass(frozen=True)
class PlacedImage:
    """A placement and the image that is placed."""

    placement: Placement
    image: mupdf.FzImage
    """MuPDF's handle, not yet decoded. It reaches inline images, masks and the compressed bytes
    without a look-up by cross-reference number, which inline images lack."""
    is_plain: bool
    """Upright, opaque and uncut but for a rectangle. False is no verdict: look at the page."""


def placed_images(page: pymupdf.Page) -> list[PlacedImage]:
    """Every placement of a page, with its image, in drawing order."""
    if not may_show_images(page):
        return []
    drawn = drawn_images(page)
    if drawn is not None and all(d.image is not None for d in drawn):
        found = [(d.box, d.matrix, d.image) for d in drawn]
    else:  # what fails tells why, and a gradient is made an image, in a text page alone
        text_page = page.get_textpage(flags=FLAGS)
        found = [_of_block(block) for block in image_blocks(text_page)]
    placements = _placements(page, found)
    plain = [d.is_plain for d in drawn or ()]
    if len(plain) != len(placements):
        plain = [False] * len(placements)
    return [
        PlacedImage(placement, image, is_plain and placement.is_straight)
        for placement, (_, _, image), is_plain in zip(placements, found, plain, strict=True)
    ]


def image_blocks(text_page: pymupdf.TextPage) -> list[mupdf.FzStextBlock]:
    """The images of a text page that was made with `TEXT_PRESERVE_IMAGES`.

    They are MuPDF's own memory, gone with the text page: keep it as long as them.
    """
    return [b for b in text_page.this if b.m_internal.type == mupdf.FZ_STEXT_BLOCK_IMAGE]


def placements_of(page: pymupdf.Page, blocks: Sequence[mupdf.FzStextBlock]) -> list[Placement]:
    """The placements that a page's image blocks stand for, in the same order."""
    return _placements(page, [_of_block(block) for block in blocks])


def _of_block(block: mupdf.FzStextBlock) -> _Found:
    box, matrix = block.m_internal.bbox, block.i_transform()
    return (
        (box.x0, box.y0, box.x1, box.y1),
        (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f),
        block.i_image(),
    )


def _placements(page: pymupdf.Page, found: Sequence[_Found]) -> list[Placement]:
    if not found:
        return []
    # A text page ignores /Rotate; its origin is the top left of the crop box.
    turn = page.rotation_matrix
    shown = page.rect
    return [_placement(index, one, turn, shown) for index, one in enumerate(found)]


@contextmanager
def hidden(blocks: Sequence[mupdf.FzStextBlock]) -> Iterator[None]:
    """Hide image blocks from PyMuPDF's extractions, which would copy or encode their bytes.

    Running a page costs more than all that is made of it, so text and placements come from one run.
    Meanwhile the images pass for vectors, of which an extraction takes the box alone.
    """
    for block in blocks:
        block.m_internal.type = mupdf.FZ_STEXT_BLOCK_VECTOR
    try:
        yield
    finally:
        for block in blocks:
            block.m_internal.type = mupdf.FZ_STEXT_BLOCK_IMAGE


def _placement(index: int, found: _Found, turn: pymupdf.Matrix, shown: pymupdf.Rect) -> Placement:
    inner, matrix, image = found
    # Outside its clip a box is inside out, and PyMuPDF would turn it round.
    box = pymupdf.Rect(inner) * turn if inner[0] < inner[2] and inner[1] < inner[3] else _NOWHERE
    # max(0.0, nan) is 0.0: a box of a damaged page may hold no numbers.
    box = pymupdf.Rect(
        min(shown.width, max(0.0, box.x0)),
        min(shown.height, max(0.0, box.y0)),
        min(shown.width, max(0.0, box.x1)),
        min(shown.height, max(0.0, box.y1)),
    )
    transform = pymupdf.Matrix(*matrix) * turn
    stored = mupdf.ll_fz_compressed_image_buffer(image.m_internal)
    return Placement(
        index=index,
        bbox=(box.x0, box.y0, box.x1, box.y1),
        transform=(
            transform.a,
            transform.b,
            transform.c,
            transform.d,
            transform.e,
            transform.f,
        ),
        width=image.w(),
        height=image.h(),
        has_mask=bool(image.mask().m_internal),
        is_stencil=bool(image.imagemask()),
        # Only what MuPDF made itself has no stream behind it; its colours come without its clip.
        is_shading=not stored,
        n_bytes=stored.buffer.len if stored and stored.buffer else 0,
    )
