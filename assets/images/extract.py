"""The images stage's worker: a row for every placement on some pages, and each image's bytes once.

Here: from a document's picture blocks to rows of `images` and the bytes of `image_data`. Not here:
which blocks are pictures (the pages stage), how bytes are made (`encode.py`, `render.py`).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypedDict

import pymupdf
from pymupdf import mupdf

from assets.images.encode import Crop, Encoded, Turn, crop_of, encode_image, turn_of
from assets.images.placements import Box, PlacedImage, Placement, placed_images
from assets.images.render import Renderer
from assets.images.roles import (
    FIGURE,
    INSIDE,
    PAGE_SCAN,
    SCAN_SHARE,
    assign_roles,
    is_page_scan,
    share_inside,
)
from assets.images.shown import ROUGH_SIDE, looks_like
from resources.errors import DocumentError, ErrorClass
from resources.workers.documents import describe, error_class_of, open_pdf

MAX_CACHED_BYTES: Final = 256 * 2**20
"""Compressed bytes kept in memory to know an image again: each handle holds on to its own."""
STAMPS: Final = 0.1
"""Share of a scan's text that may be visible: page numbers and stamps that were added later."""
_IMAGE_COMMANDS: Final = frozenset({"fill-image", "fill-imgmask"})
_UNSEEN_TEXT: Final = "ignore-text"

Yielded = tuple[dict[str, Any], bytes | None]


class PictureRequest(TypedDict):
    """A picture block of the pages stage."""

    image_index: int | None
    bbox: Mapping[str, float]


class PageRequest(TypedDict):
    """A page and its picture blocks."""

    page_number: int
    source: str
    pictures: Sequence[PictureRequest]


class ExtractPayload(TypedDict, total=False):
    """What the parent sends: one document and the pages wanted of it."""

    path: str
    passwords: Sequence[str]
    doc_id: str | None
    pages: Sequence[PageRequest]
    keep_scans: bool


@dataclass(frozen=True)
class Stored:
    """What a row says of an image's stored bytes."""

    sha256: str
    format: str
    width: int
    height: int
    n_bytes: int


@dataclass(frozen=True)
class ImageRow:
    """The columns of `images` that the worker fills."""

    page_number: int
    image_index: int
    role: str | None = None
    bbox: Box | None = None
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    format: str | None = None
    n_bytes: int | None = None
    status: str = "skipped"
    error_class: str | None = None
    error: str | None = None

    def stored(self, stored: Stored) -> ImageRow:
        """The row of an image whose bytes are stored."""
        return replace(
            self,
            status="ok",
            sha256=stored.sha256,
            format=stored.format,
            width=stored.width,
            height=stored.height,
            n_bytes=stored.n_bytes,
        )

    def failed(self, error: BaseException, otherwise: ErrorClass) -> ImageRow:
        """The row of an image, or of a page's images, that could not be had."""
        return replace(
            self,
            status="failed",
            error_class=str(error_class_of(error, otherwise)),
            error=describe(error),
        )

    def record(self) -> dict[str, Any]:
        """The row as it is sent to the parent."""
        record = dict(vars(self))
        if self.bbox is not None:
            record["bbox"] = dict(zip(("x0", "y0", "x1", "y1"), self.bbox, strict=True))
        return record


_Key = tuple[int, Turn, Crop | None]
_Known = tuple[mupdf.FzImage, Stored | DocumentError, int]


