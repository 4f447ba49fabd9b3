"""Parts of a page that OCR reads beside a text layer: pictures that hold text.

Here: which pictures those are, by a look at each, and reading one without losing the page if it
fails. Not here: which pictures are candidates (`route.py`), what a look sees
(`text_pictures.py`), and how readings are put together (`../merge.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pymupdf

from assets.pages.geometry import Box, share_inside
from assets.pages.ocr.reading import OcrResult, PageReader
from assets.pages.routing.route import MAX_REGIONS, Picture, holds_unread_text
from assets.pages.routing.text_pictures import look_at
from assets.pages.text_layer import TextLayer
from resources.errors import DocumentError


def text_regions(
    page: pymupdf.Page, layer: TextLayer, pictures: Sequence[Picture]
) -> tuple[Box, ...]:
    """The pictures that hold text which no layer has: at most `MAX_REGIONS`, and as many strips."""
    found: list[Box] = []
    n_read = {False: 0, True: 0}
    for picture in pictures:
        if n_read[picture.is_strip] == MAX_REGIONS:
            continue
        if any(share_inside(picture.box, other) > 0.5 for other in found):
            continue
        look = look_at(page, layer.turn.back(picture.box))
        is_text = look.is_text_strip if picture.is_strip else look.is_text
        if is_text and holds_unread_text(picture, look.n_marks):
            found.append(picture.box)
            n_read[picture.is_strip] += 1
    return tuple(found)


def read_region(
    reader: PageReader,
    page: pymupdf.Page,
    progress: Callable[[], None],
    region: Box,
    covered: Sequence[Box] = (),
) -> OcrResult:
    """What OCR reads in a part of a page; a failure is its problem, since the text layer stays."""
    try:
        return reader.read(page, progress, region, covered)
    except DocumentError as error:
        return OcrResult(problem=str(error))