class _Store:
    """Images of one call: encoded once per handle, turn and crop, given once per content."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._n_bytes = 0
        # The handle itself stays in its entry: while it lives, its address is not used again.
        self._known: OrderedDict[_Key, _Known] = OrderedDict()

    def image(
        self,
        image: mupdf.FzImage,
        placement: Placement,
        accept: Callable[[Encoded], bool] | None = None,
    ) -> tuple[Stored, bytes | None] | None:
        """The image, encoded now or before; None when `accept` looks at its file and says no."""
        turn, crop = turn_of(placement), crop_of(placement)
        key = (image.m_internal_value(), turn, crop)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            if isinstance(known[1], DocumentError):
                raise known[1]
            if accept is None:
                return known[1], None
        try:
            encoded = encode_image(image, turn, crop)
        except DocumentError as error:
            # Remembered: MuPDF complains of a stream once, then hands out what it made up.
            self._remember(key, image, error)
            raise
        if accept is not None and not accept(encoded):
            return None
        stored, data = self.add(encoded)
        self._remember(key, image, stored)
        return stored, data

    def _remember(self, key: _Key, image: mupdf.FzImage, outcome: Stored | DocumentError) -> None:
        if key in self._known:
            return
        n_bytes = mupdf.fz_image_size(image)
        self._known[key] = (image, outcome, n_bytes)
        self._n_bytes += n_bytes
        while self._n_bytes > MAX_CACHED_BYTES:
            self._n_bytes -= self._known.popitem(last=False)[1][2]

    def add(self, encoded: Encoded) -> tuple[Stored, bytes | None]:
        sha256 = hashlib.sha256(encoded.data).hexdigest()
        stored = Stored(sha256, encoded.format, encoded.width, encoded.height, len(encoded.data))
        if sha256 in self._given:
            return stored, None
        self._given.add(sha256)
        return stored, encoded.data


def extract_images(payload: ExtractPayload, progress: Callable[[int], None]) -> Iterator[Yielded]:
    """A row for each placement and each rendered picture of the pages asked for.

    Bytes come with the first row of each distinct image. A page that fails is one failed row with
    image_index 0; an image that fails is its own failed row.

    Raises:
        DocumentError: when the document cannot be opened.

    """
    document = open_pdf(payload["path"], payload["passwords"], payload["doc_id"])
    with document:
        store = _Store()
        for request in payload["pages"]:
            number = request["page_number"]
            progress(number)
            try:
                page = document.load_page(number - 1)
                images = placed_images(page)
            except Exception as error:  # noqa: BLE001 - the page's boundary: recorded, the others go on
                yield ImageRow(number, 0).failed(error, ErrorClass.UNREADABLE).record(), None
                continue
            keep_scans = payload.get("keep_scans", False)
            for row, data in _page_rows(page, images, request, store, keep_scans=keep_scans):
                yield row.record(), data
                progress(number)


def _page_rows(
    page: pymupdf.Page,
    images: Sequence[PlacedImage],
    request: PageRequest,
    store: _Store,
    *,
    keep_scans: bool,
) -> Iterator[tuple[ImageRow, bytes | None]]:
    number = request["page_number"]
    pictures = _pictures(request)
    placements = [placed.placement for placed in images]
    source = request["source"]
    if source == "text_layer" and _is_searchable_scan(page, placements):
        source = "ocr"  # the scan was read before it came to us: the same case
    roles = assign_roles(placements, pictures, page.rect.width, page.rect.height, source)
    renderer = Renderer(page)
    wanted = {FIGURE, PAGE_SCAN} if keep_scans else {FIGURE}
    for placed, role in zip(images, roles, strict=True):
        placement = placed.placement
        row = ImageRow(
            number, placement.index, role, placement.bbox, placement.width, placement.height
        )
        if role in wanted:
            yield _store(row, partial(_image, placed, store, renderer))
        else:
            yield row, None
    for index, box in pictures:
        if index < len(images):
            continue
        if is_page_scan(box, page.rect.width, page.rect.height, source):
            yield ImageRow(number, index, PAGE_SCAN, box), None
            continue
        parts = [
            p.dpi for p in placements if not p.is_shading and share_inside(p.bbox, box) >= INSIDE
        ]
        row = ImageRow(number, index, FIGURE, box)
        yield _store(row, partial(_rendered, box, max(parts, default=0.0), store, renderer))


def _store(
    row: ImageRow, make: Callable[[], tuple[Stored, bytes | None]]
) -> tuple[ImageRow, bytes | None]:
    try:
        stored, data = make()
    except Exception as error:  # noqa: BLE001 - the image's boundary: recorded, the others go on
        return row.failed(error, ErrorClass.IMAGE_FAILED), None
    return row.stored(stored), data


def _image(placed: PlacedImage, store: _Store, renderer: Renderer) -> tuple[Stored, bytes | None]:
    placement = placed.placement
    # A stencil has no colours of its own, a gradient lacks its clip: only the page shows them.
    if not placement.is_stencil and not placement.is_shading:
        accept = None if placed.is_plain else partial(_is_shown, placement, renderer)
        held = store.image(placed.image, placement, accept)
        if held is not None:
            return held
    return _rendered(placement.bbox, placement.dpi, store, renderer)


def _is_shown(placement: Placement, renderer: Renderer, encoded: Encoded) -> bool:
    return looks_like(encoded.data, renderer.rough(placement.bbox, ROUGH_SIDE))


def _rendered(
    box: Box, own_dpi: float, store: _Store, renderer: Renderer
) -> tuple[Stored, bytes | None]:
    return store.add(renderer.render(box, own_dpi))


def _pictures(request: PageRequest) -> list[tuple[int, Box]]:
    pictures: dict[int, Box] = {}
    for picture in request["pictures"]:
        index, box = picture["image_index"], picture["bbox"]
        if index is not None:
            pictures.setdefault(index, (box["x0"], box["y0"], box["x1"], box["y1"]))
    return sorted(pictures.items())


def _is_searchable_scan(page: pymupdf.Page, placements: Sequence[Placement]) -> bool:
    """Whether an image covers the page and the text layer is hidden: invisible or beneath it."""
    least = SCAN_SHARE * page.rect.width * page.rect.height
    if not any(placement.area >= least for placement in placements):
        return False
    seen = total = 0
    for command, box in page.get_bboxlog():
        if command.endswith("text"):
            total += 1
            seen += command != _UNSEEN_TEXT
        elif command in _IMAGE_COMMANDS and abs(pymupdf.Rect(box)) >= least:
            seen = 0  # what was drawn before lies beneath
    return total > 0 and seen <= STAMPS * total
